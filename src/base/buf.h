/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a stated maximum. A failed growth is sticky: later puts do nothing and `failed` stays set.
 */
#ifndef RRTO_BASE_BUF_H
#define RRTO_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
/* Whether there is room for n more bytes as it is. */
static inline bool rrto_buf_fits(const struct rrto_buf *buf, size_t n)
{
    return __builtin_expect(buf->capacity - buf->size >= n && buf->data && !buf->failed, 1);
}
/* What of reserve is rare: a larger buffer, or a failure. */
uint8_t *rrto_buf_grow(struct rrto_buf *buf, size_t n);
/* Makes room for n more bytes and returns where they go (size is not changed), or NULL. Inline, like put: both stand on
 * the way of every call. */
static inline uint8_t *rrto_buf_reserve(struct rrto_buf *buf, size_t n)
{
    return rrto_buf_fits(buf, n) ? buf->data + buf->size : rrto_buf_grow(buf, n);
}
/* What of put is rare. */
void rrto_buf_put_grow(struct rrto_buf *buf, const void *data, size_t n);
/* Appends n bytes (zeroes when data is NULL), which may be some that are in the buffer. */
static inline void rrto_buf_put(struct rrto_buf *buf, const void *data, size_t n)
{
    if (n == 0)
        return;
    if (!rrto_buf_fits(buf, n)) {
        rrto_buf_put_grow(buf, data, n);
        return;
    }
    uint8_t *to = buf->data + buf->size;
    if (data)
        memcpy(to, data, n);
    else
        memset(to, 0, n);
    buf->size += n;
}

#endif
