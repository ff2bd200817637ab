/* SPDX-License-Identifier: Apache-2.0 */
/* Layer norm (with root-mean-square variant), group norm and the native batch norm. Moments are made in double. */
#include "tensor.h"

#include <math.h>
#include <stdlib.h>

/* types: 0 element, 1 accumulator; numbers[0]: root mean square only */

static bool bind_norm(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    if (image->n_params > body->family->n_params + 1)
        return false;
    body->types[0] = name->n_args ? part_type(name->args[0]) : TYPE_NONE;
    body->types[1] = name->n_args > 1 ? part_type(name->args[1]) : body->types[0];
    body->numbers[0] = name->n_args > 2 && part_number(name->args[2], 0);
    return type_bytes(body->types[0]) && type_bytes(body->types[1]);
}

static void moments(const double *x, int64_t n, double epsilon, bool rms, double *ret_mean, double *ret_inverse)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n && !rms; i++)
        sum += x[i];
    double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    *ret_mean = mean;
    *ret_inverse = 1 / sqrt(squares / (double)n + epsilon);
}

/* Normalises rows. gamma, beta may be NULL; given moments are used, else they are made and stored. */
struct layer {
    int64_t n_rows, n;
    const uint8_t *x, *gamma, *beta;
    uint8_t *mean, *inverse, *y;
    bool given;
    double epsilon;
};

static int layer_norm(const struct kernel_body *body, const struct layer *layer)
{
    enum type type = body->types[0], accumulator = body->types[1];
    size_t n = (size_t)layer->n;
    double *work = malloc(sizeof *work * 3 * (n + 1)), *x = work, *gamma = work + n, *beta = work + 2 * n;
    if (!work)
        return -1;
    for (size_t i = 0; i < n; i++) {
        gamma[i] = 1;
        beta[i] = 0;
    }
    if (layer->gamma)
        type_load(CLASS_F64, type)(gamma, layer->gamma, n);
    if (layer->beta && !body->numbers[0])
        type_load(CLASS_F64, type)(beta, layer->beta, n);
    for (int64_t row = 0; row < layer->n_rows; row++) {
        double mean, inverse;
        type_load(CLASS_F64, type)(x, layer->x + (size_t)row * n * type_bytes(type), n);
        if (layer->given) {
            mean = body->numbers[0] ? 0 : element_f64(accumulator, layer->mean, row);
            inverse = element_f64(accumulator, layer->inverse, row);
        } else {
            moments(x, layer->n, layer->epsilon, body->numbers[0], &mean, &inverse);
            if (layer->mean && !body->numbers[0])
                element_put_f64(accumulator, layer->mean, row, mean);
            if (layer->inverse)
                element_put_f64(accumulator, layer->inverse, row, inverse);
        }
        if (!layer->y)
            continue;
        for (size_t i = 0; i < n; i++)
            x[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
        type_store(type, CLASS_F64)(layer->y + (size_t)row * n * type_bytes(type), x, n);
    }
    free(work);
    return 0;
}

/* (n, epsilon, x, gamma, beta, mean, inverse, y): a block per row */
static int run_vectorized(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct layer layer = {
        .n_rows = launch->grid[0],
        .n = param_integer(launch, 0),
        .epsilon = param_real(launch, 1),
        .x = param_pointer(launch, 2),
        .gamma = param_pointer(launch, 3),
        .beta = param_pointer(launch, 4),
        .mean = param_pointer(launch, 5),
        .inverse = param_pointer(launch, 6),
        .y = param_pointer(launch, 7),
    };
    return layer_norm(body, &layer);
}

/* (n, epsilon, x, mean, inverse): a block per row; newer ones begin with the number of rows */
static int run_moments(const struct kernel_body *body, const struct kernel_launch *launch)
{
    uint32_t at = launch->image->n_params - 5;
    struct layer layer = {
        .n_rows = at ? param_integer(launch, 0) : launch->grid[0],
        .n = param_integer(launch, at),
        .epsilon = param_real(launch, at + 1),
        .x = param_pointer(launch, at + 2),
        .mean = param_pointer(launch, at + 3),
        .inverse = param_pointer(launch, at + 4),
    };
    return layer_norm(body, &layer);
}

/* RowwiseMomentsContiguousCUDAKernel<vector, T, accumulator> (n, epsilon, x, mean, inverse, the same two as
 * accumulators): a block per row */
static bool bind_moments_twice(struct kernel_body *body, const struct kernel_name *name,
                               const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args != 3)
        return false;
    body->types[0] = part_type(name->args[1]);
    body->types[1] = part_type(name->args[2]);
    return type_bytes(body->types[0]) && body->types[1] == TYPE_FLOAT;
}

