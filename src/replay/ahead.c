/* SPDX-License-Identifier: Apache-2.0 */
/* Copies made ahead. */
#include "replay/ahead.h"

#include <stdlib.h>
#include <string.h>

void rrto_ahead_fini(struct rrto_ahead *ahead)
{
    for (unsigned i = 0; i < RRTO_AHEAD_ROWS; i++)
        free(ahead->rows[i].data);
    memset(ahead, 0, sizeof *ahead);
}

bool rrto_ahead_may_guess(struct rrto_ahead *ahead)
{
    if (ahead->in_flight)
        return false;
    if (ahead->hits + ahead->misses > 256) { /* what was long ago says little */
        ahead->hits /= 2;
        ahead->misses /= 2;
    }
    return ahead->misses <= ahead->hits / 4 + 2 || ++ahead->n_skipped % 16 == 0;
}

struct rrto_ahead_row *rrto_ahead_add(struct rrto_ahead *ahead, const uint8_t *op, size_t n_op, uint64_t n_data)
{
    if (ahead->n == RRTO_AHEAD_ROWS || n_op > RRTO_AHEAD_OP_BYTES || n_data == 0 || n_data > RRTO_AHEAD_MAX_BYTES)
        return NULL;
    struct rrto_ahead_row *row = &ahead->rows[ahead->n];
    if (row->capacity < n_data) {
        uint8_t *data = realloc(row->data, n_data);
        if (!data)
            return NULL;
        row->data = data;
        row->capacity = n_data;
    }
    memcpy(row->op, op, n_op);
    row->n_op = n_op;
    row->n_data = n_data;
    ahead->n++;
    return row;
}

const struct rrto_ahead_row *rrto_ahead_take(struct rrto_ahead *ahead, const uint8_t *op, size_t n_op,
                                             uint64_t log_head)
{
    if (ahead->at == ahead->n || ahead->in_flight || ahead->head != log_head)
        return NULL;
    const struct rrto_ahead_row *row = &ahead->rows[ahead->at];
    if (row->n_op != n_op || memcmp(row->op, op, n_op) != 0)
        return NULL;
    ahead->at++;
    ahead->hits++;
    return row;
}

void rrto_ahead_discard(struct rrto_ahead *ahead)
{
    if (ahead->in_flight)
        return; /* the thread that made them finds the log's head moved */
    ahead->misses += ahead->n - ahead->at;
    ahead->n = ahead->at = 0;
}
