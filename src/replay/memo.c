/* SPDX-License-Identifier: Apache-2.0 */
/* Remembered answers. */
#include "replay/memo.h"

#include "replay/record.h"

#include <stdlib.h>
#include <string.h>

struct rrto_memo_answer {
    size_t n_op, n_reply;
    int32_t status;
    uint8_t bytes[]; /* the op, then the reply fields */
};

void rrto_memo_init(struct rrto_memo *memo)
{
    rrto_map_init(&memo->answers);
    rrto_map_init(&memo->keys);
    memo->n_bytes = 0;
}

void rrto_memo_fini(struct rrto_memo *memo)
{
    size_t cursor = 0;
    uint64_t key, value;
    while (rrto_map_next(&memo->answers, &cursor, &key, &value))
        free((void *)(uintptr_t)value);
    rrto_map_fini(&memo->answers);
    rrto_map_fini(&memo->keys);
}

static const struct rrto_memo_answer *find(const struct rrto_memo *memo, uint64_t hash, const uint8_t *op, size_t n)
{
    uint64_t value;
    if (!rrto_map_get(&memo->answers, hash, &value))
        return NULL;
    const struct rrto_memo_answer *answer = (const void *)(uintptr_t)value;
    return answer->n_op == n && memcmp(answer->bytes, op, n) == 0 ? answer : NULL;
}

bool rrto_memo_get(const struct rrto_memo *memo, const uint8_t *op, size_t n, struct rrto_buf *reply,
                   int32_t *ret_status)
{
    const struct rrto_memo_answer *answer = find(memo, rrto_record_hash(0, op, n), op, n);
    if (!answer)
        return false;
    if (reply) {
        rrto_buf_clear(reply);
        rrto_buf_put(reply, answer->bytes + n, answer->n_reply);
    }
    *ret_status = answer->status;
    return true;
}

void rrto_memo_put(struct rrto_memo *memo, const uint8_t *op, size_t n, const struct rrto_buf *reply, int32_t status)
{
    uint64_t hash = rrto_record_hash(0, op, n), value;
    size_t n_reply = reply ? reply->size : 0, n_bytes = sizeof(struct rrto_memo_answer) + n + n_reply;
    /* a hash taken by another op: that one stays, this one is asked every time */
    if (rrto_map_get(&memo->answers, hash, &value) || memo->n_bytes + n_bytes > RRTO_MEMO_MAX_BYTES)
        return;
    struct rrto_memo_answer *answer = malloc(n_bytes);
    if (!answer)
        return;
    *answer = (struct rrto_memo_answer){.n_op = n, .n_reply = n_reply, .status = status};
    memcpy(answer->bytes, op, n);
    if (n_reply)
        memcpy(answer->bytes + n, reply->data, n_reply);
    if (rrto_map_put(&memo->answers, hash, (uint64_t)(uintptr_t)answer))
        memo->n_bytes += n_bytes;
    else
        free(answer);
}

bool rrto_memo_key_known(const struct rrto_memo *memo, uint64_t key)
{
    uint64_t value;
    return rrto_map_get(&memo->keys, key, &value);
}

void rrto_memo_key_add(struct rrto_memo *memo, uint64_t key)
{
    if (memo->keys.n < RRTO_MEMO_MAX_KEYS)
        (void)rrto_map_put(&memo->keys, key, 1);
}