static int run_moments_twice(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 0);
    float epsilon;
    load_f32(&epsilon, body->types[0], launch->params + launch->image->offsets[1], 1);
    double *x = malloc(sizeof *x * (size_t)(n + 1));
    if (!x)
        return -1;
    for (int64_t row = 0; row < launch->grid[0]; row++) {
        double mean, inverse;
        type_load(CLASS_F64, body->types[0])(
            x, param_pointer(launch, 2) + row * n * (int64_t)type_bytes(body->types[0]), (size_t)n);
        moments(x, n, (double)epsilon, false, &mean, &inverse);
        for (uint32_t k = 3; k < 7; k += 2) {
            enum type type = body->types[k == 3 ? 0 : 1];
            if (param_pointer(launch, k))
                element_put_f64(type, param_pointer(launch, k), row, mean);
            if (param_pointer(launch, k + 1))
                element_put_f64(type, param_pointer(launch, k + 1), row, inverse);
        }
    }
    free(x);
    return 0;
}

/* (n, x, mean, inverse, gamma, beta, y): a block per row; newer ones begin with the number of rows */
static int run_forward(const struct kernel_body *body, const struct kernel_launch *launch)
{
    uint32_t at = launch->image->n_params - 7;
    struct layer layer = {
        .n_rows = at ? param_integer(launch, 0) : launch->grid[0],
        .n = param_integer(launch, at),
        .x = param_pointer(launch, at + 1),
        .mean = param_pointer(launch, at + 2),
        .inverse = param_pointer(launch, at + 3),
        .gamma = param_pointer(launch, at + 4),
        .beta = param_pointer(launch, at + 5),
        .y = param_pointer(launch, at + 6),
        .given = true,
    };
    return layer_norm(body, &layer);
}

/* (n, channels, groups, mean, inverse, gamma, beta, a, b): y = a x + b per sample and channel */
static int run_fused_params(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 0), channels = param_integer(launch, 1), groups = param_integer(launch, 2),
            per_group = channels / groups;
    enum type type = body->types[0], accumulator = type == TYPE_DOUBLE ? TYPE_DOUBLE : TYPE_FLOAT;
    const uint8_t *gamma = param_pointer(launch, 5), *beta = param_pointer(launch, 6);
    for (int64_t i = 0; i < n * channels; i++) {
        double mean = element_f64(type, param_pointer(launch, 3), i / per_group),
               inverse = element_f64(type, param_pointer(launch, 4), i / per_group);
        double scale = inverse * (gamma ? element_f64(type, gamma, i % channels) : 1);
        element_put_f64(accumulator, param_pointer(launch, 7), i, scale);
        element_put_f64(accumulator, param_pointer(launch, 8), i,
                        (beta ? element_f64(type, beta, i % channels) : 0) - scale * mean);
    }
    return 0;
}

/* batch_norm_collect_statistics_kernel<what is saved, T, ...> (x[n][c][rest], epsilon, -, mean[c], variance or inverse
 * deviation[c]) */
static bool bind_collect(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args < 4)
        return false;
    body->types[0] = part_type(name->args[1]);
    body->types[1] = part_type(name->args[3]);
    body->numbers[0] = part_is(name->args[0], "InvStd");
    return type_bytes(body->types[0]) && type_bytes(body->types[1]) &&
           (body->numbers[0] || part_is(name->args[0], "Var"));
}

