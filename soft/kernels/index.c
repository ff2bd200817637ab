/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced indexing: x[i, j] read and written, and gathering whole rows.
 *
 * index_elementwise_kernel<..., gpu_index_kernel<f>::lambda> (n, object): OffsetCalculator<3> of (output, input,
 * indices), output, input, n_indices, then 25 each of index pointers, sizes, strides (bytes). */
#include "body.h"

enum { WRITES = 0, BYTES = 1 };

static bool bind_index(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    struct part inner[1], element[1], size[1];
    (void)image;
    if (name->n_args < 3 || !part_is(part_base(name->args[2]), "gpu_index_kernel") ||
        !part_template(name->args[2], inner, 1))
        return false;
    body->numbers[WRITES] = part_is(part_base(inner[0]), "index_put_kernel_impl");
    if (!body->numbers[WRITES] && !part_is(part_base(inner[0]), "index_kernel_impl"))
        return false;
    if (!part_template(inner[0], element, 1) || !part_template(element[0], size, 1))
        return false;
    body->numbers[BYTES] = part_number(size[0], 0);
    return body->numbers[BYTES] > 0;
}

static int run_index(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const uint8_t *object = launch->params + launch->image->offsets[1],
                  *after = object + ((offsets_bytes(3) + 7) & ~7u);
    struct offsets offsets = offsets_read(object, 3);
    uint8_t *output, *pointers[25];
    const uint8_t *input;
    int32_t n_indices;
    int64_t sizes[25], strides[25];
    memcpy(&output, after, 8);
    memcpy(&input, after + 8, 8);
    memcpy(&n_indices, after + 16, 4);
    memcpy(pointers, after + 24, 200);
    memcpy(sizes, after + 224, 200);
    memcpy(strides, after + 424, 200);
    if (n_indices < 0 || n_indices > 25)
        return -1;
    size_t bytes = (size_t)body->numbers[BYTES];
    for (int64_t i = 0, n = param_integer(launch, 0); i < n; i++) {
        uint32_t at = offsets_get(&offsets, 2, (uint64_t)i);
        int64_t offset = 0;
        for (int32_t k = 0; k < n_indices; k++) {
            int64_t index = type_scalar_i64(TYPE_I64, pointers[k] + at);
            if (index < -sizes[k] || index >= sizes[k])
                return -1; /* the device would assert */
            offset += (index < 0 ? index + sizes[k] : index) * strides[k];
        }
        uint8_t *to = output + offsets_get(&offsets, 0, (uint64_t)i);
        const uint8_t *from = input + offsets_get(&offsets, 1, (uint64_t)i);
        memcpy(to + (body->numbers[WRITES] ? offset : 0), from + (body->numbers[WRITES] ? 0 : offset), bytes);
    }
    return 0;
}

/* index_elementwise_kernel<..., index_copy_kernel_impl<T>::lambda> (n, object): OffsetCalculator<3> of (output,
 * indices, source), output, indices, source, i64 size, i64 stride (elements) */
static bool bind_index_copy(struct kernel_body *body, const struct kernel_name *name,
                            const struct rrto_kernel_image *image)
{
    struct part element[1], size[1];
    if (name->n_args < 3 || !part_is(part_base(name->args[2]), "index_copy_kernel_impl") ||
        !part_template(name->args[2], element, 1) || !part_template(element[0], size, 1) || image->sizes[1] != 648)
        return false;
    body->numbers[BYTES] = part_number(size[0], 0);
    return body->numbers[BYTES] > 0;
}

static int run_index_copy(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const uint8_t *object = launch->params + launch->image->offsets[1], *pointers[3];
    struct offsets offsets = offsets_read(object, 3);
    int64_t bounds[2];
    memcpy(pointers, object + ((offsets_bytes(3) + 7) & ~7u), sizeof pointers);
    memcpy(bounds, object + ((offsets_bytes(3) + 7) & ~7u) + sizeof pointers, sizeof bounds);
    for (int64_t i = 0, n = param_integer(launch, 0); i < n; i++) {
        int64_t index = type_scalar_i64(TYPE_I64, pointers[1] + offsets_get(&offsets, 1, (uint64_t)i));
        if (index < 0 || index >= bounds[0])
            return -1; /* the device would assert */
        memcpy((uint8_t *)pointers[0] + offsets_get(&offsets, 0, (uint64_t)i) +
                   index * bounds[1] * body->numbers[BYTES],
               pointers[2] + offsets_get(&offsets, 2, (uint64_t)i), (size_t)body->numbers[BYTES]);
    }
    return 0;
}

