/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation: inference, training and its gradient, spatial and per activation. Statistics are summed in
 * double. */
#include <math.h>
#include <stdlib.h>

#include "blas/tiles.h"
#include "dnn/descriptors.h"

#define EXPORT RRTO_SOFT_EXPORT cudnnStatus_t

/* Seen as n x groups x inner: a group has one mean and variance, taken over n and inner. Spatial: groups are channels
 * and inner the pixels; per activation: every (channel, pixel) is a group. */
struct shape {
    int64_t n, groups, inner;
};

static bool read_shape(struct shape *shape, cudnnBatchNormMode_t mode, const struct rrto_dnn_tensor *x,
                       const struct rrto_dnn_tensor *p)
{
    if (!x || !p || !rrto_dnn_tensor_ok(x) || p->type != RRTO_DNN_FLOAT || p->n_dims < 2)
        return false;
    int64_t pixels = rrto_dnn_tensor_size(x) / x->dims[0] / x->dims[1];
    bool spatial = mode != CUDNN_BATCHNORM_PER_ACTIVATION;
    *shape = (struct shape){x->dims[0], spatial ? x->dims[1] : x->dims[1] * pixels, spatial ? pixels : 1};
    return rrto_dnn_tensor_size(p) == shape->groups;
}

/* y = alpha * (x * scale + shift) + beta * y, with a scale and a shift per group. */
struct affine {
    struct shape shape;
    const float *x, *scale, *shift;
    float *y;
    float alpha, beta;
    int64_t step;
};

static void apply_tile(void *arg, size_t tile)
{
    const struct affine *a = arg;
    int64_t first = (int64_t)tile * a->step, planes = a->shape.n * a->shape.groups;
    for (int64_t plane = first; plane < planes && plane < first + a->step; plane++) {
        float scale = a->alpha * a->scale[plane % a->shape.groups],
              shift = a->alpha * a->shift[plane % a->shape.groups];
        const float *x = a->x + plane * a->shape.inner;
        float *y = a->y + plane * a->shape.inner;
        if (a->beta == 0.0f) {
            for (int64_t i = 0; i < a->shape.inner; i++)
                y[i] = x[i] * scale + shift;
        } else {
            for (int64_t i = 0; i < a->shape.inner; i++)
                y[i] = x[i] * scale + shift + a->beta * y[i];
        }
    }
}

static void apply(struct affine *a)
{
    int64_t planes = a->shape.n * a->shape.groups;
    a->step = 65536 / a->shape.inner + 1; /* planes; a tile is 256 KiB or one plane */
    rrto_soft_tiles(apply_tile, a, (size_t)((planes + a->step - 1) / a->step));
}

/* One forward pass: what inference and training share around the computation of the factors (a scale and a shift a
 * group). */
struct pass {
    struct affine affine;
    const struct rrto_dnn_tensor *from, *to;
    struct rrto_dnn_view in, out;
    void *y;
    float *factors; /* scales, then shifts */
    enum rrto_dnn_result result;
};

/* Anything but success: nothing was opened. After success pass_end is due, and result says whether there is something
 * to compute. */
