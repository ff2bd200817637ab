/* SPDX-License-Identifier: Apache-2.0 */
/* Windows over images: max and average pooling, adaptive pooling, upsampling, depthwise convolution. */
#include "tensor.h"

#include <math.h>

/* One window along one dimension: the first and the last + 1 position of out-index o. */
struct window {
    int64_t start, end, step;
};

static struct window window_at(int64_t o, int64_t stride, int64_t pad, int64_t kernel, int64_t dilation, int64_t size)
{
    struct window window = {o * stride - pad, o * stride - pad + (kernel - 1) * dilation + 1, dilation};
    while (window.start < 0)
        window.start += dilation;
    if (window.end > size)
        window.end = size;
    return window;
}

struct image {
    enum type type;
    const uint8_t *data;
    int64_t height, width, stride_h, stride_w; /* in elements */
};

static double image_at(const struct image *image, int64_t h, int64_t w)
{
    return element_f64(image->type, image->data, h * image->stride_h + w * image->stride_w);
}

/* The largest value of a window and its place; NaN wins. */
static double window_max(const struct image *image, struct window h, struct window w, int64_t *ret_index)
{
    double most = -INFINITY;
    *ret_index = h.start * image->width + w.start;
    for (int64_t y = h.start; y < h.end; y += h.step)
        for (int64_t x = w.start; x < w.end; x += w.step) {
            double value = image_at(image, y, x);
            if (value > most || value != value) {
                most = value;
                *ret_index = y * image->width + x;
            }
        }
    return most;
}

/* The same for floats in place: that is most of a network's pooling. */
static double window_max_float(const struct image *image, struct window h, struct window w, int64_t *ret_index)
{
    const float *data = (const float *)image->data;
    float most = -INFINITY;
    int64_t index = h.start * image->width + w.start;
    for (int64_t y = h.start; y < h.end; y += h.step) {
        const float *row = data + y * image->stride_h;
        for (int64_t x = w.start; x < w.end; x += w.step) {
            float value = row[x * image->stride_w];
            bool take = value > most || value != value;
            most = take ? value : most;
            index = take ? y * image->width + x : index;
        }
    }
    *ret_index = index;
    return (double)most;
}

static void max_pool_put(const struct image *image, struct window h, struct window w, uint8_t *y, uint8_t *indices,
                         int64_t i)
{
    int64_t index;
    double most = image->type == TYPE_FLOAT ? window_max_float(image, h, w, &index) : window_max(image, h, w, &index);
    if (image->type == TYPE_FLOAT)
        ((float *)y)[i] = (float)most;
    else
        element_put_f64(image->type, y, i, most);
    ((int64_t *)indices)[i] = index;
}

/* (n, x, C, H, W, pooled h, w, kernel h, w, stride h, w, pad h, w, dilation h, w, y, indices) */
static int run_max_nchw(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 0), p[15];
    for (uint32_t k = 2; k < 15; k++)
        p[k] = param_integer(launch, k);
    enum type type = body->types[0];
    uint8_t *y = param_pointer(launch, 15), *indices = param_pointer(launch, 16);
    for (int64_t i = 0; i < n; i++) {
        int64_t w = i % p[6], h = i / p[6] % p[5], plane = i / p[6] / p[5];
        struct image image = {
            type, param_pointer(launch, 1) + plane * p[3] * p[4] * (int64_t)type_bytes(type), p[3], p[4], p[4], 1};
        max_pool_put(&image, window_at(h, p[9], p[11], p[7], p[13], p[3]),
                     window_at(w, p[10], p[12], p[8], p[14], p[4]), y, indices, i);
    }
    return 0;
}

/* (x, N, C, H, W, pooled h, w, kernel h, w, stride h, w, pad h, w, dilation h, w, in strides n, c, h, w, -, -, y,
 * indices) */
static int run_max_nhwc(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t p[19];
    for (uint32_t k = 1; k < 19; k++)
        p[k] = param_integer(launch, k);
    enum type type = body->types[0];
    uint8_t *y = param_pointer(launch, 21), *indices = param_pointer(launch, 22);
    for (int64_t i = 0; i < p[1] * p[5] * p[6] * p[2]; i++) {
        int64_t c = i % p[2], w = i / p[2] % p[6], h = i / p[2] / p[6] % p[5], n = i / p[2] / p[6] / p[5];
        struct image image = {type,  param_pointer(launch, 0) + (n * p[15] + c * p[16]) * (int64_t)type_bytes(type),
                              p[3],  p[4],
                              p[17], p[18]};
        max_pool_put(&image, window_at(h, p[9], p[11], p[7], p[13], p[3]),
                     window_at(w, p[10], p[12], p[8], p[14], p[4]), y, indices, i);
    }
    return 0;
}

