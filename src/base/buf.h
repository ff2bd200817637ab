/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a stated maximum. A failed growth is sticky: later puts do nothing and `failed` stays set.
 */
#ifndef RRTO_BASE_BUF_H
#define RRTO_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_buf {
    uint8_t *data; /* 16-byte aligned */
    size_t size, capacity, max;
    bool failed;
};

void rrto_buf_init(struct rrto_buf *buf, size_t max);
void rrto_buf_fini(struct rrto_buf *buf);
static inline void rrto_buf_clear(struct rrto_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}
/* Makes room for n more bytes and returns where they go (size is not changed), or NULL. */
uint8_t *rrto_buf_reserve(struct rrto_buf *buf, size_t n);
/* Appends n bytes (zeroes when data is NULL). */
void rrto_buf_put(struct rrto_buf *buf, const void *data, size_t n);

#endif
