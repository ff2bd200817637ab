/* SPDX-License-Identifier: Apache-2.0 */
/* torchvision's operators: non-maximum suppression (a bit per pair of boxes, then the kept ones) and RoI align. */
#include "body.h"

#include <math.h>
#include <stdlib.h>

enum { BOXES = 64 }; /* in a word of the mask */

static float overlap(const float *a, const float *b)
{
    float width = fmaxf(fminf(a[2], b[2]) - fmaxf(a[0], b[0]), 0),
          height = fmaxf(fminf(a[3], b[3]) - fmaxf(a[1], b[1]), 0), common = width * height,
          area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
    return common / (area_a + area_b - common);
}

/* (n, threshold, boxes, mask): bit i of word (row, column) says that box 64 column + i overlaps with box row, for the
 * boxes after it */
static int run_suppress(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t n = param_integer(launch, 0), n_words = (n + BOXES - 1) / BOXES;
    float threshold = (float)PARAM(launch, 1, double);
    uint64_t *mask = (uint64_t *)param_pointer(launch, 3);
    float *boxes = malloc(sizeof *boxes * 4 * (size_t)(n + 1));
    if (!boxes)
        return -1;
    load_f32(boxes, body->types[0], param_pointer(launch, 2), 4 * (size_t)n);
    for (int64_t row = 0; row < n; row++)
        for (int64_t word = row / BOXES; word < n_words; word++) {
            uint64_t bits = 0;
            for (int64_t i = 0; i < BOXES && word * BOXES + i < n; i++)
                if (word * BOXES + i > row && overlap(boxes + 4 * row, boxes + 4 * (word * BOXES + i)) > threshold)
                    bits |= (uint64_t)1 << i;
            mask[row * n_words + word] = bits;
        }
    free(boxes);
    return 0;
}

/* (keep, mask, n): the first box, and each that no kept one before it overlaps with */
static int run_keep(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    uint8_t *keep = param_pointer(launch, 0);
    const uint64_t *mask = (const uint64_t *)param_pointer(launch, 1);
    int64_t n = param_integer(launch, 2), n_words = (n + BOXES - 1) / BOXES;
    uint64_t *removed = calloc((size_t)n_words + 1, sizeof *removed);
    if (!removed)
        return -1;
    for (int64_t row = 0; row < n; row++) {
        if (removed[row / BOXES] >> (row % BOXES) & 1)
            continue;
        keep[row] = 1;
        for (int64_t word = row / BOXES; word < n_words; word++)
            removed[word] |= mask[row * n_words + word];
    }
    free(removed);
    return 0;
}

/* One axis of a bilinear read at x of n: the two places and the share of the second. False: outside. */
static bool between(float x, int64_t n, int64_t ret_place[2], float *ret_share)
{
    if (x < -1 || x > (float)n)
        return false;
    x = x <= 0 ? 0 : x;
    int64_t low = (int64_t)x, high = low + 1;
    if (low >= n - 1) {
        low = high = n - 1;
        x = (float)low;
    }
    ret_place[0] = low;
    ret_place[1] = high;
    *ret_share = x - (float)low;
    return true;
}

static float bilinear(enum type type, const uint8_t *plane, int64_t height, int64_t width, float y, float x)
{
    int64_t row[2], column[2];
    float v, u;
    if (!between(y, height, row, &v) || !between(x, width, column, &u))
        return 0;
    float corners[4];
    for (int i = 0; i < 4; i++)
        corners[i] = (float)element_f64(type, plane, row[i / 2] * width + column[i % 2]);
    return (1 - v) * (1 - u) * corners[0] + (1 - v) * u * corners[1] + v * (1 - u) * corners[2] + v * u * corners[3];
}

/* (n, input, scale, channels, height, width, pooled height, pooled width, samples per bin and axis, aligned, regions of
 * (image, left, top, right, bottom), output) */
static int run_align(const struct kernel_body *body, const struct kernel_launch *launch)
{
    enum type type = body->types[0];
    int64_t n = param_integer(launch, 0), channels = param_integer(launch, 3), height = param_integer(launch, 4),
            width = param_integer(launch, 5), rows = param_integer(launch, 6), columns = param_integer(launch, 7),
            samples = param_integer(launch, 8);
    bool aligned = PARAM(launch, 9, uint8_t);
    float scale = type == TYPE_FLOAT ? PARAM(launch, 2, float) : 0;
    if (type != TYPE_FLOAT || rows <= 0 || columns <= 0 || channels <= 0)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t column = i % columns, row = i / columns % rows, channel = i / columns / rows % channels,
                region = i / columns / rows / channels;
        const float *box = (const float *)param_pointer(launch, 10) + 5 * region;
        float shift = aligned ? 0.5F : 0, left = box[1] * scale - shift, top = box[2] * scale - shift,
              w = box[3] * scale - shift - left, h = box[4] * scale - shift - top;
        if (!aligned) {
            w = fmaxf(w, 1);
            h = fmaxf(h, 1);
        }
        float bin_h = h / (float)rows, bin_w = w / (float)columns, sum = 0;
        int64_t grid_h = samples > 0 ? samples : (int64_t)ceilf(bin_h),
                grid_w = samples > 0 ? samples : (int64_t)ceilf(bin_w);
        const uint8_t *plane = param_pointer(launch, 1) +
                               ((int64_t)box[0] * channels + channel) * height * width * (int64_t)type_bytes(type);
        for (int64_t iy = 0; iy < grid_h; iy++)
            for (int64_t ix = 0; ix < grid_w; ix++)
                sum += bilinear(type, plane, height, width,
                                top + (float)row * bin_h + ((float)iy + 0.5F) * bin_h / (float)grid_h,
                                left + (float)column * bin_w + ((float)ix + 0.5F) * bin_w / (float)grid_w);
        int64_t count = grid_h * grid_w > 1 ? grid_h * grid_w : 1;
        element_put_f64(type, param_pointer(launch, 11), i, (double)(sum / (float)count));
    }
    return 0;
}

const struct family families_detection[] = {
    {.name = "nms_kernel_impl", .run = run_suppress, .n_params = 4},
    {.name = "gather_keep_from_mask", .bind = bind_nothing, .run = run_keep, .n_params = 3},
    {.name = "roi_align_forward_kernel_impl", .run = run_align, .n_params = 12},
    {0},
};