/* (n, x, C, H, W, pooled h, w, kernel h, w, stride h, w, pad h, w, y, divisor, count padding, use divisor) */
static int run_average_nchw(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 0), p[13];
    for (uint32_t k = 2; k < 13; k++)
        p[k] = param_integer(launch, k);
    int64_t divisor = param_integer(launch, 14), count_pad = param_integer(launch, 15),
            use_divisor = param_integer(launch, 16);
    enum type type = body->types[0];
    for (int64_t i = 0; i < n; i++) {
        int64_t ow = i % p[6], oh = i / p[6] % p[5], plane = i / p[6] / p[5];
        struct image image = {
            type, param_pointer(launch, 1) + plane * p[3] * p[4] * (int64_t)type_bytes(type), p[3], p[4], p[4], 1};
        struct window h = window_at(oh, p[9], p[11], p[7], 1, p[3]), w = window_at(ow, p[10], p[12], p[8], 1, p[4]);
        int64_t end_h = oh * p[9] - p[11] + p[7], end_w = ow * p[10] - p[12] + p[8];
        end_h = end_h < p[3] + p[11] ? end_h : p[3] + p[11];
        end_w = end_w < p[4] + p[12] ? end_w : p[4] + p[12];
        int64_t padded = (end_h - (oh * p[9] - p[11])) * (end_w - (ow * p[10] - p[12])),
                inside = (h.end - h.start) * (w.end - w.start);
        double sum = 0;
        for (int64_t y = h.start; y < h.end; y++)
            for (int64_t x = w.start; x < w.end; x++)
                sum += image_at(&image, y, x);
        double by = (double)(use_divisor ? divisor : count_pad ? padded : inside);
        element_put_f64(type, param_pointer(launch, 13), i, h.start < h.end && w.start < w.end ? sum / by : 0);
    }
    return 0;
}

/* (x, y, H, W, out H, out W, stride of a plane, of h, of w): grid.x planes */
static int run_adaptive_average(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t height = param_integer(launch, 2), width = param_integer(launch, 3), out_h = param_integer(launch, 4),
            out_w = param_integer(launch, 5);
    enum type type = body->types[0];
    for (int64_t i = 0; i < (int64_t)launch->grid[0] * out_h * out_w; i++) {
        int64_t w = i % out_w, h = i / out_w % out_h, plane = i / out_w / out_h;
        struct image image = {type,
                              param_pointer(launch, 0) + plane * param_integer(launch, 6) * (int64_t)type_bytes(type),
                              height,
                              width,
                              param_integer(launch, 7),
                              param_integer(launch, 8)};
        int64_t h0 = h * height / out_h, h1 = ((h + 1) * height + out_h - 1) / out_h, w0 = w * width / out_w,
                w1 = ((w + 1) * width + out_w - 1) / out_w;
        double sum = 0;
        for (int64_t y = h0; y < h1; y++)
            for (int64_t x = w0; x < w1; x++)
                sum += image_at(&image, y, x);
        element_put_f64(type, param_pointer(launch, 1), i, sum / (double)((h1 - h0) * (w1 - w0)));
    }
    return 0;
}

/* (x, y, indices, H, W, out H, out W, stride of a plane, of h, of w): grid.x planes */
static int run_adaptive_max(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t height = param_integer(launch, 3), width = param_integer(launch, 4), out_h = param_integer(launch, 5),
            out_w = param_integer(launch, 6);
    enum type type = body->types[0];
    for (int64_t i = 0; i < (int64_t)launch->grid[0] * out_h * out_w; i++) {
        int64_t w = i % out_w, h = i / out_w % out_h, plane = i / out_w / out_h;
        struct image image = {type,
                              param_pointer(launch, 0) + plane * param_integer(launch, 7) * (int64_t)type_bytes(type),
                              height,
                              width,
                              param_integer(launch, 8),
                              param_integer(launch, 9)};
        struct window rows = {h * height / out_h, ((h + 1) * height + out_h - 1) / out_h, 1},
                      columns = {w * width / out_w, ((w + 1) * width + out_w - 1) / out_w, 1};
        max_pool_put(&image, rows, columns, param_pointer(launch, 1), param_pointer(launch, 2), i);
    }
    return 0;
}

