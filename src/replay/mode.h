/* SPDX-License-Identifier: Apache-2.0 */
/* A mode is a row of booleans; mode.c is the only file that knows their names. */
#ifndef RRTO_REPLAY_MODE_H
#define RRTO_REPLAY_MODE_H

#include <stdbool.h>
#include <stddef.h>

struct rrto_mode {
    const char *name;
    bool soft_server;       /* the server has to be the soft device (RRTO_HELLO_PLAIN) */
    bool every_op_waits;    /* literal and blocking */
    bool device_ops_wait;   /* those that reach the device block */
    bool exchange_per_call; /* an API call that did not block makes one exchange with the server */
    bool elide;             /* synchronises that cover nothing visible are answered here */
    bool memo;              /* answers that depend on their question only are asked once */
    bool predict;           /* ops travel as positions of the log */
};

/* NULL for an unknown name. */
const struct rrto_mode *rrto_mode_find(const char *name);
/* One after the other, the slowest first; NULL behind the last one. */
const struct rrto_mode *rrto_mode_at(size_t i);
/* The mode of a process without RRTO_MODE. */
const struct rrto_mode *rrto_mode_default(void);

#endif
