/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting slices, the k largest or smallest, running sums and products. Sorts are stable and take NaN for the largest
 * value. */
#include "tensor.h"

#include <math.h>
#include <stdlib.h>

struct keyed {
    double key;
    int64_t at;
};

static int ascending(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    bool nan_x = x->key != x->key, nan_y = y->key != y->key;
    if (nan_x != nan_y || (!nan_x && x->key != y->key))
        return nan_x != nan_y ? nan_x - nan_y : x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int descending(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    bool nan_x = x->key != x->key, nan_y = y->key != y->key;
    if (nan_x != nan_y || (!nan_x && x->key != y->key))
        return nan_x != nan_y ? nan_y - nan_x : x->key > y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The keys of one slice. Integers above 2^53 are not told apart. */
static void slice_load(struct keyed *to, enum type type, const struct tensor *tensor, int64_t offset, int64_t stride,
                       int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (struct keyed){element_f64(type, tensor->data, offset + i * stride), i};
}

/* {radix,bitonic,warpMerge}Sort KVInPlace<..., K, V, ...> (keys, slices, size, stride, values, stride of values,
 * order); the types are the last two element types but the index type's. */
static bool bind_sort(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    unsigned n = 0;
    for (unsigned i = 0; i < name->n_args && n < 2; i++)
        if (part_type(name->args[i]) != TYPE_NONE)
            body->types[n++] = part_type(name->args[i]);
    for (unsigned i = 0; i < name->n_args; i++)
        if (part_is(part_base(name->args[i]), "GTOp"))
            body->numbers[0] = 1;
    return n == 2;
}

static int run_sort(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct tensor keys = tensor_read(launch, 0), values = tensor_read(launch, 4);
    int64_t n_slices = param_integer(launch, 1), n = param_integer(launch, 2), stride = param_integer(launch, 3),
            value_stride = param_integer(launch, 5);
    bool down = body->family->variant ? param_integer(launch, 6) : body->numbers[0];
    size_t key_bytes = type_bytes(body->types[0]), value_bytes = type_bytes(body->types[1]);
    struct keyed *order = malloc(sizeof *order * (size_t)(n + 1));
    uint8_t *copy = malloc((key_bytes + value_bytes) * (size_t)(n + 1));
    for (int64_t slice = 0; order && copy && slice < n_slices; slice++) {
        int64_t at = tensor_offset(&keys, slice), value_at = tensor_offset(&values, slice);
        slice_load(order, body->types[0], &keys, at, stride, n);
        qsort(order, (size_t)n, sizeof *order, down ? descending : ascending);
        uint8_t *k = keys.data + at * (int64_t)key_bytes, *v = values.data + value_at * (int64_t)value_bytes,
                *v_copy = copy + key_bytes * (size_t)n;
        elements_gather(copy, k, (ptrdiff_t)(stride * (int64_t)key_bytes), key_bytes, (size_t)n);
        elements_gather(v_copy, v, (ptrdiff_t)(value_stride * (int64_t)value_bytes), value_bytes, (size_t)n);
        for (int64_t i = 0; i < n; i++) {
            memcpy(k + i * stride * (int64_t)key_bytes, copy + order[i].at * (int64_t)key_bytes, key_bytes);
            memcpy(v + i * value_stride * (int64_t)value_bytes, v_copy + order[i].at * (int64_t)value_bytes,
                   value_bytes);
        }
    }
    bool ok = order && copy;
    free(order);
    free(copy);
    return ok ? 0 : -1;
}

/* sbtopk::gatherTopK<T, index, ...> (input, size, k, largest, slices, stride, values, stride, indices, stride, ...): in
 * order of position, as the device leaves them: those beyond the k-th value first, then those equal to it. */
static int run_top_k(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    struct tensor input = tensor_read(launch, 0), values = tensor_read(launch, 6), indices = tensor_read(launch, 8);
    int64_t n = param_integer(launch, 1), k = param_integer(launch, 2), n_slices = param_integer(launch, 4),
            stride = param_integer(launch, 5);
    int64_t value_stride = param_integer(launch, 7), index_stride = param_integer(launch, 9);
    struct keyed *order = malloc(sizeof *order * (size_t)(n + 1)), *found = malloc(sizeof *found * (size_t)(n + 1));
    for (int64_t slice = 0; order && found && slice < n_slices && k > 0; slice++) {
        slice_load(order, type, &input, tensor_offset(&input, slice), stride, n);
        memcpy(found, order, sizeof *order * (size_t)n);
        qsort(order, (size_t)n, sizeof *order, param_integer(launch, 3) ? descending : ascending);
        double limit = order[k - 1].key;
        int64_t done = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int64_t i = 0; i < n && done < k; i++) {
                double key = found[i].key;
                bool equal = key == limit || (key != key && limit != limit);
                bool beyond =
                    !equal && (param_integer(launch, 3) ? key > limit || key != key : key < limit || limit != limit);
                if (pass ? !equal : !beyond)
                    continue;
                element_put_f64(type, values.data, tensor_offset(&values, slice) + done * value_stride, key);
                element_put_i64(TYPE_I64, indices.data, tensor_offset(&indices, slice) + done * index_stride, i);
                done++;
            }
    }
    bool ok = order && found;
    free(order);
    free(found);
    return ok ? 0 : -1;
}

/* mbtopk::fill<u32, index> (buffer, value, n): where the digits of the k-th value are collected */
static bool bind_fill(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)body, (void)image;
    return name->n_args == 2 && part_type(name->args[0]) == TYPE_U32;
}