/* Where along one dimension an interpolated element comes from: positions and their weights. */
struct taps {
    int n;
    int64_t at[4];
    double weight[4];
};

static struct taps linear_taps(double position, int64_t size)
{
    position = fmax(position, 0);
    int64_t first = (int64_t)position;
    double part = position - (double)first;
    return (struct taps){2, {first, first + (first < size - 1)}, {1 - part, part}};
}

/* Keys' cubic convolution with a = -0.75; beyond the edge its element goes on. */
static struct taps cubic_taps(double position, int64_t size)
{
    static const double a = -0.75;
    double first = floor(position), part = position - first;
    struct taps taps = {.n = 4};
    for (int i = 0; i < 4; i++) {
        int64_t at = (int64_t)first + i - 1;
        taps.at[i] = at < 0 ? 0 : at < size ? at : size - 1;
        double d = fabs(part - (double)(i - 1));
        taps.weight[i] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
    return taps;
}

static struct taps taps_at(int64_t o, double scale, bool align, int64_t size, bool cubic)
{
    double position = align ? scale * (double)o : scale * ((double)o + 0.5) - 0.5;
    return cubic ? cubic_taps(position, size) : linear_taps(position, size);
}

/* (n, scale h, scale w, align corners, x, y); variant: cubic */
static int run_interpolate(const struct kernel_body *body, const struct kernel_launch *launch)
{
    double scale_h = param_real(launch, 1), scale_w = param_real(launch, 2);
    bool align = param_integer(launch, 3), cubic = body->family->variant;
    struct accessor in = accessor_read(launch, 4, 4), out = accessor_read(launch, 5, 4);
    enum type type = body->types[0];
    for (int64_t h = 0; h < out.sizes[2]; h++) {
        struct taps rows = taps_at(h, scale_h, align, in.sizes[2], cubic);
        for (int64_t w = 0; w < out.sizes[3]; w++) {
            struct taps columns = taps_at(w, scale_w, align, in.sizes[3], cubic);
            for (int64_t plane = 0; plane < out.sizes[0] * out.sizes[1]; plane++) {
                int64_t n = plane / out.sizes[1], c = plane % out.sizes[1];
                double sum = 0;
                for (int y = 0; y < rows.n; y++) {
                    double row = 0;
                    for (int x = 0; x < columns.n; x++)
                        row += columns.weight[x] *
                               element_f64(type, in.data, accessor_offset(&in, n, c, rows.at[y], columns.at[x]));
                    sum += rows.weight[y] * row;
                }
                element_put_f64(type, out.data, accessor_offset(&out, n, c, h, w), sum);
            }
        }
    }
    return 0;
}

/* (x, y, planes, H, W, out H, out W, scale h, scale w) */
static bool bind_nearest(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    (void)image;
    body->types[0] = name->n_args > 1 ? part_type(name->args[0]) : TYPE_NONE;
    body->numbers[0] = name->n_args > 1 && part_contains(name->args[1], "exact");
    return type_bytes(body->types[0]) > 0;
}

static int64_t nearest(int64_t o, float scale, bool exact, int64_t size)
{
    int64_t i = (int64_t)floorf(((float)o + (exact ? 0.5f : 0.0f)) * scale);
    return i < size - 1 ? i : size - 1;
}

static int run_nearest(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t planes = param_integer(launch, 2), height = param_integer(launch, 3), width = param_integer(launch, 4),
            out_h = param_integer(launch, 5), out_w = param_integer(launch, 6);
    size_t bytes = type_bytes(body->types[0]);
    const uint8_t *x = param_pointer(launch, 0);
    uint8_t *y = param_pointer(launch, 1);
    for (int64_t i = 0; i < planes * out_h * out_w; i++) {
        int64_t h = nearest(i / out_w % out_h, PARAM(launch, 7, float), body->numbers[0], height),
                w = nearest(i % out_w, PARAM(launch, 8, float), body->numbers[0], width);
        memcpy(y + (size_t)i * bytes, x + (size_t)((i / out_w / out_h * height + h) * width + w) * bytes, bytes);
    }
    return 0;
}

static bool bind_depthwise(struct kernel_body *body, const struct kernel_name *name,
                           const struct rrto_kernel_image *image)
{
    (void)image;
    body->types[0] = name->n_args > 2 ? part_type(name->args[1]) : TYPE_NONE;
    return type_bytes(body->types[0]) > 0;
}

/* One output row of one channel, float: the taps outside, the pixels inside, so that the compiler vectorises. */
static void depthwise_row(float *to, int64_t n, const float *from, int64_t stride, float weight)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += weight * from[i * stride];
}

