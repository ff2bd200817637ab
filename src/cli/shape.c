/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of an emulated link. */
#include "cli/shape.h"

enum { READ_BYTES = 256 << 10, UNLIMITED_BYTES = 16 << 20 };
static const uint64_t second_ns = 1000000000;

struct rrto_shape_run rrto_shape_accept(struct rrto_shape *shape, uint64_t now_ns, size_t n)
{
    struct rrto_shape_run run = {.start_ns = shape->free_ns, .n = n};
    if (now_ns > shape->free_ns) { /* the link has been idle: no fraction is owed */
        run.start_ns = now_ns;
        shape->remainder = 0;
    }
    shape->free_ns = run.start_ns;
    if (shape->bits_per_s) {
        unsigned __int128 work = (unsigned __int128)n * 8 * second_ns + shape->remainder;
        shape->free_ns += (uint64_t)(work / shape->bits_per_s);
        shape->remainder = (uint64_t)(work % shape->bits_per_s);
    }
    run.end_ns = shape->free_ns + shape->delay_ns;
    return run;
}

size_t rrto_shape_delivered(const struct rrto_shape *shape, const struct rrto_shape_run *run, uint64_t now_ns)
{
    if (now_ns >= run->end_ns)
        return run->n;
    if (!shape->bits_per_s || now_ns <= run->start_ns + shape->delay_ns)
        return 0;
    uint64_t passed_ns = now_ns - run->start_ns - shape->delay_ns;
    uint64_t bytes = (uint64_t)((unsigned __int128)passed_ns * shape->bits_per_s / (8 * (unsigned __int128)second_ns));
    return bytes < run->n ? (size_t)bytes : run->n;
}

size_t rrto_shape_capacity(const struct rrto_shape *shape)
{
    if (!shape->bits_per_s)
        return UNLIMITED_BYTES;
    return READ_BYTES +
           (size_t)((unsigned __int128)shape->bits_per_s * shape->delay_ns / (8 * (unsigned __int128)second_ns));
}