static cudnnStatus_t pass_begin(struct pass *pass, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
                                const cudnnTensorDescriptor_t x_desc, const void *x,
                                const cudnnTensorDescriptor_t y_desc, void *y, const cudnnTensorDescriptor_t factors)
{
    *pass = (struct pass){.from = rrto_dnn_tensor_of(x_desc), .to = rrto_dnn_tensor_of(y_desc), .y = y};
    struct affine *a = &pass->affine;
    if (!pass->from || !pass->to)
        return CUDNN_STATUS_BAD_PARAM;
    if (!read_shape(&a->shape, mode, pass->from, rrto_dnn_tensor_of(factors)) || !rrto_dnn_tensor_ok(pass->to))
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (!rrto_dnn_same_dims(pass->from, pass->to))
        return CUDNN_STATUS_BAD_PARAM;
    a->alpha = (float)rrto_dnn_scalar(alpha);
    a->beta = (float)rrto_dnn_scalar(beta);
    pass->factors = malloc((size_t)a->shape.groups * 2 * sizeof *pass->factors);
    pass->result = pass->factors ? rrto_dnn_open(&pass->in, pass->from, x, true) : RRTO_DNN_NO_MEMORY;
    if (pass->result == RRTO_DNN_DONE)
        pass->result = rrto_dnn_open(&pass->out, pass->to, y, a->beta != 0.0f);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t pass_end(struct pass *pass)
{
    struct affine *a = &pass->affine;
    if (pass->result == RRTO_DNN_DONE) {
        a->x = pass->in.data;
        a->y = pass->out.data;
        a->scale = pass->factors;
        a->shift = pass->factors + a->shape.groups;
        apply(a);
    }
    rrto_dnn_close(&pass->in, pass->from, NULL, false);
    rrto_dnn_close(&pass->out, pass->to, pass->y, pass->result == RRTO_DNN_DONE);
    free(pass->factors);
    return rrto_dnn_status(pass->result);
}

EXPORT cudnnBatchNormalizationForwardInference(cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha,
                                               const void *beta, const cudnnTensorDescriptor_t xDesc, const void *x,
                                               const cudnnTensorDescriptor_t yDesc, void *y,
                                               const cudnnTensorDescriptor_t bnScaleBiasMeanVarDesc,
                                               const void *bnScale, const void *bnBias, const void *estimatedMean,
                                               const void *estimatedVariance, double epsilon)
{
    rrto_dnn_settle(handle);
    struct pass pass;
    if (!handle || !alpha || !beta || !x || !y || !bnScale || !bnBias || !estimatedMean || !estimatedVariance)
        return CUDNN_STATUS_BAD_PARAM;
    cudnnStatus_t wrong = pass_begin(&pass, mode, alpha, beta, xDesc, x, yDesc, y, bnScaleBiasMeanVarDesc);
    if (wrong != CUDNN_STATUS_SUCCESS)
        return wrong;
    struct affine *a = &pass.affine;
    float *factors = pass.factors;
    if (pass.result == RRTO_DNN_DONE) {
        const float *scale = bnScale, *bias = bnBias, *mean = estimatedMean, *variance = estimatedVariance;
        for (int64_t g = 0; g < a->shape.groups; g++) {
            factors[g] = scale[g] / sqrtf(variance[g] + (float)epsilon);
            factors[a->shape.groups + g] = bias[g] - mean[g] * factors[g];
        }
    }
    return pass_end(&pass);
}

/* Mean and biased variance of each group, one group at a time. */
static void measure(const struct shape *s, const float *x, int64_t group, double *ret_mean, double *ret_variance)
{
    double sum = 0.0, squares = 0.0, count = (double)(s->n * s->inner);
    for (int64_t n = 0; n < s->n; n++) {
        const float *plane = x + (n * s->groups + group) * s->inner;
        for (int64_t i = 0; i < s->inner; i++)
            sum += (double)plane[i];
    }
    double mean = sum / count;
    for (int64_t n = 0; n < s->n; n++) {
        const float *plane = x + (n * s->groups + group) * s->inner;
        for (int64_t i = 0; i < s->inner; i++)
            squares += ((double)plane[i] - mean) * ((double)plane[i] - mean);
    }
    *ret_mean = mean;
    *ret_variance = squares / count;
}

EXPORT cudnnBatchNormalizationForwardTraining(cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha,
                                              const void *beta, const cudnnTensorDescriptor_t xDesc, const void *x,
                                              const cudnnTensorDescriptor_t yDesc, void *y,
                                              const cudnnTensorDescriptor_t bnScaleBiasMeanVarDesc, const void *bnScale,
                                              const void *bnBias, double exponentialAverageFactor,
                                              void *resultRunningMean, void *resultRunningVariance, double epsilon,
                                              void *resultSaveMean, void *resultSaveInvVariance)
{
    rrto_dnn_settle(handle);
    struct pass pass;
    if (!handle || !alpha || !beta || !x || !y || !bnScale || !bnBias)
        return CUDNN_STATUS_BAD_PARAM;
    cudnnStatus_t wrong = pass_begin(&pass, mode, alpha, beta, xDesc, x, yDesc, y, bnScaleBiasMeanVarDesc);
    if (wrong != CUDNN_STATUS_SUCCESS)
        return wrong;
    struct affine *a = &pass.affine;
    float *factors = pass.factors;
    if (pass.result == RRTO_DNN_DONE) {
        float *running_mean = resultRunningMean, *running_variance = resultRunningVariance;
        float *saved_mean = resultSaveMean, *saved_inverse = resultSaveInvVariance;
        double count = (double)(a->shape.n * a->shape.inner), factor = exponentialAverageFactor;
        for (int64_t g = 0; g < a->shape.groups; g++) {
            double mean, variance;
            measure(&a->shape, pass.in.data, g, &mean, &variance);
            double inverse = 1.0 / sqrt(variance + epsilon),
                   unbiased = count > 1.0 ? variance * count / (count - 1.0) : variance;
            factors[g] = (float)((double)((const float *)bnScale)[g] * inverse);
            factors[a->shape.groups + g] = (float)((double)((const float *)bnBias)[g] - mean * (double)factors[g]);
            if (running_mean)
                running_mean[g] = (float)((1.0 - factor) * (double)running_mean[g] + factor * mean);
            if (running_variance)
                running_variance[g] = (float)((1.0 - factor) * (double)running_variance[g] + factor * unbiased);
            if (saved_mean)
                saved_mean[g] = (float)mean;
            if (saved_inverse)
                saved_inverse[g] = (float)inverse;
        }
    }
    return pass_end(&pass);
}

EXPORT cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t bnOps, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t xDesc, const void *xData, const cudnnTensorDescriptor_t zDesc, const void *zData,
    const cudnnTensorDescriptor_t yDesc, void *yData, const cudnnTensorDescriptor_t bnScaleBiasMeanVarDesc,
    const void *bnScale, const void *bnBias, double exponentialAverageFactor, void *resultRunningMean,
    void *resultRunningVariance, double epsilon, void *resultSaveMean, void *resultSaveInvVariance,
    cudnnActivationDescriptor_t activationDesc, void *workspace, size_t workSpaceSizeInBytes, void *reserveSpace,
    size_t reserveSpaceSizeInBytes)
{
    rrto_dnn_settle(handle);
    (void)zDesc;
    (void)zData;
    (void)activationDesc;
    (void)workspace;
    (void)workSpaceSizeInBytes;
    (void)reserveSpace;
    (void)reserveSpaceSizeInBytes;
    if (bnOps != CUDNN_BATCHNORM_OPS_BN)
        return CUDNN_STATUS_NOT_SUPPORTED; /* fused additions and activations are not computed here */
    return cudnnBatchNormalizationForwardTraining(handle, mode, alpha, beta, xDesc, xData, yDesc, yData,
                                                  bnScaleBiasMeanVarDesc, bnScale, bnBias, exponentialAverageFactor,
                                                  resultRunningMean, resultRunningVariance, epsilon, resultSaveMean,
                                                  resultSaveInvVariance);
}