/* (x, y, weight, bias, has bias, total, channels out, multiplier, in W, H, out W, H, kernel W, H, stride W, H, pad W,
 * H, dilation W, H) */
static int run_depthwise(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    struct accessor in = accessor_read(launch, 0, 4), out = accessor_read(launch, 1, 4),
                    weight = accessor_read(launch, 2, 4), bias = accessor_read(launch, 3, 1);
    int64_t has_bias = param_integer(launch, 4), multiplier = param_integer(launch, 7), p[20];
    for (uint32_t k = 8; k < 20; k++)
        p[k] = param_integer(launch, k);
    float row[4096];
    if (p[10] > 4096)
        return -1;
    for (int64_t i = 0; i < out.sizes[0] * out.sizes[1] * p[11]; i++) {
        int64_t h = i % p[11], c = i / p[11] % out.sizes[1], n = i / p[11] / out.sizes[1];
        for (int64_t x = 0; x < p[10]; x++)
            row[x] = has_bias ? (float)element_f64(type, bias.data, c * bias.strides[0]) : 0;
        for (int64_t tap = 0; tap < p[12] * p[13]; tap++) {
            int64_t kw = tap % p[12], kh = tap / p[12], y = h * p[15] - p[17] + kh * p[19], shift = kw * p[18] - p[16];
            if (y < 0 || y >= p[9])
                continue;
            int64_t first = shift < 0 ? (-shift + p[14] - 1) / p[14] : 0,
                    last = (p[8] - 1 - shift) >= 0 ? (p[8] - 1 - shift) / p[14] : -1;
            last = last < p[10] - 1 ? last : p[10] - 1;
            if (last < first)
                continue;
            float w = (float)element_f64(type, weight.data,
                                         c * weight.strides[0] + kh * weight.strides[2] + kw * weight.strides[3]);
            int64_t start = accessor_offset(&in, n, c / multiplier, y, first * p[14] + shift);
            if (type == TYPE_FLOAT)
                depthwise_row(row + first, last - first + 1, (const float *)in.data + start, p[14] * in.strides[3], w);
            else
                for (int64_t x = first; x <= last; x++)
                    row[x] += w * (float)element_f64(type, in.data, start + (x - first) * p[14] * in.strides[3]);
        }
        for (int64_t x = 0; x < p[10]; x++)
            element_put_f64(type, out.data, accessor_offset(&out, n, c, h, x), (double)row[x]);
    }
    return 0;
}

const struct family families_pool[] = {
    {.name = "max_pool_forward_nchw", .run = run_max_nchw, .n_params = 17},
    {.name = "max_pool_forward_nhwc", .run = run_max_nhwc, .n_params = 23},
    {.name = "avg_pool2d_out_cuda_frame", .run = run_average_nchw, .n_params = 17},
    {.name = "adaptive_average_pool", .run = run_adaptive_average, .n_params = 9},
    {.name = "adaptivemaxpool", .run = run_adaptive_max, .n_params = 10},
    {.name = "upsample_bilinear2d_out_frame", .run = run_interpolate, .n_params = 6},
    {.name = "upsample_bicubic2d_out_frame", .run = run_interpolate, .variant = 1, .n_params = 6},
    {.name = "upsample_bicubic2d_out_frame_parallel", .run = run_interpolate, .variant = 1, .n_params = 6}, /* 2.15 */
    {.name = "upsample_nearest2d_out_frame", .bind = bind_nearest, .run = run_nearest, .n_params = 9},
    {.name = "conv_depthwise2d_forward_kernel", .bind = bind_depthwise, .run = run_depthwise, .n_params = 20},
    {0},
};