/* index_elementwise_kernel<..., index_fill_kernel_impl<T>::lambda> (n, object): OffsetCalculator<2> of (output,
 * indices), output, indices, i64 size, i64 stride (elements), value */
static bool bind_index_fill(struct kernel_body *body, const struct kernel_name *name,
                            const struct rrto_kernel_image *image)
{
    struct part element[1], size[1];
    if (name->n_args < 3 || !part_is(part_base(name->args[2]), "index_fill_kernel_impl") ||
        !part_template(name->args[2], element, 1) || !part_template(element[0], size, 1))
        return false;
    body->numbers[BYTES] = part_number(size[0], 0);
    return body->numbers[BYTES] > 0 && body->numbers[BYTES] <= 8 && image->sizes[1] == 544;
}

static int run_index_fill(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const uint8_t *object = launch->params + launch->image->offsets[1], *after = object + offsets_bytes(2);
    struct offsets offsets = offsets_read(object, 2);
    uint8_t *output, *indices;
    int64_t bounds[2];
    memcpy(&output, after, 8);
    memcpy(&indices, after + 8, 8);
    memcpy(bounds, after + 16, sizeof bounds);
    for (int64_t i = 0, n = param_integer(launch, 0); i < n; i++) {
        int64_t index = type_scalar_i64(TYPE_I64, indices + offsets_get(&offsets, 1, (uint64_t)i));
        if (index < -bounds[0] || index >= bounds[0])
            return -1; /* the device would assert */
        index += index < 0 ? bounds[0] : 0;
        memcpy(output + offsets_get(&offsets, 0, (uint64_t)i) + index * bounds[1] * body->numbers[BYTES], after + 32,
               (size_t)body->numbers[BYTES]);
    }
    return 0;
}

/* index_elementwise_kernel<..., flip_kernel_impl<T>::lambda> (n, object): OffsetCalculator<2, signed>, output, input */
static bool bind_flip(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    struct part element[1], size[1];
    (void)image;
    if (name->n_args < 3 || !part_is(part_base(name->args[2]), "flip_kernel_impl") ||
        !part_template(name->args[2], element, 1) || !part_template(element[0], size, 1))
        return false;
    body->numbers[BYTES] = part_number(size[0], 0);
    return body->numbers[BYTES] > 0;
}

static int run_flip(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const uint8_t *object = launch->params + launch->image->offsets[1], *input;
    struct offsets offsets = offsets_read(object, 2);
    uint8_t *output;
    memcpy(&output, object + offsets_bytes(2), 8);
    memcpy(&input, object + offsets_bytes(2) + 8, 8);
    for (int64_t i = 0, n = param_integer(launch, 0); i < n; i++)
        memcpy(output + (int32_t)offsets_get(&offsets, 0, (uint64_t)i),
               input + (int32_t)offsets_get(&offsets, 1, (uint64_t)i), (size_t)body->numbers[BYTES]);
    return 0;
}

/* _scatter_gather_elementwise_kernel<..., kernel<scatter, T, I>::operator()<reduction>::lambda> (n, object):
 *   OffsetCalculator<3> of (self, source, index), index, size, -, self, stride, n, source; or, filling,
 *   OffsetCalculator<2> of (self, index), index, size, -, self, stride, n, value. */
enum { FILLS = 2, ADDS = 3 };

