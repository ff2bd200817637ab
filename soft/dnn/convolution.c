/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution as matrix products over columns, in tiles that the sizes alone decide (blas/tiles.h). */
#include "dnn/convolution.h"

#include <cblas.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "blas/tiles.h"
#include "dnn/columns.h"

enum { TILE_FLOATS = 256 * 1024 }; /* of columns: 1 MiB stays in the second-level cache */

struct job {
    const struct rrto_dnn_convolution *convolution;
    struct rrto_dnn_geometry g;
    const float *in, *filter; /* what is read */
    float *result;
    const float *gradient; /* y's, backward */
    int64_t n_images, n_groups;
    int64_t channels_in, channels_out; /* of one group */
    int64_t n_rows;                    /* channels_in * n_kernel */
    float alpha, beta;
    bool plain; /* 1 x 1, no padding, no stride: the image is its own column matrix */
    int64_t n_first, first_step, n_second, second_step; /* how a group's work is cut */
    atomic_bool failed;
};

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* This thread's column matrix, kept for the next tile. */
static float *scratch(int64_t n_floats)
{
    static __thread float *buffer;
    static __thread int64_t n_buffer;
    if (n_floats > n_buffer) {
        free(buffer);
        buffer = aligned_alloc(64, (size_t)(n_floats + 15) / 16 * 64);
        n_buffer = buffer ? n_floats : 0;
    }
    return buffer;
}

static void multiply(enum CBLAS_TRANSPOSE ta, enum CBLAS_TRANSPOSE tb, int64_t m, int64_t n, int64_t k, float alpha,
                     const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)lda, b, (blasint)ldb,
                beta, c, (blasint)ldc);
}

/* Which image, group and part of the group a tile is. */
struct place {
    int64_t image, group, first, n_first, second, n_second;
};

static struct place place_of(const struct job *j, size_t tile, int64_t all_first, int64_t all_second)
{
    int64_t t = (int64_t)tile;
    struct place p = {.first = t % j->n_first * j->first_step};
    t /= j->n_first;
    p.second = t % j->n_second * j->second_step;
    t /= j->n_second;
    p.group = t % j->n_groups;
    p.image = t / j->n_groups;
    p.n_first = at_most(j->first_step, all_first - p.first);
    p.n_second = at_most(j->second_step, all_second - p.second);
    return p;
}

static void cut(int64_t all, int64_t step, int64_t *ret_n, int64_t *ret_step)
{
    *ret_step = step < 1 ? 1 : step > all ? all : step;
    *ret_n = (all + *ret_step - 1) / *ret_step;
}

/* One channel in, one out: no product worth the name, so row by row. */
static void depthwise_tile(struct job *j, const float *image, const float *filter, float *out, int64_t first, int64_t n)
{
    for (int64_t p = 0; p < n; p++)
        out[p] = j->beta == 0.0f ? 0.0f : j->beta * out[p];
    float *row = scratch(n);
    if (!row) {
        j->failed = true;
        return;
    }
    struct rrto_dnn_geometry one = j->g;
    one.kernel[0] = one.kernel[1] = one.kernel[2] = one.n_kernel = 1;
    for (int64_t e = 0; e < j->g.n_kernel; e++) {
        one.pad[2] = j->g.pad[2] - e % j->g.kernel[2] * j->g.dilation[2];
        one.pad[1] = j->g.pad[1] - e / j->g.kernel[2] % j->g.kernel[1] * j->g.dilation[1];
        one.pad[0] = j->g.pad[0] - e / j->g.kernel[2] / j->g.kernel[1] * j->g.dilation[0];
        rrto_dnn_to_columns(&one, image, 0, 1, first, n, row);
        float weight = j->alpha * filter[e];
        for (int64_t p = 0; p < n; p++)
            out[p] += weight * row[p];
    }
}

/* First: output pixels; second: output channels. */
static void forward_tile(void *arg, size_t tile)
{
    struct job *j = arg;
    struct place p = place_of(j, tile, j->g.n_out, j->channels_out);
    const float *image = j->in + (p.image * j->n_groups + p.group) * j->channels_in * j->g.n_in;
    const float *filter = j->filter + (p.group * j->channels_out + p.second) * j->n_rows;
    float *out = j->result + ((p.image * j->n_groups + p.group) * j->channels_out + p.second) * j->g.n_out + p.first;
    if (j->channels_in == 1 && j->channels_out == 1 && !j->plain) {
        depthwise_tile(j, image, filter, out, p.first, p.n_first);
        return;
    }
    const float *columns = image + p.first;
    int64_t step = j->g.n_out;
    if (!j->plain) {
        float *buffer = scratch(j->n_rows * p.n_first);
        if (!buffer) {
            j->failed = true;
            return;
        }
        rrto_dnn_to_columns(&j->g, image, 0, j->channels_in, p.first, p.n_first, buffer);
        columns = buffer;
        step = p.n_first;
    }
    multiply(CblasNoTrans, CblasNoTrans, p.n_second, p.n_first, j->n_rows, j->alpha, filter, j->n_rows, columns, step,
             j->beta, out, j->g.n_out);
}

