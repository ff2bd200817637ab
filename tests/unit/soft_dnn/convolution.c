/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and their gradients, over strides, padding, dilation, groups, layouts and types, against loops over
 * everything. */
#include "../test.h"

#include <stdbool.h>
#include <string.h>

#include "../soft_blas/numbers.h"
#include "blas/half.h"
#include "graph_of.h"

static cudnnHandle_t handle;

static int make_handle(void **state)
{
    (void)state;
    return cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS;
}

static int drop_handle(void **state)
{
    (void)state;
    return cudnnDestroy(handle) != CUDNN_STATUS_SUCCESS;
}

struct problem {
    int64_t n, c, k, groups, in[2], kernel[2], before[2], after[2], stride[2], dilation[2];
    int type;           /* cudnnDataType_t */
    bool channels_last; /* of all three tensors */
    bool flip;
    double beta;
};

struct array {
    int64_t dims[4], strides[4], n;
    int type;
    void *data;
};

static double load(const struct array *a, int64_t at)
{
    uint16_t bits = a->type == CUDNN_DATA_FLOAT ? 0 : ((const uint16_t *)a->data)[at];
    return a->type == CUDNN_DATA_HALF       ? (double)rrto_soft_float_from_half(bits)
           : a->type == CUDNN_DATA_BFLOAT16 ? (double)rrto_soft_float_from_bfloat(bits)
                                            : (double)((const float *)a->data)[at];
}

static void store(struct array *a, int64_t at, double value)
{
    if (a->type == CUDNN_DATA_HALF)
        ((uint16_t *)a->data)[at] = rrto_soft_half_from_float((float)value);
    else if (a->type == CUDNN_DATA_BFLOAT16)
        ((uint16_t *)a->data)[at] = rrto_soft_bfloat_from_float((float)value);
    else
        ((float *)a->data)[at] = (float)value;
}

static struct array make(const struct problem *p, int64_t d0, int64_t d1, int64_t d2, int64_t d3, uint32_t seed)
{
    struct array a = {.dims = {d0, d1, d2, d3}, .n = d0 * d1 * d2 * d3, .type = p->type};
    int64_t plain[4] = {d1 * d2 * d3, d2 * d3, d3, 1}, last[4] = {d1 * d2 * d3, 1, d1 * d3, d1};
    memcpy(a.strides, p->channels_last ? last : plain, sizeof a.strides);
    a.data = malloc((size_t)a.n * 4 + 4);
    for (int64_t i = 0; i < a.n; i++)
        store(&a, i, next_number(&seed));
    return a;
}

static int64_t at(const struct array *a, int64_t i, int64_t j, int64_t k, int64_t l)
{
    return i * a->strides[0] + j * a->strides[1] + k * a->strides[2] + l * a->strides[3];
}

/* Adds every product of one input, one weight and one output element to whichever of the three is the result. */
static void reference(const struct problem *p, int direction, const struct array *x, const struct array *w,
                      const struct array *y, double *sums)
{
    int64_t group_in = p->c / p->groups, group_out = p->k / p->groups;
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t k = 0; k < p->k; k++)
            for (int64_t c = 0; c < group_in; c++)
                for (int64_t oh = 0; oh < y->dims[2]; oh++)
                    for (int64_t ow = 0; ow < y->dims[3]; ow++)
                        for (int64_t kh = 0; kh < p->kernel[0]; kh++)
                            for (int64_t kw = 0; kw < p->kernel[1]; kw++) {
                                int64_t h = oh * p->stride[0] - p->before[0] + kh * p->dilation[0];
                                int64_t v = ow * p->stride[1] - p->before[1] + kw * p->dilation[1];
                                if (h < 0 || h >= p->in[0] || v < 0 || v >= p->in[1])
                                    continue;
                                int64_t fh = p->flip ? p->kernel[0] - 1 - kh : kh,
                                        fw = p->flip ? p->kernel[1] - 1 - kw : kw;
                                int64_t in = at(x, n, k / group_out * group_in + c, h, v), weight = at(w, k, c, fh, fw),
                                        out = at(y, n, k, oh, ow);
                                if (direction == 0)
                                    sums[out] += load(x, in) * load(w, weight);
                                else if (direction == 1)
                                    sums[in] += load(y, out) * load(w, weight);
                                else
                                    sums[weight] += load(y, out) * load(x, in);
                            }
}

static int64_t out_size(const struct problem *p, int i)
{
    return (p->in[i] + p->before[i] + p->after[i] - (p->kernel[i] - 1) * p->dilation[i] - 1) / p->stride[i] + 1;
}

