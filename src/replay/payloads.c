/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/payloads.h"

#include "base/clock.h"
#include "base/status.h"

#include <stdlib.h>

int rrto_receiver_accept_coded(struct rrto_receiver *receiver, uint64_t past_bytes, uint64_t (*now_ns)(void))
{
    struct rrto_receiver_coded *coded = calloc(1, sizeof *coded);
    if (!coded)
        return RRTO_NO_MEMORY;
    rrto_coded_reader_init(&coded->reader, past_bytes, now_ns);
    receiver->coded = coded;
    return RRTO_OK;
}

void rrto_payloads_fini(struct rrto_receiver *receiver)
{
    if (!receiver->coded)
        return;
    rrto_coded_reader_fini(&receiver->coded->reader);
    free(receiver->coded->piece);
    free(receiver->coded);
    receiver->coded = NULL;
}

/* The first bytes of a payload have come just now, or have been here for a while, which says nothing of the link. */
static void arrival_begins(struct rrto_receiver *receiver, uint64_t waited_ns)
{
    receiver->arrival_seen = receiver->reader.waited_ns > waited_ns;
    if (receiver->arrival_seen)
        rrto_arrival_begin(&receiver->arrival, receiver->reader.woke_ns, receiver->reader.waited_ns);
}

/* n_bytes have come; coding_ns: how long the server took for them, 0: they are not coded. */
static void arrival_ends(struct rrto_receiver *receiver, uint64_t n_bytes, uint64_t coding_ns)
{
    if (!receiver->arrival_seen || n_bytes < RRTO_ARRIVAL_LEAST_BYTES) {
        rrto_arrival_count(&receiver->arrival, false, coding_ns != 0);
        return;
    }
    receiver->arrival_seen = false;
    receiver->arrival.n_bytes += n_bytes;
    rrto_arrival_end(&receiver->arrival, rrto_now_ns(), receiver->reader.waited_ns);
    uint16_t said = rrto_arrival_take(&receiver->arrival);
    uint64_t measured = said == RRTO_ARRIVAL_FAST ? 0 : (uint64_t)said * 100;
    uint64_t n_coded = coding_ns ? n_bytes : 0;
    uint64_t rate = rrto_arrival_learn(receiver->rate_down, measured, n_coded, coding_ns);
    rrto_arrival_count(&receiver->arrival, rrto_arrival_tells(measured, n_coded, coding_ns), n_coded != 0);
    __atomic_store_n(&receiver->rate_down, rate, __ATOMIC_RELAXED);
}

int rrto_payloads_data(struct rrto_receiver *receiver, const struct rrto_chunk *chunk, uint64_t waited_ns)
{
    uint8_t bytes[RRTO_DATA_HEAD_BYTES];
    struct rrto_data_head head;
    int status = rrto_reader_read(&receiver->reader, bytes, sizeof bytes);
    if (status != RRTO_OK)
        return status;
    rrto_data_head_decode(bytes, &head);
    uint64_t n = chunk->n_bytes - sizeof bytes;
    rrto_receiver_count(receiver, 0, n, n);
    if (receiver->data_ns == 0)
        receiver->data_ns = receiver->reader.woke_ns;
    uint8_t *host = rrto_receiver_destination(receiver, head.position, head.offset, n);
    if (!host)
        return RRTO_PROTOCOL;
    if (receiver->coded)
        arrival_begins(receiver, waited_ns);
    status = rrto_reader_read(&receiver->reader, host, n);
    if (status != RRTO_OK)
        return status;
    if (receiver->coded)
        arrival_ends(receiver, n, 0);
    rrto_receiver_delivered(receiver, head.position, n);
    return RRTO_OK;
}

/* A piece begins, or goes on as it has begun. */
static int open_piece(struct rrto_receiver *receiver, const struct rrto_coded_head *head, uint64_t waited_ns)
{
    struct rrto_receiver_coded *coded = receiver->coded;
    if (coded->open)
        return head->position == coded->head.position && head->offset == coded->head.offset &&
                       head->n_bytes == coded->head.n_bytes
                   ? RRTO_OK
                   : RRTO_PROTOCOL;
    if (!rrto_receiver_destination(receiver, head->position, head->offset, head->n_bytes))
        return RRTO_PROTOCOL;
    if (!coded->piece)
        coded->piece = malloc(RRTO_RESULT_MAX_BYTES);
    if (!coded->piece)
        return RRTO_NO_MEMORY;
    arrival_begins(receiver, waited_ns);
    coded->open = true;
    coded->head = *head;
    coded->n_coded = 0;
    return rrto_coded_reader_begin(&coded->reader, coded->piece, head->n_bytes);
}

static int close_piece(struct rrto_receiver *receiver)
{
    struct rrto_receiver_coded *coded = receiver->coded;
    const struct rrto_coded_head *head = &coded->head;
    uint8_t *host = rrto_receiver_destination(receiver, head->position, head->offset, head->n_bytes);
    if (!host)
        return RRTO_PROTOCOL;
    coded->open = false;
    memcpy(host, coded->piece, head->n_bytes);
    arrival_ends(receiver, coded->n_coded, (uint64_t)head->coding_us * 1000);
    rrto_receiver_count(receiver, 0, head->n_bytes, coded->n_coded);
    struct rrto_counters *counters = receiver->counters;
    __atomic_fetch_add(&counters->payload_coded_down, head->n_bytes, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counters->codec_server_ns, (uint64_t)head->coding_us * 1000, __ATOMIC_RELAXED);
    __atomic_store_n(&counters->codec_ns_down, coded->reader.spent_ns, __ATOMIC_RELAXED);
    rrto_coded_count(&counters->coded_down[coded->reader.slot], head->n_bytes, coded->n_coded,
                     rrto_coded_reader_model(&coded->reader));
    rrto_receiver_delivered(receiver, head->position, head->n_bytes);
    return RRTO_OK;
}

int rrto_payloads_coded(struct rrto_receiver *receiver, uint64_t waited_ns)
{
    uint8_t bytes[RRTO_CODED_HEAD_BYTES];
    struct rrto_coded_head head;
    struct rrto_receiver_coded *coded = receiver->coded;
    if (!coded)
        return RRTO_PROTOCOL; /* nobody asked */
    int status = rrto_reader_read(&receiver->reader, bytes, sizeof bytes);
    if (status == RRTO_OK)
        status = rrto_coded_head_decode(bytes, &head);
    if (status != RRTO_OK)
        return status;
    if (receiver->data_ns == 0)
        receiver->data_ns = receiver->reader.woke_ns;
    status = open_piece(receiver, &head, waited_ns);
    coded->head.coding_us = head.coding_us;
    bool complete = false;
    while (status == RRTO_OK && receiver->reader.left > 0) {
        const uint8_t *data;
        size_t n = 0, taken;
        status = rrto_reader_some(&receiver->reader, &data, &n);
        coded->n_coded += n;
        for (size_t at = 0; status == RRTO_OK && at < n; at += taken) {
            if (complete)
                return RRTO_PROTOCOL; /* more than the piece */
            status = rrto_coded_reader_feed(&coded->reader, data + at, n - at, &taken, &complete);
        }
    }
    return status == RRTO_OK && complete ? close_piece(receiver) : status;
}
