/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and its logarithm: over rows (warp and block kernels) and over a middle dimension (spatial). Exponentials and
 * sums are made in double. */
#include "body.h"

#include <math.h>
#include <stdlib.h>

/* types: 0 input, 1 output; numbers: 0 logarithm, 1 masked */
enum { LOGARITHM, MASKED };

/* In place; masked elements are -infinity before and 0 after. */
static void softmax_row(double *x, int64_t n, bool logarithm)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = x[i] > most || x[i] != x[i] ? x[i] : most;
    for (int64_t i = 0; i < n; i++) {
        double e = exp(x[i] - most);
        sum += e;
        x[i] = logarithm ? x[i] - most : e;
    }
    double last = logarithm ? log(sum) : 1 / sum;
    for (int64_t i = 0; i < n; i++)
        x[i] = logarithm ? x[i] - last : x[i] * last;
}

/* The input type is the first type among the arguments, the output's the third (input, accumulator, output), or the
 * second for warps. */
static bool bind_types(struct kernel_body *body, const struct kernel_name *name, unsigned output)
{
    unsigned n = 0;
    for (unsigned i = 0; i < name->n_args; i++) {
        if (part_type(name->args[i]) == TYPE_NONE)
            continue;
        if (n == 0)
            body->types[0] = part_type(name->args[i]);
        if (n == output)
            body->types[1] = part_type(name->args[i]);
        n++;
    }
    return n > output;
}

static bool bind_block(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    for (unsigned i = 0; i < name->n_args; i++) {
        body->numbers[LOGARITHM] |= part_is(name->args[i], "LogSoftMaxForwardEpilogue");
        if (part_contains(name->args[i], "MaskedSoftmax"))
            return false;
    }
    return bind_types(body, name, 2);
}

static bool bind_warp(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args < 6)
        return false;
    body->numbers[LOGARITHM] = part_number(name->args[4], 0);
    body->numbers[MASKED] = part_number(name->args[5], 0);
    return bind_types(body, name, 1);
}

/* rows x n elements; the row pitch is in elements. mask: a byte per element of the mask's row, or NULL. */
struct rows {
    uint8_t *to;
    const uint8_t *from;
    int64_t n_rows, n, pitch, element_pitch;
    const uint8_t *mask;
    int64_t rows_per_mask;
};

static int softmax_rows(const struct kernel_body *body, const struct rows *rows)
{
    enum type in = body->types[0], out = body->types[1];
    double *x = malloc(sizeof *x * (size_t)(rows->n + 1));
    if (!x)
        return -1;
    for (int64_t row = 0; row < rows->n_rows; row++) {
        const uint8_t *from = rows->from + row * rows->pitch * (int64_t)type_bytes(in);
        type_load(CLASS_F64, in)(x, from, (size_t)rows->n);
        const uint8_t *mask = rows->mask ? rows->mask + row / rows->rows_per_mask * rows->pitch : NULL;
        for (int64_t i = 0; mask && i < rows->n; i++)
            x[i] = mask[i] ? -INFINITY : x[i];
        softmax_row(x, rows->n, body->numbers[LOGARITHM]);
        type_store(out, CLASS_F64)(rows->to + row * rows->pitch * (int64_t)type_bytes(out), x, (size_t)rows->n);
    }
    free(x);
    return 0;
}

/* (output, input, batch, pitch, elements, mask, rows per mask, transformer mask) */
static int run_warp(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct rows rows = {
        .to = param_pointer(launch, 0),
        .from = param_pointer(launch, 1),
        .n_rows = param_integer(launch, 2),
        .pitch = param_integer(launch, 3),
        .n = param_integer(launch, 4),
        .rows_per_mask = 1,
    };
    if (body->numbers[MASKED]) {
        rows.mask = param_pointer(launch, 5);
        if (param_integer(launch, 7))
            rows.rows_per_mask = param_integer(launch, 6);
    }
    return softmax_rows(body, &rows);
}

/* (output, input, classes): a block per row */
static int run_block(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 2);
    struct rows rows = {.to = param_pointer(launch, 0),
                        .from = param_pointer(launch, 1),
                        .n_rows = launch->grid[0],
                        .n = n,
                        .pitch = n};
    return softmax_rows(body, &rows);
}

/* (output, input, outer, dim, inner) */
static int run_spatial(const struct kernel_body *body, const struct kernel_launch *launch)
{
    uint8_t *to = param_pointer(launch, 0), *from = param_pointer(launch, 1);
    int64_t outer = param_integer(launch, 2), dim = param_integer(launch, 3), inner = param_integer(launch, 4);
    double *x = malloc(sizeof *x * (size_t)(dim + 1));
    if (!x)
        return -1;
    for (int64_t row = 0; row < outer * inner; row++) {
        int64_t start = row / inner * dim * inner + row % inner;
        for (int64_t i = 0; i < dim; i++)
            x[i] = element_f64(body->types[0], from, start + i * inner);
        softmax_row(x, dim, body->numbers[LOGARITHM]);
        for (int64_t i = 0; i < dim; i++)
            element_put_f64(body->types[1], to, start + i * inner, x[i]);
    }
    free(x);
    return 0;
}

/* nll_loss_forward_reduce_cuda_kernel_2d<T, accumulator, I> (output, total weight, input, target, weights, mean, n,
 * pitch, classes, ignored class) */
static bool bind_likelihood(struct kernel_body *body, const struct kernel_name *name,
                            const struct rrto_kernel_image *image)
{
    (void)image;
    body->types[0] = name->n_args > 1 ? part_type(name->args[0]) : TYPE_NONE;
    body->types[1] = name->n_args > 1 ? part_type(name->args[name->n_args - 1]) : TYPE_NONE;
    return type_bytes(body->types[0]) && type_bytes(body->types[1]);
}

static int run_likelihood(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    int64_t n = param_integer(launch, 6), pitch = param_integer(launch, 7), classes = param_integer(launch, 8),
            ignored = param_integer(launch, 9);
    const uint8_t *weights = param_pointer(launch, 4);
    double sum = 0, total = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t target = element_i64(body->types[1], param_pointer(launch, 3), i);
        if (target == ignored)
            continue;
        if (target < 0 || target >= classes)
            return -1; /* the device would assert */
        double weight = weights ? element_f64(type, weights, target) : 1;
        sum -= weight * element_f64(type, param_pointer(launch, 2), i * pitch + target);
        total += weight;
    }
    element_put_f64(type, param_pointer(launch, 1), 0, total);
    element_put_f64(type, param_pointer(launch, 0), 0, param_integer(launch, 5) ? sum / total : sum);
    return 0;
}

const struct family families_softmax[] = {
    {.name = "softmax_warp_forward", .bind = bind_warp, .run = run_warp, .n_params = 8},
    {.name = "cunn_SoftMaxForward", .bind = bind_block, .run = run_block, .n_params = 3},
    {.name = "cunn_SoftMaxForwardSmem", .bind = bind_block, .run = run_block, .n_params = 3},
    {.name = "cunn_SoftMaxForwardReg", .bind = bind_block, .run = run_block, .n_params = 3},
    {.name = "cunn_SoftMaxForwardGmem", .bind = bind_block, .run = run_block, .n_params = 3},
    {.name = "cunn_SpatialSoftMaxForward", .bind = bind_block, .run = run_spatial, .n_params = 5},
    {.name = "nll_loss_forward_reduce_cuda_kernel_2d", .bind = bind_likelihood, .run = run_likelihood, .n_params = 10},
    {0},
};
