/* SPDX-License-Identifier: Apache-2.0 */
/* Both directions walk the output in runs of one row, so that a run is a copy where the stride is 1. */
#include "dnn/columns.h"

#include <string.h>

/* A run of output pixels in one row, seen from one kernel element. */
struct run {
    int64_t n;          /* pixels */
    int64_t start, end; /* those of them that fall into the image; start == end: none */
    int64_t source;     /* where in the channel the pixel at `start` reads */
};

/* The pixels from `pixel` on that share its row, at most n, for the kernel element at (kd, kh, kw). */
static struct run run_at(const struct rrto_dnn_geometry *g, int64_t pixel, int64_t n, const int64_t element[3])
{
    int64_t column = pixel % g->out[2], row = pixel / g->out[2] % g->out[1], slice = pixel / g->out[2] / g->out[1];
    struct run run = {.n = g->out[2] - column < n ? g->out[2] - column : n};
    int64_t depth = slice * g->stride[0] - g->pad[0] + element[0] * g->dilation[0];
    int64_t height = row * g->stride[1] - g->pad[1] + element[1] * g->dilation[1];
    int64_t width = column * g->stride[2] - g->pad[2] + element[2] * g->dilation[2];
    if (depth < 0 || depth >= g->in[0] || height < 0 || height >= g->in[1])
        return run;
    int64_t start = width < 0 ? (-width + g->stride[2] - 1) / g->stride[2] : 0;
    int64_t end = width < g->in[2] ? (g->in[2] - width + g->stride[2] - 1) / g->stride[2] : 0;
    if (end > run.n)
        end = run.n;
    if (start < end) {
        run.start = start;
        run.end = end;
        run.source = (depth * g->in[1] + height) * g->in[2] + width + start * g->stride[2];
    }
    return run;
}

static void split_element(const struct rrto_dnn_geometry *g, int64_t element, int64_t ret_element[3])
{
    ret_element[2] = element % g->kernel[2];
    ret_element[1] = element / g->kernel[2] % g->kernel[1];
    ret_element[0] = element / g->kernel[2] / g->kernel[1];
}

void rrto_dnn_to_columns(const struct rrto_dnn_geometry *g, const float *image, int64_t first_channel,
                         int64_t n_channels, int64_t first_pixel, int64_t n_pixels, float *columns)
{
    for (int64_t row = 0; row < n_channels * g->n_kernel; row++) {
        const float *channel = image + (first_channel + row / g->n_kernel) * g->n_in;
        int64_t element[3];
        split_element(g, row % g->n_kernel, element);
        float *to = columns + row * n_pixels;
        for (int64_t done = 0; done < n_pixels;) {
            struct run run = run_at(g, first_pixel + done, n_pixels - done, element);
            for (int64_t i = 0; i < run.start; i++)
                to[done + i] = 0.0f;
            if (g->stride[2] == 1) {
                memcpy(to + done + run.start, channel + run.source, (size_t)(run.end - run.start) * sizeof *to);
            } else {
                for (int64_t i = run.start; i < run.end; i++)
                    to[done + i] = channel[run.source + (i - run.start) * g->stride[2]];
            }
            for (int64_t i = run.end; i < run.n; i++)
                to[done + i] = 0.0f;
            done += run.n;
        }
    }
}

void rrto_dnn_add_columns(const struct rrto_dnn_geometry *g, float *image, int64_t first_channel, int64_t n_channels,
                          const float *columns)
{
    for (int64_t row = 0; row < n_channels * g->n_kernel; row++) {
        float *channel = image + (first_channel + row / g->n_kernel) * g->n_in;
        int64_t element[3];
        split_element(g, row % g->n_kernel, element);
        const float *from = columns + row * g->n_out;
        for (int64_t done = 0; done < g->n_out;) {
            struct run run = run_at(g, done, g->n_out - done, element);
            for (int64_t i = run.start; i < run.end; i++)
                channel[run.source + (i - run.start) * g->stride[2]] += from[done + i];
            done += run.n;
        }
    }
}