/* The scalars of a gradient, and what it works on. */
struct gradient {
    struct shape shape;
    const float *x, *dy, *scale;
    float *dx, *dscale, *dbias;
    double alpha_data, beta_data, alpha_param, beta_param;
};

/* dx = scale * inverse / count * (count * dy - sum(dy) - xhat * sum(dy * xhat)), for one group. */
static void differentiate(const struct gradient *d, int64_t group, double mean, double inverse)
{
    const struct shape *s = &d->shape;
    double sum = 0.0, dot = 0.0, count = (double)(s->n * s->inner);
    for (int64_t n = 0; n < s->n; n++) {
        int64_t at = (n * s->groups + group) * s->inner;
        for (int64_t i = at; i < at + s->inner; i++) {
            sum += (double)d->dy[i];
            dot += (double)d->dy[i] * ((double)d->x[i] - mean) * inverse;
        }
    }
    for (int64_t n = 0; n < s->n; n++) {
        int64_t at = (n * s->groups + group) * s->inner;
        for (int64_t i = at; i < at + s->inner; i++) {
            double normal = ((double)d->x[i] - mean) * inverse;
            double dx = (double)d->scale[group] * inverse * ((double)d->dy[i] - sum / count - normal * dot / count);
            d->dx[i] = (float)(d->alpha_data * dx + (d->beta_data == 0.0 ? 0.0 : d->beta_data * (double)d->dx[i]));
        }
    }
    d->dscale[group] =
        (float)(d->alpha_param * dot + (d->beta_param == 0.0 ? 0.0 : d->beta_param * (double)d->dscale[group]));
    d->dbias[group] =
        (float)(d->alpha_param * sum + (d->beta_param == 0.0 ? 0.0 : d->beta_param * (double)d->dbias[group]));
}

