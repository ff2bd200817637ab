/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of an emulated link, one direction: a FIFO that serialises bytes at a rate, then a constant delay. A
 * byte that arrives at t begins to leave at max(t, when the link is free), has left bits / rate later, and is at the
 * other end `delay` after that. Pure: time is an argument. Exact: what a division leaves over is carried to the next
 * byte. */
#ifndef RRTO_CLI_SHAPE_H
#define RRTO_CLI_SHAPE_H

#include <stddef.h>
#include <stdint.h>

struct rrto_shape {
    uint64_t bits_per_s; /* 0: unlimited */
    uint64_t delay_ns;
    uint64_t free_ns;   /* when the last byte accepted so far has left */
    uint64_t remainder; /* of a nanosecond, in units of 1 / bits_per_s */
};

/* One run of bytes that arrived together. */
struct rrto_shape_run {
    uint64_t start_ns; /* its first bit begins to leave */
    uint64_t end_ns;   /* its last byte is at the other end */
    size_t n;
};

/* n bytes arrive now. */
struct rrto_shape_run rrto_shape_accept(struct rrto_shape *shape, uint64_t now_ns, size_t n);
/* How many bytes of the run are at the other end by now. */
size_t rrto_shape_delivered(const struct rrto_shape *shape, const struct rrto_shape_run *run, uint64_t now_ns);
/* How many bytes may wait here without starving the link or hiding back-pressure: the bandwidth-delay product and one
 * read's worth. */
size_t rrto_shape_capacity(const struct rrto_shape *shape);

#endif