static int run_collect(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct accessor x = accessor_read(launch, 0, 3), mean = accessor_read(launch, 3, 1),
                    second = accessor_read(launch, 4, 1);
    int64_t n = x.sizes[0] * x.sizes[2];
    double *work = malloc(sizeof *work * (size_t)(n + 1)), epsilon = param_real(launch, 1);
    if (!work)
        return -1;
    for (int64_t c = 0; c < x.sizes[1]; c++) {
        double average, inverse;
        for (int64_t i = 0; i < n; i++)
            work[i] = element_f64(body->types[0], x.data,
                                  i / x.sizes[2] * x.strides[0] + c * x.strides[1] + i % x.sizes[2] * x.strides[2]);
        moments(work, n, body->numbers[0] ? epsilon : 0, false, &average, &inverse);
        element_put_f64(body->types[1], mean.data, c * mean.strides[0], average);
        element_put_f64(body->types[1], second.data, c * second.strides[0],
                        body->numbers[0] ? inverse : 1 / (inverse * inverse));
    }
    free(work);
    return 0;
}

/* batch_norm_transform_input_kernel<T, weight type, accumulator, training, ...> (x, y, mean, inverse deviation or
 * variance, weight, bias, epsilon) */
static bool bind_transform(struct kernel_body *body, const struct kernel_name *name,
                           const struct rrto_kernel_image *image)
{
    (void)image;
    if (name->n_args < 4)
        return false;
    for (int i = 0; i < 3; i++)
        body->types[i] = part_type(name->args[i]);
    body->numbers[0] = part_number(name->args[3], 0);
    return type_bytes(body->types[0]) && type_bytes(body->types[1]) && type_bytes(body->types[2]);
}

static int run_transform(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct accessor x = accessor_read(launch, 0, 3), y = accessor_read(launch, 1, 3),
                    weight = accessor_read(launch, 4, 1), bias = accessor_read(launch, 5, 1);
    struct accessor mean = accessor_read(launch, 2, 1), second = accessor_read(launch, 3, 1);
    enum type statistics = body->numbers[0] ? body->types[2] : body->types[1];
    for (int64_t c = 0; c < x.sizes[1]; c++) {
        double inverse = element_f64(statistics, second.data, c * second.strides[0]),
               average = element_f64(statistics, mean.data, c * mean.strides[0]);
        if (!body->numbers[0])
            inverse = 1 / sqrt(inverse + param_real(launch, 6));
        double scale =
            weight.sizes[0] ? element_f64(body->types[1], weight.data, c * weight.strides[0]) * inverse : inverse;
        double shift = bias.sizes[0] ? element_f64(body->types[1], bias.data, c * bias.strides[0]) : 0;
        for (int64_t i = 0; i < x.sizes[0] * x.sizes[2]; i++) {
            int64_t n = i / x.sizes[2], rest = i % x.sizes[2];
            double value =
                element_f64(body->types[0], x.data, n * x.strides[0] + c * x.strides[1] + rest * x.strides[2]);
            element_put_f64(body->types[0], y.data, n * y.strides[0] + c * y.strides[1] + rest * y.strides[2],
                            (value - average) * scale + shift);
        }
    }
    return 0;
}

const struct family families_norm[] = {
    {.name = "vectorized_layer_norm_kernel", .bind = bind_norm, .run = run_vectorized, .n_params = 8},
    {.name = "RowwiseMomentsCUDAKernel", .bind = bind_norm, .run = run_moments, .n_params = 5},
    {.name = "RowwiseMomentsContiguousCUDAKernel", .bind = bind_moments_twice, .run = run_moments_twice, .n_params = 7},
    {.name = "LayerNormForwardCUDAKernel", .bind = bind_norm, .run = run_forward, .n_params = 7},
    {.name = "batch_norm_collect_statistics_kernel", .bind = bind_collect, .run = run_collect, .n_params = 5},
    {.name = "batch_norm_transform_input_kernel", .bind = bind_transform, .run = run_transform, .n_params = 7},
    {.name = "ComputeFusedParamsCUDAKernel", .bind = bind_norm, .run = run_fused_params, .n_params = 9},
    {0},
};