static bool bind_scatter(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    struct part inner[3], size[1];
    (void)image;
    if (name->n_args < 3)
        return false;
    struct part functor = name->args[2], base = part_base(functor);
    body->numbers[FILLS] = part_is(base, "_cuda_scatter_fill_internal_kernel");
    if (!body->numbers[FILLS] && !part_is(base, "_cuda_scatter_gather_internal_kernel"))
        return false;
    unsigned first = body->numbers[FILLS] ? 0 : 1;
    if (part_template(functor, inner, 3) != first + 2)
        return false;
    body->numbers[WRITES] = body->numbers[FILLS] || part_number(inner[0], 0);
    body->numbers[ADDS] = part_contains(functor, "<ReduceAdd>");
    body->types[0] = part_type(inner[first]);
    body->types[1] = part_type(inner[first + 1]);
    if (part_template(inner[first], size, 1))
        body->numbers[BYTES] = part_number(size[0], 0);
    else
        body->numbers[BYTES] = (long)type_bytes(body->types[0]);
    if (!body->numbers[ADDS] && !part_contains(functor, "<TensorAssign>"))
        return false;
    return body->numbers[BYTES] > 0 && type_bytes(body->types[1]) &&
           !(body->numbers[ADDS] && body->types[0] == TYPE_NONE);
}

static int run_scatter(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const bool fills = body->numbers[FILLS];
    const uint32_t n_args = fills ? 2 : 3;
    const uint8_t *object = launch->params + launch->image->offsets[1],
                  *after = object + ((offsets_bytes(n_args) + 7) & ~7u), *index, *source;
    struct offsets offsets = offsets_read(object, n_args);
    uint8_t *self;
    int64_t size, stride;
    memcpy(&index, after, 8);
    memcpy(&size, after + 8, 8);
    memcpy(&self, after + 24, 8);
    memcpy(&stride, after + 32, 8);
    memcpy(&source, after + 48, 8);
    size_t bytes = (size_t)body->numbers[BYTES];
    for (int64_t i = 0, n = param_integer(launch, 0); i < n; i++) {
        int64_t at = element_i64(body->types[1], index + offsets_get(&offsets, n_args - 1, (uint64_t)i), 0);
        if (at < 0 || at >= size)
            return -1; /* the device would assert */
        int64_t shift = at * stride * (int64_t)bytes;
        uint8_t *to = self + offsets_get(&offsets, 0, (uint64_t)i) + (body->numbers[WRITES] ? shift : 0);
        const uint8_t *from =
            fills ? after + 48 : source + offsets_get(&offsets, 1, (uint64_t)i) + (body->numbers[WRITES] ? 0 : shift);
        if (!body->numbers[ADDS])
            memcpy(to, from, bytes);
        else if (type_class(body->types[0]) == CLASS_I64)
            element_put_i64(body->types[0], to, 0,
                            element_i64(body->types[0], to, 0) + element_i64(body->types[0], from, 0));
        else
            element_put_f64(body->types[0], to, 0,
                            element_f64(body->types[0], to, 0) + element_f64(body->types[0], from, 0));
    }
    return 0;
}

static bool bind_rows(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    body->types[0] = name->n_args > 1 ? part_type(name->args[1]) : TYPE_NONE;
    return type_bytes(body->types[0]) > 0;
}

/* vectorized_gather_kernel<alignment, I> (output, input, indices, n, slice bytes, size of the dimension, input pitch,
 * output pitch, negative allowed) */
static int run_rows(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 3), slice = param_integer(launch, 4), size = param_integer(launch, 5);
    for (int64_t i = 0; i < n; i++) {
        int64_t index = element_i64(body->types[0], param_pointer(launch, 2), i);
        if (index < 0 && param_integer(launch, 8))
            index += size;
        if (index < 0 || index >= size)
            return -1; /* the device would assert */
        memcpy(param_pointer(launch, 0) + i * param_integer(launch, 7),
               param_pointer(launch, 1) + index * param_integer(launch, 6), (size_t)slice);
    }
    return 0;
}

const struct family families_index[] = {
    {.name = "index_elementwise_kernel", .bind = bind_index_fill, .run = run_index_fill, .n_params = 2},
    {.name = "index_elementwise_kernel", .bind = bind_index_copy, .run = run_index_copy, .n_params = 2},
    {.name = "index_elementwise_kernel", .bind = bind_index, .run = run_index, .n_params = 2},
    {.name = "index_elementwise_kernel", .bind = bind_flip, .run = run_flip, .n_params = 2},
    {.name = "_scatter_gather_elementwise_kernel", .bind = bind_scatter, .run = run_scatter, .n_params = 2},
    {.name = "vectorized_gather_kernel", .bind = bind_rows, .run = run_rows, .n_params = 9},
    {0},
};
