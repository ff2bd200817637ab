/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#include "base/clock.h"
#include "base/status.h"
#include "wire/frame.h"

enum { HEAD_BYTES = RRTO_CHUNK_HEADER_BYTES + RRTO_CODED_HEAD_BYTES, LEAST_BYTES = 4096 };

void rrto_results_init(struct rrto_results *results, struct rrto_conn *conn, uint64_t past_bytes, uint64_t stress)
{
    *results = (struct rrto_results){.on = past_bytes > 0, .always = stress != 0, .conn = conn};
    rrto_coding_init(&results->coding, past_bytes, stress, rrto_now_ns);
    rrto_buf_init(&results->out, HEAD_BYTES + LEAST_BYTES + RRTO_PAYLOAD_HEAD_BYTES + 2 * RRTO_PAYLOAD_CODED_BYTES);
}

void rrto_results_fini(struct rrto_results *results)
{
    rrto_coding_fini(&results->coding);
    rrto_buf_fini(&results->out);
}

static int send_out(struct rrto_results *results, const struct rrto_result_piece *result, size_t n, uint64_t spent_ns)
{
    struct rrto_buf *out = &results->out;
    if (out->failed)
        return RRTO_NO_MEMORY;
    struct rrto_chunk chunk = {.n_bytes = (uint32_t)(out->size - RRTO_CHUNK_HEADER_BYTES), .type = RRTO_CHUNK_CODED};
    uint64_t spent_us = spent_ns / 1000;
    struct rrto_coded_head head = {.position = result->position,
                                   .offset = result->offset,
                                   .n_bytes = (uint32_t)n,
                                   .coding_us = spent_us > UINT32_MAX ? UINT32_MAX : (uint32_t)spent_us};
    rrto_chunk_encode(out->data, &chunk);
    rrto_coded_head_encode(out->data + RRTO_CHUNK_HEADER_BYTES, &head);
    int status = rrto_conn_write(results->conn, out->data, out->size, -1);
    out->size = HEAD_BYTES;
    return status;
}

int rrto_results_write(struct rrto_results *results, const struct rrto_result_piece *result, const void *data, size_t n,
                       bool *ret_written)
{
    struct rrto_coding *coding = &results->coding;
    struct rrto_buf *out = &results->out;
    uint64_t before_ns = coding->spent_ns;
    coding->rate = __atomic_load_n(&results->rate, __ATOMIC_RELAXED);
    rrto_coding_probe(coding, __atomic_exchange_n(&results->probe, false, __ATOMIC_RELAXED));
    *ret_written = rrto_coding_wants(coding, result->place, result->before, result->same, data, n);
    if (!*ret_written) {
        __atomic_fetch_add(&results->searched_ns, coding->spent_ns - before_ns, __ATOMIC_RELAXED);
        return RRTO_OK;
    }
    rrto_buf_clear(out);
    rrto_buf_put(out, NULL, HEAD_BYTES);
    rrto_coding_begin(coding, data, n, out);
    int status = RRTO_OK;
    bool more = true;
    while (more && status == RRTO_OK) {
        more = rrto_coding_chunk(coding, out);
        /* What is small waits for the next chunk, which does not take long. */
        if (more ? out->size >= LEAST_BYTES : out->size > HEAD_BYTES)
            status = send_out(results, result, n, coding->spent_ns - before_ns);
    }
    rrto_coding_end(coding, n);
    return status == RRTO_OK && out->failed ? RRTO_NO_MEMORY : status;
}
