/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of an emulated link, one direction: a FIFO that serialises bytes as its schedule allows, then a delay.
 * A byte that arrives at t begins to leave at max(t, when the link is free), and is at the other end `delay` after it
 * has left; jitter and losses make that later, never change the order. Pure: time is an argument, and what is random
 * is a function of the seed. Exact: what a division leaves over is carried to the next byte. */
#ifndef RRTO_CLI_LINK_SHAPE_H
#define RRTO_CLI_LINK_SHAPE_H

#include "cli/link/schedule.h"

enum { RRTO_SHAPE_PACKET_BYTES = 1500 };

struct rrto_shape {
    const struct rrto_schedule *schedule; /* lent */
    uint64_t delay_ns;
    uint64_t jitter_ns; /* up to so much later; drawn anew for each 10 ms of the link's time */
    double loss;        /* of packets of at most 1,500 bytes, 0 to below 1 */
    uint64_t rto_ns;    /* how much later a lost packet, and all behind it, arrives; doubles when it is lost again */
    uint64_t seed;      /* of both */
    uint64_t origin_ns; /* the caller's time at which the schedule begins */
    /* state; all times from here on are the schedule's */
    uint64_t free_ns; /* when the last byte accepted so far has left */
    int64_t owed;     /* work not done by then (or done for the next byte, if negative), in bits times ns/s */
    uint64_t held_ns; /* nothing arrives before */
    uint64_t opportunity, n_used; /* OPPORTUNITIES: the one in use, and how much of it */
    uint64_t n_packets, n_lost;
};

/* Bytes that arrive at the other end evenly from first to last. In the caller's time. */
struct rrto_shape_run {
    uint64_t first_ns; /* the first bit */
    uint64_t last_ns;  /* the last one */
    size_t n;
};

/* Bytes arrive now, n > 0 of them: where and when the first ones of them go. The run may be shorter than n; then the
 * caller asks again for the rest. */
struct rrto_shape_run rrto_shape_accept(struct rrto_shape *shape, uint64_t now_ns, size_t n);
/* When something without bytes (the end of the stream) is at the other end, if it comes now. */
uint64_t rrto_shape_drained(const struct rrto_shape *shape, uint64_t now_ns);
/* How many bytes of the run are at the other end by now. */
size_t rrto_shape_delivered(const struct rrto_shape_run *run, uint64_t now_ns);
/* How many bytes may wait here without starving the link or hiding back-pressure: what is under way at the highest
 * rate, and one read's worth or 20 ms, whichever is more. */
size_t rrto_shape_capacity(const struct rrto_shape *shape);

#endif