static void check(const struct problem *p, int direction)
{
    struct array arrays[3] = {make(p, p->n, p->c, p->in[0], p->in[1], 1),
                              make(p, p->k, p->c / p->groups, p->kernel[0], p->kernel[1], 2),
                              make(p, p->n, p->k, out_size(p, 0), out_size(p, 1), 3)};
    struct array *result = direction == 0 ? &arrays[2] : direction == 1 ? &arrays[0] : &arrays[1];
    double *sums = calloc((size_t)result->n, sizeof *sums);
    reference(p, direction, &arrays[0], &arrays[1], &arrays[2], sums);
    for (int64_t i = 0; i < result->n; i++)
        sums[i] = 0.5 * sums[i] + p->beta * load(result, i);
    struct graph_parts parts;
    static const int64_t uids[3] = {UID_X, UID_W, UID_Y};
    for (int i = 0; i < 3; i++)
        parts.tensors[i] = new_tensor(uids[i], p->type, 4, arrays[i].dims, arrays[i].strides);
    parts.convolution = new_convolution(2, p->flip ? 0 : 1, p->before, p->after, p->stride, p->dilation);
    finish_graph(&parts, handle, direction, 0.5, p->beta);
    cudnnBackendDescriptor_t plan = NULL, pack = new_pack(arrays[0].data, arrays[1].data, arrays[2].data);
    OK(new_plan(handle, parts.graph, &plan));
    OK(cudnnBackendExecute(handle, plan, pack));
    double tolerance = p->type == CUDNN_DATA_FLOAT ? 2e-5 : p->type == CUDNN_DATA_HALF ? 1e-3 : 8e-3;
    for (int64_t i = 0; i < result->n; i++)
        assert_close(load(result, i), sums[i], tolerance, direction == 0 ? "y" : direction == 1 ? "dx" : "dw", i);
    OK(cudnnBackendDestroyDescriptor(plan));
    OK(cudnnBackendDestroyDescriptor(pack));
    drop_graph(&parts);
    for (int i = 0; i < 3; i++)
        free(arrays[i].data);
    free(sums);
}

static void check_all(struct problem p)
{
    for (int direction = 0; direction < 3; direction++) {
        for (int variant = 0; variant < 4; variant++) {
            static const int types[4] = {CUDNN_DATA_FLOAT, CUDNN_DATA_FLOAT, CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16};
            p.channels_last = variant & 1;
            p.type = types[variant];
            p.beta = variant == 1 ? 0.25 : 0.0;
            p.flip = variant == 2;
            check(&p, direction);
        }
    }
}

#define SHAPE(...) ((struct problem){__VA_ARGS__, CUDNN_DATA_FLOAT, false, false, 0.0})

static void ordinary(void **state)
{
    (void)state;
    check_all(SHAPE(2, 6, 8, 1, {9, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}));
}

static void strided_and_dilated(void **state)
{
    (void)state;
    check_all(SHAPE(1, 3, 5, 1, {17, 14}, {3, 4}, {2, 0}, {1, 3}, {2, 3}, {1, 1}));
    check_all(SHAPE(1, 3, 5, 1, {17, 14}, {3, 2}, {2, 4}, {2, 4}, {1, 2}, {3, 2}));
    check_all(SHAPE(1, 2, 3, 1, {4, 3}, {1, 3}, {0, 5}, {0, 5}, {1, 2}, {1, 1})); /* columns that see padding only */
}

static void one_by_one(void **state)
{
    (void)state;
    check_all(SHAPE(2, 7, 9, 1, {6, 5}, {1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}));
    check_all(SHAPE(2, 7, 9, 1, {6, 5}, {1, 1}, {0, 0}, {0, 0}, {2, 2}, {1, 1}));
}

static void grouped_and_depthwise(void **state)
{
    (void)state;
    check_all(SHAPE(2, 6, 9, 3, {8, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 2}, {1, 1}));
    check_all(SHAPE(2, 5, 5, 5, {8, 7}, {3, 5}, {1, 2}, {1, 2}, {2, 1}, {1, 1}));
    check_all(SHAPE(1, 4, 8, 4, {8, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {2, 1}));
}

static void large_enough_for_tiles(void **state)
{
    (void)state;
    struct problem p = {1,     48,    66, 1, {30, 33}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, CUDNN_DATA_FLOAT,
                        false, false, 0.0};
    for (int direction = 0; direction < 3; direction++)
        check(&p, direction);
    struct problem deep = {1,     160,   96, 1, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, CUDNN_DATA_FLOAT,
                           false, false, 0.5};
    for (int direction = 0; direction < 3; direction++)
        check(&deep, direction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary),
        cmocka_unit_test(strided_and_dilated),
        cmocka_unit_test(one_by_one),
        cmocka_unit_test(grouped_and_depthwise),
        cmocka_unit_test(large_enough_for_tiles),
    };
    return cmocka_run_group_tests(tests, make_handle, drop_handle);
}
