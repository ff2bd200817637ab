/* SPDX-License-Identifier: Apache-2.0 */
/* A driver for tests of the worker's parts: memory calls are checked against a model, events complete when the test
 * says so. */
#ifndef RRTO_TESTS_FAKE_DRIVER_H
#define RRTO_TESTS_FAKE_DRIVER_H

#include "driver.h"

enum { FAKE_PAGES = 4096, FAKE_EVENTS = 256 };

struct fake {
    struct rrto_driver driver;
    /* memory */
    uint64_t reserved_base,
        reserved_bytes;   /* what cuMemAddressReserve grants: any other address is answered with a different one */
    uint64_t memory_left; /* bytes cuMemCreate may still give */
    uint64_t mapped[FAKE_PAGES];  /* handle + 1 behind each page of 2 MiB from reserved_base; 0: none */
    uint64_t handles[FAKE_PAGES]; /* size of each live handle; 0: none */
    uint64_t n_handles;
    /* events: index + 1 is the handle */
    bool done[FAKE_EVENTS];
    int error[FAKE_EVENTS];
    unsigned n_events, n_synchronises; /* n_synchronises: that have returned */
    int host_blocks;
    uint32_t n_streams, max_streams; /* how many cuStreamCreate gives */
};

/* One at a time: the functions have no argument for it. */
void fake_init(struct fake *fake);
/* Completes an event (wakes whoever synchronises). */
void fake_complete(unsigned event, int error);
unsigned fake_number(const void *event);

#endif
