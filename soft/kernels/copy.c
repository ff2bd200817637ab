/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels that only move elements: concatenation, rolling, triangles, flipping; and ranges. */
#include "tensor.h"

/* ---- concatenation: CatArrayBatchedCopy*<T, index, dims, batch, strides[, alignment, elements per vector]>
 * (output, inputs, sizes and strides of the output, dimension, stride of the dimension); inputs is
 * { pointers[batch], offset[batch], size[batch], n_elements[batch], contiguous[batch], { size[4], stride[4] }[strides]
 * } with u32 integers. */
enum { CAT_BYTES, CAT_DIMS, CAT_BATCH, CAT_STRIDES, CAT_VECTOR };

static bool bind_cat(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    struct part bytes[1];
    if (name->n_args < 5 || !part_template(name->args[0], bytes, 1) || !part_is(name->args[1], "unsigned int"))
        return false;
    body->numbers[CAT_BYTES] = part_number(bytes[0], 0);
    body->numbers[CAT_DIMS] = part_number(name->args[2], 0);
    body->numbers[CAT_BATCH] = part_number(name->args[3], 0);
    body->numbers[CAT_STRIDES] = part_number(name->args[4], 0);
    body->numbers[CAT_VECTOR] = body->family->variant ? name->n_args > 6 ? part_number(name->args[6], 0) : 0 : 1;
    return body->numbers[CAT_BYTES] > 0 && body->numbers[CAT_DIMS] >= 1 && body->numbers[CAT_DIMS] <= 4 &&
           body->numbers[CAT_VECTOR] > 0;
}

/* Sizes and strides, and the offset of the row (the run along the last dimension) that holds an element. */
struct shape {
    uint32_t size[4], stride[4];
};

static uint64_t row_offset(const struct shape *shape, long dims, long concat, uint32_t concat_size, uint64_t index,
                           uint64_t *ret_left)
{
    uint64_t offset = 0;
    for (long dim = dims - 1; dim > 0; dim--) {
        uint64_t size = dim == concat ? concat_size : shape->size[dim];
        size = size ? size : 1;
        offset += index % size * shape->stride[dim];
        if (dim == dims - 1)
            *ret_left = size - index % size;
        index /= size;
    }
    if (dims == 1)
        *ret_left = UINT64_MAX;
    return offset + index * shape->stride[0];
}

static int run_cat(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const long batch = body->numbers[CAT_BATCH], dims = body->numbers[CAT_DIMS], vector = body->numbers[CAT_VECTOR];
    const uint8_t *meta = launch->params + launch->image->offsets[1], *numbers = meta + 8 * batch,
                  *contiguous = numbers + 12 * batch;
    uint8_t *output = param_pointer(launch, 0);
    struct shape out = PARAM(launch, 2, struct shape), in;
    long concat = (long)param_integer(launch, 3);
    uint32_t dim_stride = (uint32_t)param_integer(launch, 4);
    size_t unit = (size_t)(body->numbers[CAT_BYTES] * vector);
    for (uint32_t i = 0; i < launch->grid[1] && i < (uint32_t)batch; i++) {
        uint32_t offset, size, n;
        const uint8_t *input;
        memcpy(&input, meta + 8 * i, 8);
        memcpy(&offset, numbers + 4 * i, 4);
        memcpy(&size, numbers + 4 * (batch + i), 4);
        memcpy(&n, numbers + 4 * (2 * batch + i), 4);
        /* Vectorised: dim_stride is the size of what trails the dimension, the shape is in vectors already. */
        uint64_t start = (uint64_t)offset * dim_stride / (uint64_t)vector;
        uint32_t concat_size =
            vector > 1 || body->family->variant ? (uint32_t)((uint64_t)size * dim_stride / (uint64_t)vector) : size;
        bool packed = body->numbers[CAT_STRIDES] == 1 || contiguous[i];
        if (!packed)
            memcpy(&in, contiguous + batch + sizeof in * i, sizeof in);
        for (uint64_t k = 0, run, left = 1; k < n / (uint32_t)vector; k += run) {
            uint8_t *to = output + (start + row_offset(&out, dims, concat, concat_size, k, &left)) * unit;
            run = left < n / (uint32_t)vector - k ? left : n / (uint32_t)vector - k;
            const uint8_t *from =
                packed ? input + k * unit : input + row_offset(&in, dims, concat, concat_size, k, &left) * unit;
            if (packed && out.stride[dims - 1] == 1)
                memcpy(to, from, run * unit);
            else
                for (uint64_t j = 0; j < run; j++)
                    memcpy(to + j * out.stride[dims - 1] * unit, from + j * (packed ? 1 : in.stride[dims - 1]) * unit,
                           unit);
        }
    }
    return 0;
}

/* ---- ranges: elementwise_kernel_with_index<index, lambda(long)> (n, { start, step }, output); the lambda's number is
 * the type's place in the dispatch */
static bool bind_with_index(struct kernel_body *body, const struct kernel_name *name,
                            const struct rrto_kernel_image *image)
{
    static const enum type dispatch[] = {TYPE_NONE, TYPE_U8,     TYPE_I8,    TYPE_I32,  TYPE_I64,
                                         TYPE_I16,  TYPE_DOUBLE, TYPE_FLOAT, TYPE_HALF, TYPE_BFLOAT16};
    (void)image;
    if (name->n_args < 2 ||
        !(part_is(part_base(name->args[1]), "arange_cuda_out") || part_is(part_base(name->args[1]), "range_cuda_out")))
        return false;
    unsigned number = part_lambda_number(name->args[1], 1);
    body->types[0] = number < sizeof dispatch / sizeof dispatch[0] ? dispatch[number] : TYPE_NONE;
    return body->types[0] != TYPE_NONE;
}

