/* SPDX-License-Identifier: Apache-2.0 */
/* The growing byte buffer. */
#include "base/buf.h"

#include <stdlib.h>

void rrto_buf_init(struct rrto_buf *buf, size_t max)
{
    *buf = (struct rrto_buf){.max = max};
}

void rrto_buf_fini(struct rrto_buf *buf)
{
    free(buf->data);
    *buf = (struct rrto_buf){.max = buf->max};
}

uint8_t *rrto_buf_grow(struct rrto_buf *buf, size_t n)
{
    if (buf->failed)
        return NULL;
    if (n > buf->max || buf->size > buf->max - n) {
        buf->failed = true;
        return NULL;
    }
    size_t wanted = buf->size + n;
    size_t capacity = buf->capacity > 32 ? buf->capacity : 64;
    while (capacity < wanted && capacity <= buf->max / 2)
        capacity *= 2;
    if (capacity < wanted || capacity > buf->max)
        capacity = buf->max;
    uint8_t *data = realloc(buf->data, capacity); /* malloc aligns to 16 on the machines we support */
    if (!data) {
        buf->failed = true;
        return NULL;
    }
    buf->data = data;
    buf->capacity = capacity;
    return data + buf->size;
}

void rrto_buf_put_grow(struct rrto_buf *buf, const void *data, size_t n)
{
    /* By numbers: what is in the buffer moves with it. */
    uintptr_t offset = (uintptr_t)data - (uintptr_t)buf->data;
    bool inside = data && buf->data && offset < buf->size;
    uint8_t *to = rrto_buf_grow(buf, n);
    if (!to)
        return;
    if (inside)
        data = buf->data + offset;
    if (data)
        memcpy(to, data, n);
    else
        memset(to, 0, n);
    buf->size += n;
}