/* First: input channels; their image planes belong to this tile alone. */
static void backward_data_tile(void *arg, size_t tile)
{
    struct job *j = arg;
    struct place p = place_of(j, tile, j->channels_in, 1);
    float *image = j->result + (p.image * j->n_groups + p.group) * j->channels_in * j->g.n_in;
    const float *filter = j->filter + p.group * j->channels_out * j->n_rows + p.first * j->g.n_kernel;
    const float *gradient = j->gradient + (p.image * j->n_groups + p.group) * j->channels_out * j->g.n_out;
    float *planes = image + p.first * j->g.n_in;
    if (j->plain) {
        multiply(CblasTrans, CblasNoTrans, p.n_first, j->g.n_out, j->channels_out, j->alpha, filter, j->n_rows,
                 gradient, j->g.n_out, j->beta, planes, j->g.n_out);
        return;
    }
    int64_t n_rows = p.n_first * j->g.n_kernel;
    float *columns = scratch(n_rows * j->g.n_out);
    if (!columns) {
        j->failed = true;
        return;
    }
    multiply(CblasTrans, CblasNoTrans, n_rows, j->g.n_out, j->channels_out, j->alpha, filter, j->n_rows, gradient,
             j->g.n_out, 0.0f, columns, j->g.n_out);
    for (int64_t i = 0; i < p.n_first * j->g.n_in; i++)
        planes[i] = j->beta == 0.0f ? 0.0f : j->beta * planes[i];
    rrto_dnn_add_columns(&j->g, image, p.first, p.n_first, columns);
}

/* First: input channels; the images are summed in order inside the tile. */
static void backward_filter_tile(void *arg, size_t tile)
{
    struct job *j = arg;
    struct place p = place_of(j, tile, j->channels_in, 1);
    int64_t n_rows = p.n_first * j->g.n_kernel;
    float *filter = j->result + p.group * j->channels_out * j->n_rows + p.first * j->g.n_kernel;
    float *buffer = j->plain ? NULL : scratch(n_rows * j->g.n_out);
    if (!j->plain && !buffer) {
        j->failed = true;
        return;
    }
    for (int64_t image = 0; image < j->n_images; image++) {
        const float *in = j->in + (image * j->n_groups + p.group) * j->channels_in * j->g.n_in;
        const float *gradient = j->gradient + (image * j->n_groups + p.group) * j->channels_out * j->g.n_out;
        const float *columns = in + p.first * j->g.n_in;
        if (!j->plain) {
            rrto_dnn_to_columns(&j->g, in, p.first, p.n_first, 0, j->g.n_out, buffer);
            columns = buffer;
        }
        multiply(CblasNoTrans, CblasTrans, j->channels_out, n_rows, j->g.n_out, j->alpha, gradient, j->g.n_out, columns,
                 j->g.n_out, image == 0 ? j->beta : 1.0f, filter, j->n_rows);
    }
}

static void run_forward(struct job *j)
{
    /* A plain image needs no columns, but the same cut keeps two threads busy. At least 64 pixels, whole vectors. */
    int64_t pixels = at_most(TILE_FLOATS / j->n_rows, 2048) / 16 * 16;
    cut(j->g.n_out, pixels < 64 ? 64 : pixels, &j->n_first, &j->first_step);
    int64_t parts = j->n_first * j->n_images * j->n_groups;
    cut(j->channels_out, parts >= 4 || j->channels_out < 64 ? j->channels_out : (j->channels_out / 4 + 15) / 16 * 16,
        &j->n_second, &j->second_step);
    rrto_soft_tiles(forward_tile, j, (size_t)(parts * j->n_second));
}

static void run_backward(struct job *j)
{
    int64_t channels = TILE_FLOATS / (j->g.n_kernel * j->g.n_out);
    cut(j->channels_in, at_most(channels, (j->channels_in + 3) / 4), &j->n_first, &j->first_step);
    cut(1, 1, &j->n_second, &j->second_step);
    if (j->convolution->direction == RRTO_DNN_BACKWARD_DATA)
        rrto_soft_tiles(backward_data_tile, j, (size_t)(j->n_first * j->n_images * j->n_groups));
    else
        rrto_soft_tiles(backward_filter_tile, j, (size_t)(j->n_first * j->n_groups));
}

/* The kernel mirrored in every spatial dimension: the same elements, read backwards. */
static void *flip_filter(struct rrto_dnn_tensor *w, void *data)
{
    int64_t offset = 0;
    for (int i = 2; i < w->n_dims; i++) {
        offset += (w->dims[i] - 1) * w->strides[i];
        w->strides[i] = -w->strides[i];
    }
    return (char *)data + offset * (w->type == RRTO_DNN_FLOAT ? 4 : 2);
}