static int run_range(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0], wide = type_class(type) == CLASS_I64 ? TYPE_I64
                                            : type == TYPE_DOUBLE         ? TYPE_DOUBLE
                                                                          : TYPE_FLOAT;
    const uint8_t *object = launch->params + launch->image->offsets[1];
    uint8_t *to = param_pointer(launch, 2);
    int64_t n = param_integer(launch, 0);
    double start = type_scalar_f64(wide, object), step = type_scalar_f64(wide, object + type_bytes(wide));
    int64_t integer_start = type_scalar_i64(wide, object);
    int64_t integer_step = type_scalar_i64(wide, object + type_bytes(wide));
    for (int64_t i = 0; i < n; i++)
        if (wide == TYPE_I64)
            element_put_i64(type, to, i, integer_start + integer_step * i);
        else if (wide == TYPE_FLOAT)
            element_put_f64(type, to, i, (double)((float)start + (float)step * (float)i));
        else
            element_put_f64(type, to, i, start + step * (double)i);
    return 0;
}

/* triu_tril_kernel<T, index, upper, ...> (result, input, diagonal, ...) */
static bool bind_triangle(struct kernel_body *body, const struct kernel_name *name,
                          const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args < 3)
        return false;
    body->types[0] = part_type(name->args[0]);
    body->numbers[0] = part_number(name->args[2], 0);
    return type_bytes(body->types[0]) > 0;
}

static int run_triangle(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct tensor to = tensor_read(launch, 0), from = tensor_read(launch, 1);
    int64_t diagonal = param_integer(launch, 2), rows = to.dims > 1 ? to.size[to.dims - 2] : 1,
            columns = to.dims ? to.size[to.dims - 1] : 1;
    size_t bytes = type_bytes(body->types[0]);
    for (int64_t i = 0, n = tensor_count(&to); i < n; i++) {
        int64_t column = i % columns, row = i / columns % rows;
        bool keep = body->numbers[0] ? column - row >= diagonal : column - row <= diagonal;
        uint8_t *at = to.data + tensor_offset(&to, i) * (int64_t)bytes;
        if (keep)
            memcpy(at, from.data + tensor_offset(&from, i) * (int64_t)bytes, bytes);
        else
            memset(at, 0, bytes);
    }
    return 0;
}

/* indexSelect{Small,Large}Index<T, I, ...> (to, from, indices, dimension of to, of from, ...): `to` has size 1 in its
 * dimension; a slice is everything but the dimension. */
static bool bind_select(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args < 2)
        return false;
    body->types[0] = part_type(name->args[0]);
    body->types[1] = part_type(name->args[1]);
    return type_bytes(body->types[0]) && type_bytes(body->types[1]);
}

static int run_select(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct tensor to = tensor_read(launch, 0), from = tensor_read(launch, 1), indices = tensor_read(launch, 2);
    int64_t to_dim = param_integer(launch, 3), from_dim = param_integer(launch, 4), n_indices = tensor_count(&indices);
    int64_t slice =
        body->family->variant ? n_indices ? param_integer(launch, 5) / n_indices : 0 : param_integer(launch, 5);
    size_t bytes = type_bytes(body->types[0]);
    if (to_dim < 0 || to_dim >= 25 || from_dim < 0 || from_dim >= 25)
        return -1;
    for (int64_t j = 0; j < n_indices; j++) {
        int64_t index = element_i64(body->types[1], indices.data, tensor_offset(&indices, j));
        if (index < 0 || index >= param_integer(launch, body->family->variant ? 7 : 6))
            return -1; /* the device would assert */
        for (int64_t k = 0; k < slice; k++)
            memcpy(to.data + (tensor_offset(&to, k) + j * to.stride[to_dim]) * (int64_t)bytes,
                   from.data + (tensor_offset(&from, k) + index * from.stride[from_dim]) * (int64_t)bytes, bytes);
    }
    return 0;
}

/* roll_cuda_kernel<T> (from, to, n, dimension, start, size, stride, total) */
static int run_roll(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 2), start = param_integer(launch, 4), size = param_integer(launch, 5),
            stride = param_integer(launch, 6);
    size_t bytes = type_bytes(body->types[0]);
    for (int64_t i = 0; i < n; i++) {
        int64_t place = i % (stride * size) / stride,
                source = place >= size - start ? i - (size - start) * stride : i + start * stride;
        memcpy(param_pointer(launch, 1) + (size_t)i * bytes, param_pointer(launch, 0) + (size_t)source * bytes, bytes);
    }
    return 0;
}

const struct family families_copy[] = {
    {.name = "CatArrayBatchedCopy", .bind = bind_cat, .run = run_cat, .n_params = 5},
    {.name = "CatArrayBatchedCopy_contig", .bind = bind_cat, .run = run_cat, .n_params = 5},
    {.name = "CatArrayBatchedCopy_aligned16_contig", .bind = bind_cat, .run = run_cat, .n_params = 5},
    {.name = "CatArrayBatchedCopy_alignedK_contig", .bind = bind_cat, .run = run_cat, .n_params = 5},
    {.name = "CatArrayBatchedCopy_vectorized", .bind = bind_cat, .run = run_cat, .variant = 1, .n_params = 5},
    {.name = "elementwise_kernel_with_index", .bind = bind_with_index, .run = run_range, .n_params = 3},
    {.name = "triu_tril_kernel", .bind = bind_triangle, .run = run_triangle, .n_params = 3},
    {.name = "indexSelectSmallIndex", .bind = bind_select, .run = run_select, .n_params = 7},
    {.name = "indexSelectLargeIndex", .bind = bind_select, .run = run_select, .variant = 1, .n_params = 8},
    {.name = "roll_cuda_kernel", .run = run_roll, .n_params = 8},
    {0},
};