/* CUB's sum of the blocks' counts, slice by slice */
static bool bind_top_k_scan(struct kernel_body *body, const struct kernel_name *name,
                            const struct rrto_kernel_image *image)
{
    (void)body, (void)image;
    for (unsigned i = 0; i < name->n_args; i++)
        if (part_contains(name->args[i], "mbtopk::BlockIdxToKey"))
            return true;
    return false;
}

/* tensor_kernel_scan_innermost_dim<T, op> (to, from, rows, size, ...); _outer_dim<T, index, op> (to, from, outer,
 * inner, size, ...) */
static bool bind_scan(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    if (!name->n_args)
        return false;
    struct part op = part_base(name->args[name->n_args - 1]);
    body->types[0] = part_type(name->args[0]);
    body->numbers[0] = part_is(op, "multiplies");
    return type_bytes(body->types[0]) && (body->numbers[0] || part_is(op, "plus"));
}

static int run_scan(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    int64_t outer = param_integer(launch, 2), inner = body->family->variant ? param_integer(launch, 3) : 1;
    int64_t size = param_integer(launch, body->family->variant ? 4 : 3);
    for (int64_t row = 0; row < outer * inner; row++) {
        int64_t at = row / inner * size * inner + row % inner;
        double real = body->numbers[0] ? 1 : 0;
        uint64_t integer = body->numbers[0] ? 1 : 0;
        for (int64_t i = 0; i < size; i++, at += inner) {
            if (type_class(type) == CLASS_I64) {
                uint64_t value = (uint64_t)element_i64(type, param_pointer(launch, 1), at);
                integer = body->numbers[0] ? integer * value : integer + value;
                element_put_i64(type, param_pointer(launch, 0), at, (int64_t)integer);
            } else {
                double value = element_f64(type, param_pointer(launch, 1), at);
                real = body->numbers[0] ? real * value : real + value;
                element_put_f64(type, param_pointer(launch, 0), at, real);
            }
        }
    }
    return 0;
}

const struct family families_sort[] = {
    {.name = "radixSortKVInPlace", .bind = bind_sort, .run = run_sort, .variant = 1, .n_params = 7},
    {.name = "bitonicSortKVInPlace", .bind = bind_sort, .run = run_sort, .n_params = 6},
    {.name = "warpMergeSortKVInPlace", .bind = bind_sort, .run = run_sort, .n_params = 6},
    {.name = "gatherTopK", .run = run_top_k, .n_params = 11},
    /* The steps before gatherTopK that find the k-th value in several blocks: run_top_k finds it itself, their buffers
       stay as they are. */
    {.name = "radixFindKthValues", .bind = bind_nothing, .run = run_nothing},
    {.name = "computeBlockDigitCounts", .bind = bind_nothing, .run = run_nothing},
    {.name = "computeDigitCumSum", .bind = bind_nothing, .run = run_nothing},
    {.name = "computeBlockwiseKthCounts", .bind = bind_nothing, .run = run_nothing},
    {.name = "computeBlockwiseWithinKCounts", .bind = bind_nothing, .run = run_nothing},
    {.name = "fill", .bind = bind_fill, .run = run_nothing, .n_params = 3},
    {.name = "DeviceScanByKeyInitKernel", .bind = bind_top_k_scan, .run = run_nothing},
    {.name = "DeviceScanByKeyKernel", .bind = bind_top_k_scan, .run = run_nothing},
    {.name = "tensor_kernel_scan_innermost_dim", .bind = bind_scan, .run = run_scan, .n_params = 4},
    {.name = "tensor_kernel_scan_outer_dim", .bind = bind_scan, .run = run_scan, .variant = 1, .n_params = 5},
    {0},
};