static struct rrto_dnn_geometry geometry_of(const struct rrto_dnn_convolution *c)
{
    struct rrto_dnn_geometry g = {.n_in = 1, .n_kernel = 1, .n_out = 1};
    for (int i = 0; i < 3; i++) {
        int spatial = i - (3 - c->n_spatial); /* leading dimensions are filled with ones */
        bool used = spatial >= 0;
        g.in[i] = used ? c->x.dims[2 + spatial] : 1;
        g.kernel[i] = used ? c->w.dims[2 + spatial] : 1;
        g.out[i] = used ? c->y.dims[2 + spatial] : 1;
        g.pad[i] = used ? c->pad_before[spatial] : 0;
        g.stride[i] = used ? c->stride[spatial] : 1;
        g.dilation[i] = used ? c->dilation[spatial] : 1;
        g.n_in *= g.in[i];
        g.n_kernel *= g.kernel[i];
        g.n_out *= g.out[i];
    }
    return g;
}

static bool is_plain(const struct rrto_dnn_convolution *c, const struct rrto_dnn_geometry *g)
{
    bool plain = g->n_kernel == 1;
    for (int i = 0; i < c->n_spatial; i++)
        plain = plain && c->stride[i] == 1 && c->pad_before[i] == 0 && c->pad_after[i] == 0;
    return plain;
}

enum rrto_dnn_result rrto_dnn_convolution_check(const struct rrto_dnn_convolution *c)
{
    if (c->n_spatial < 1 || c->n_spatial > 3)
        return RRTO_DNN_UNSUPPORTED;
    if (!rrto_dnn_tensor_ok(&c->x) || !rrto_dnn_tensor_ok(&c->w) || !rrto_dnn_tensor_ok(&c->y))
        return RRTO_DNN_UNSUPPORTED;
    if (c->x.n_dims != c->n_spatial + 2 || c->w.n_dims != c->n_spatial + 2 || c->y.n_dims != c->n_spatial + 2)
        return RRTO_DNN_BAD;
    if (c->x.dims[0] != c->y.dims[0] || c->w.dims[0] != c->y.dims[1] || c->x.dims[1] % c->w.dims[1] != 0 ||
        c->w.dims[0] % (c->x.dims[1] / c->w.dims[1]) != 0)
        return RRTO_DNN_BAD;
    for (int i = 0; i < c->n_spatial; i++) {
        if (c->stride[i] < 1 || c->dilation[i] < 1 || c->pad_before[i] < 0 || c->pad_after[i] < 0)
            return RRTO_DNN_BAD;
        int64_t room =
            c->x.dims[2 + i] + c->pad_before[i] + c->pad_after[i] - (c->w.dims[2 + i] - 1) * c->dilation[i] - 1;
        if (room < 0 || room / c->stride[i] + 1 != c->y.dims[2 + i])
            return RRTO_DNN_BAD;
    }
    struct rrto_dnn_geometry g = geometry_of(c);
    if (g.n_out > INT_MAX || g.n_in > INT_MAX || c->w.dims[1] * g.n_kernel > INT_MAX)
        return RRTO_DNN_UNSUPPORTED; /* BLAS counts in int */
    return RRTO_DNN_DONE;
}

static void compute(const struct rrto_dnn_convolution *c, struct job *j)
{
    j->convolution = c;
    j->g = geometry_of(c);
    j->plain = is_plain(c, &j->g);
    j->n_images = c->x.dims[0];
    j->n_groups = c->x.dims[1] / c->w.dims[1];
    j->channels_in = c->w.dims[1];
    j->channels_out = c->w.dims[0] / j->n_groups;
    j->n_rows = j->channels_in * j->g.n_kernel;
    j->alpha = (float)c->alpha;
    j->beta = (float)c->beta;
    if (c->direction == RRTO_DNN_FORWARD)
        run_forward(j);
    else
        run_backward(j);
}

enum rrto_dnn_result rrto_dnn_convolution_run(const struct rrto_dnn_convolution *c, void *x, void *w, void *y)
{
    enum rrto_dnn_result result = rrto_dnn_convolution_check(c);
    if (result != RRTO_DNN_DONE)
        return result;
    struct rrto_dnn_tensor filter = c->w;
    void *filter_data = c->flip ? flip_filter(&filter, w) : w;
    const struct rrto_dnn_tensor *tensors[3] = {&c->x, &filter, &c->y};
    void *data[3] = {x, filter_data, y};
    int target = c->direction == RRTO_DNN_FORWARD ? 2 : c->direction == RRTO_DNN_BACKWARD_DATA ? 0 : 1;
    struct rrto_dnn_view views[3] = {{0}};
    for (int i = 0; i < 3 && result == RRTO_DNN_DONE; i++)
        result = rrto_dnn_open(&views[i], tensors[i], data[i], i != target || c->beta != 0.0);
    if (result == RRTO_DNN_DONE) {
        struct job j = {
            .in = views[0].data, .filter = views[1].data, .gradient = views[2].data, .result = views[target].data};
        compute(c, &j);
        if (j.failed)
            result = RRTO_DNN_NO_MEMORY;
    }
    for (int i = 0; i < 3; i++)
        rrto_dnn_close(&views[i], tensors[i], data[i], i == target && result == RRTO_DNN_DONE);
    return result;
}
