/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of softmax and layer norm. Sums are made in double. */
#include "body.h"

#include <math.h>
#include <stdlib.h>

/* softmax_warp_backward<input, output, accumulator, log2 of the elements, logarithm, masked> (gradient of the input,
 * gradient, output, rows, pitch, elements, mask): of softmax, the gradient comes multiplied with the output. */
static bool bind_softmax(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args < 6)
        return false;
    body->types[0] = part_type(name->args[0]);
    body->types[1] = part_type(name->args[1]);
    body->numbers[0] = part_number(name->args[4], 0);
    return type_bytes(body->types[0]) && type_bytes(body->types[1]) && !part_number(name->args[5], 0);
}

static int run_softmax(const struct kernel_body *body, const struct kernel_launch *launch)
{
    uint8_t *to = param_pointer(launch, 0);
    const uint8_t *gradient = param_pointer(launch, 1), *output = param_pointer(launch, 2);
    int64_t n_rows = param_integer(launch, 3), pitch = param_integer(launch, 4), n = param_integer(launch, 5);
    for (int64_t row = 0; row < n_rows; row++) {
        double sum = 0;
        for (int64_t i = row * pitch; i < row * pitch + n; i++)
            sum += element_f64(body->types[0], gradient, i);
        for (int64_t i = row * pitch; i < row * pitch + n; i++) {
            double y = element_f64(body->types[0], output, i);
            element_put_f64(body->types[1], to, i,
                            element_f64(body->types[0], gradient, i) - (body->numbers[0] ? exp(y) : y) * sum);
        }
    }
    return 0;
}

/* Layer norm. types: 0 element, 1 accumulator; numbers[0]: root mean square only */
static bool bind_norm(struct kernel_body *body, const struct kernel_name *name, unsigned rms)
{
    if (name->n_args < 2)
        return false;
    body->types[0] = part_type(name->args[0]);
    body->types[1] = part_type(name->args[1]);
    body->numbers[0] = name->n_args > rms ? part_number(name->args[rms], 0) : 0;
    return type_bytes(body->types[0]) && type_bytes(body->types[1]);
}

static bool bind_norm_input(struct kernel_body *body, const struct kernel_name *name,
                            const struct rrto_kernel_image *image)
{
    (void)image;
    return bind_norm(body, name, 2);
}

/* (gradient, x, mean, inverse deviation, gamma, gradient of x, n): a block per row */
static int run_norm_input(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    bool rms = body->numbers[0];
    size_t n = (size_t)param_integer(launch, 6);
    const uint8_t *gamma_at = param_pointer(launch, 4);
    double *work = malloc(sizeof *work * 3 * (n + 1)), *gradient = work, *x = work + n, *gamma = work + 2 * n;
    if (!work)
        return -1;
    for (size_t i = 0; i < n; i++)
        gamma[i] = 1;
    if (gamma_at)
        type_load(CLASS_F64, type)(gamma, gamma_at, n);
    for (int64_t row = 0; row < launch->grid[0]; row++) {
        size_t at = (size_t)row * n * type_bytes(type);
        double mean = rms ? 0 : element_f64(body->types[1], param_pointer(launch, 2), row),
               inverse = element_f64(body->types[1], param_pointer(launch, 3), row), sum = 0, product = 0;
        type_load(CLASS_F64, type)(gradient, param_pointer(launch, 0) + at, n);
        type_load(CLASS_F64, type)(x, param_pointer(launch, 1) + at, n);
        for (size_t i = 0; i < n; i++) {
            x[i] = (x[i] - mean) * inverse;
            gradient[i] *= gamma[i];
            sum += gradient[i];
            product += gradient[i] * x[i];
        }
        for (size_t i = 0; i < n; i++)
            gradient[i] = inverse * (gradient[i] - (x[i] * product + (rms ? 0 : sum)) / (double)n);
        type_store(type, CLASS_F64)(param_pointer(launch, 5) + at, gradient, n);
    }
    free(work);
    return 0;
}

/* GammaBetaBackwardCUDAKernelTemplate<T, accumulator, -, -, -, partial, -, rms> (rows, n, gradient, x, mean, inverse
 * deviation, gradient of gamma, of beta) */
static bool bind_norm_weights(struct kernel_body *body, const struct kernel_name *name,
                              const struct rrto_kernel_image *image)
{
    (void)image;
    /* Partial sums, for very many rows, go to another place: not here. */
    return name->n_args >= 7 && part_number(name->args[5], 0) == 0 && bind_norm(body, name, 7);
}

static int run_norm_weights(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    bool rms = body->numbers[0];
    int64_t n_rows = param_integer(launch, 0);
    size_t n = (size_t)param_integer(launch, 1);
    uint8_t *gamma_to = param_pointer(launch, 6), *beta_to = rms ? NULL : param_pointer(launch, 7);
    double *work = calloc(4 * (n + 1), sizeof *work), *gamma = work, *beta = work + n, *gradient = work + 2 * n,
           *x = work + 3 * n;
    if (!work)
        return -1;
    for (int64_t row = 0; row < n_rows; row++) {
        size_t at = (size_t)row * n * type_bytes(type);
        double mean = rms ? 0 : element_f64(body->types[1], param_pointer(launch, 4), row),
               inverse = element_f64(body->types[1], param_pointer(launch, 5), row);
        type_load(CLASS_F64, type)(gradient, param_pointer(launch, 2) + at, n);
        type_load(CLASS_F64, type)(x, param_pointer(launch, 3) + at, n);
        for (size_t i = 0; i < n; i++) {
            gamma[i] += gradient[i] * (x[i] - mean) * inverse;
            beta[i] += gradient[i];
        }
    }
    if (gamma_to)
        type_store(type, CLASS_F64)(gamma_to, gamma, n);
    if (beta_to)
        type_store(type, CLASS_F64)(beta_to, beta, n);
    free(work);
    return 0;
}

const struct family families_backward[] = {
    {.name = "softmax_warp_backward", .bind = bind_softmax, .run = run_softmax, .n_params = 7},
    {.name = "layer_norm_grad_input_kernel_vectorized", .bind = bind_norm_input, .run = run_norm_input, .n_params = 7},
    {.name = "layer_norm_grad_input_kernel", .bind = bind_norm_input, .run = run_norm_input, .n_params = 7},
    {.name = "GammaBetaBackwardCUDAKernelTemplate", .bind = bind_norm_weights, .run = run_norm_weights, .n_params = 8},
    {0},
};