EXPORT cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t bnOps, const void *alphaDataDiff,
    const void *betaDataDiff, const void *alphaParamDiff, const void *betaParamDiff,
    const cudnnTensorDescriptor_t xDesc, const void *xData, const cudnnTensorDescriptor_t yDesc, const void *yData,
    const cudnnTensorDescriptor_t dyDesc, const void *dyData, const cudnnTensorDescriptor_t dzDesc, void *dzData,
    const cudnnTensorDescriptor_t dxDesc, void *dxData, const cudnnTensorDescriptor_t dBnScaleBiasDesc,
    const void *bnScaleData, const void *bnBiasData, void *dBnScaleData, void *dBnBiasData, double epsilon,
    const void *savedMean, const void *savedInvVariance, cudnnActivationDescriptor_t activationDesc, void *workSpace,
    size_t workSpaceSizeInBytes, void *reserveSpace, size_t reserveSpaceSizeInBytes)
{
    rrto_dnn_settle(handle);
    (void)yDesc;
    (void)yData;
    (void)dzDesc;
    (void)dzData;
    (void)bnBiasData;
    (void)activationDesc;
    (void)workSpace;
    (void)workSpaceSizeInBytes;
    (void)reserveSpace;
    (void)reserveSpaceSizeInBytes;
    const struct rrto_dnn_tensor *from = rrto_dnn_tensor_of(xDesc), *dy = rrto_dnn_tensor_of(dyDesc),
                                 *dx = rrto_dnn_tensor_of(dxDesc);
    struct gradient d;
    if (!handle || !alphaDataDiff || !betaDataDiff || !alphaParamDiff || !betaParamDiff || !from || !dy || !dx ||
        !xData || !dyData || !dxData || !bnScaleData || !dBnScaleData || !dBnBiasData)
        return CUDNN_STATUS_BAD_PARAM;
    if (bnOps != CUDNN_BATCHNORM_OPS_BN || !read_shape(&d.shape, mode, from, rrto_dnn_tensor_of(dBnScaleBiasDesc)) ||
        !rrto_dnn_tensor_ok(dy) || !rrto_dnn_tensor_ok(dx))
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (!rrto_dnn_same_dims(from, dy) || !rrto_dnn_same_dims(from, dx))
        return CUDNN_STATUS_BAD_PARAM;
    d.alpha_data = rrto_dnn_scalar(alphaDataDiff);
    d.beta_data = rrto_dnn_scalar(betaDataDiff);
    d.alpha_param = rrto_dnn_scalar(alphaParamDiff);
    d.beta_param = rrto_dnn_scalar(betaParamDiff);
    struct rrto_dnn_view in = {0}, gradient = {0}, out = {0};
    enum rrto_dnn_result result = rrto_dnn_open(&in, from, xData, true);
    if (result == RRTO_DNN_DONE)
        result = rrto_dnn_open(&gradient, dy, dyData, true);
    if (result == RRTO_DNN_DONE)
        result = rrto_dnn_open(&out, dx, dxData, d.beta_data != 0.0);
    if (result == RRTO_DNN_DONE) {
        d.x = in.data;
        d.dy = gradient.data;
        d.dx = out.data;
        d.scale = bnScaleData;
        d.dscale = dBnScaleData;
        d.dbias = dBnBiasData;
        for (int64_t g = 0; g < d.shape.groups; g++) {
            double mean, inverse;
            if (savedMean && savedInvVariance) {
                mean = (double)((const float *)savedMean)[g];
                inverse = (double)((const float *)savedInvVariance)[g];
            } else {
                measure(&d.shape, in.data, g, &mean, &inverse);
                inverse = 1.0 / sqrt(inverse + epsilon);
            }
            differentiate(&d, g, mean, inverse);
        }
    }
    rrto_dnn_close(&in, from, NULL, false);
    rrto_dnn_close(&gradient, dy, NULL, false);
    rrto_dnn_close(&out, dx, dxData, result == RRTO_DNN_DONE);
    return rrto_dnn_status(result);
}

/* No call here needs space of the application's. */
static cudnnStatus_t no_bytes(cudnnBatchNormOps_t ops, size_t *size)
{
    if (!size)
        return CUDNN_STATUS_BAD_PARAM;
    *size = 0;
    return ops == CUDNN_BATCHNORM_OPS_BN ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_NOT_SUPPORTED;
}

EXPORT cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t bnOps, const cudnnTensorDescriptor_t xDesc,
    const cudnnTensorDescriptor_t zDesc, const cudnnTensorDescriptor_t yDesc,
    const cudnnTensorDescriptor_t bnScaleBiasMeanVarDesc, const cudnnActivationDescriptor_t activationDesc,
    size_t *sizeInBytes)
{
    (void)handle, (void)mode, (void)xDesc, (void)zDesc, (void)yDesc, (void)bnScaleBiasMeanVarDesc, (void)activationDesc;
    return no_bytes(bnOps, sizeInBytes);
}

EXPORT cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t bnOps, const cudnnTensorDescriptor_t xDesc,
    const cudnnTensorDescriptor_t yDesc, const cudnnTensorDescriptor_t dyDesc, const cudnnTensorDescriptor_t dzDesc,
    const cudnnTensorDescriptor_t dxDesc, const cudnnTensorDescriptor_t dBnScaleBiasDesc,
    const cudnnActivationDescriptor_t activationDesc, size_t *sizeInBytes)
{
    (void)handle, (void)mode, (void)xDesc, (void)yDesc, (void)dyDesc, (void)dzDesc, (void)dxDesc,
        (void)dBnScaleBiasDesc;
    (void)activationDesc;
    return no_bytes(bnOps, sizeInBytes);
}

EXPORT cudnnGetBatchNormalizationTrainingExReserveSpaceSize(cudnnHandle_t handle, cudnnBatchNormMode_t mode,
                                                            cudnnBatchNormOps_t bnOps,
                                                            const cudnnActivationDescriptor_t activationDesc,
                                                            const cudnnTensorDescriptor_t xDesc, size_t *sizeInBytes)
{
    (void)handle, (void)mode, (void)activationDesc, (void)xDesc;
    return no_bytes(bnOps, sizeInBytes);
}
