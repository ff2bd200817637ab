/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/coding.h"

enum {
    LEAST_BAND = 4096,       /* words: chunks do not become smaller */
    RETRY_PAYLOADS = 256,    /* where coding did not pay, it is tried again after so many */
    PROBES = 2,              /* in a row: of the first one, nothing may be known yet when the next one leaves */
    WORSE_PAYLOADS = 4,      /* in a row: the slot's payloads have changed in kind */
    BULK_RETRY_PAYLOADS = 8, /* the same, of those that come once */
    LEAST_GAIN = 32,         /* of what comes once, one part in so many: else another model is looked for */
    LOSING_PAYLOADS = 4,     /* in a row: coding does not pay; one may just have been interrupted */
};

void rrto_coding_init(struct rrto_coding *coding, uint64_t past_bytes, uint64_t stress, uint64_t (*now_ns)(void))
{
    memset(coding, 0, sizeof *coding);
    coding->on = past_bytes > 0;
    coding->stress = coding->on ? stress : 0;
    coding->now_ns = now_ns;
    rrto_coded_slots_init(&coding->slots, past_bytes);
}

void rrto_coding_fini(struct rrto_coding *coding)
{
    rrto_payload_coder_destroy(coding->coder);
    coding->coder = NULL;
    rrto_coded_slots_fini(&coding->slots);
}

static uint64_t link_ns(const struct rrto_coding *coding, uint64_t n)
{
    return coding->rate ? n * 1000000 / coding->rate : 0;
}

/* The slot whose last payload was at `before`, or else, if the op has repeated without any change, the one that was not
 * used for longest. NULL: the payload comes once, as far as one can tell. */
static struct rrto_coding_slot *slot_of(struct rrto_coding *coding, uint64_t before, bool same, uint64_t n)
{
    struct rrto_coding_slot *oldest = &coding->known[0];
    for (unsigned i = 0; i < RRTO_CODING_BULK; i++) {
        struct rrto_coding_slot *slot = &coding->known[i];
        if (slot->place == before + 1 && slot->n == n)
            return slot;
        if (slot->used < oldest->used)
            oldest = slot;
    }
    if (!same)
        return NULL;
    *oldest = (struct rrto_coding_slot){.n = n};
    return oldest;
}

/* Whether coding is faster than sending as it is: coding, sending and decoding overlap but for the first chunk's coding
 * and the last one's decoding, which is no slower. */
static bool pays(const struct rrto_coding *coding, const struct rrto_coding_slot *slot)
{
    uint64_t raw = link_ns(coding, slot->n), sent = link_ns(coding, slot->n_coded);
    uint64_t longest = sent > slot->encode_ns ? sent : slot->encode_ns;
    return 2 * slot->first_ns + longest < raw - raw / 8;
}

static void learn(struct rrto_coding *coding, struct rrto_coding_slot *slot, const void *data)
{
    unsigned number = (unsigned)(slot - coding->known);
    uint64_t start = coding->now_ns();
    rrto_payload_infer(coding->coder, &coding->slots.pasts[number], data, slot->n, &slot->model);
    coding->spent_ns += coding->now_ns() - start;
    slot->learned = true;
    slot->n_coded = slot->encode_ns = slot->first_ns = slot->best_coded = 0;
    slot->n_worse = slot->n_losing = 0;
}

static bool have_coder(struct rrto_coding *coding)
{
    if (!coding->coder)
        coding->coder = rrto_payload_coder_create();
    coding->on = coding->coder != NULL; /* without memory for it, payloads travel as they are */
    return coding->on;
}

/* Whether a payload that could be coded goes as it is, so that the link is measured. What is coded does not do that
 * where coding takes as long as the link, or where little is left: a link that is taken for a slow one, by mistake or
 * because it was, would be taken for one for ever. */
static bool probes(struct rrto_coding *coding)
{
    bool probe = ++coding->n_unmeasured > RRTO_ARRIVAL_PROBE_PAYLOADS;
    if (coding->n_unmeasured == RRTO_ARRIVAL_PROBE_PAYLOADS + PROBES)
        coding->n_unmeasured = 0;
    return probe;
}

static bool wants(struct rrto_coding *coding, struct rrto_coding_slot *slot, const void *data)
{
    if (slot->wait > 0) {
        slot->wait--;
        return false;
    }
    if (!slot->learned) {
        if (link_ns(coding, slot->n) < RRTO_CODING_LEAST_NS || !have_coder(coding))
            return false;
        learn(coding, slot, data);
    }
    slot->n_losing = slot->n_coded && !pays(coding, slot) ? slot->n_losing + 1 : 0;
    if (slot->model.how == RRTO_PAYLOAD_RAW || slot->n_losing == LOSING_PAYLOADS) {
        slot->wait = RETRY_PAYLOADS;
        slot->learned = false;
        return false;
    }
    return !probes(coding);
}

/* False: there is nothing to be had; the model, and what coding by it costs, stay. */
static bool learn_bulk(struct rrto_coding *coding, struct rrto_coding_slot *slot, const void *data, uint64_t n)
{
    struct rrto_payload_model model;
    uint64_t start = coding->now_ns();
    rrto_payload_infer_bulk(coding->coder, data, n, &model);
    coding->spent_ns += coding->now_ns() - start;
    slot->learned = model.how != RRTO_PAYLOAD_RAW;
    if (!slot->learned)
        return false;
    if (model.how != slot->model.how || model.width != slot->model.width)
        slot->encode_ns = 0; /* what that costs is not known yet */
    slot->model = model;
    return true;
}

/* What comes once is coded on its way out, if that is faster than it can leave and takes something off it; one model
 * for all of it, as long as it does. Where coding was too slow, what it cost is not forgotten, but counts for less as
 * time goes by: it may have been interrupted. So the more clearly it does not pay, the more rarely it is tried. */
static bool wants_bulk(struct rrto_coding *coding, const void *data, uint64_t n)
{
    struct rrto_coding_slot *slot = &coding->known[RRTO_CODING_BULK];
    uint64_t rate = coding->rate || coding->fast ? coding->rate : coding->rate_out;
    if (n < RRTO_CODING_BULK_BYTES || rate == 0 || n * 1000000 / rate < RRTO_CODING_LEAST_NS || !have_coder(coding))
        return false;
    if (slot->wait > 0) {
        slot->wait--;
        return false;
    }
    if (!slot->learned && !learn_bulk(coding, slot, data, n)) {
        slot->wait = BULK_RETRY_PAYLOADS;
        return false;
    }
    if (slot->encode_ns * rate * 2 > slot->n * 1000000) {
        slot->wait = BULK_RETRY_PAYLOADS;
        slot->learned = false;
        slot->encode_ns -= slot->encode_ns / 8;
        return false;
    }
    coding->last = RRTO_CODING_BULK;
    slot->n = n;
    return true;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static bool any_model(struct rrto_coding *coding, const void *data, uint64_t n)
{
    uint64_t *state = &coding->stress;
    if (n == 0 || !data || !have_coder(coding))
        return false;
    coding->last = next_random(state) % RRTO_CODED_SLOTS;
    struct rrto_payload_model *model = &coding->known[coding->last].model;
    if (n < 1 << 20 && next_random(state) % 16 == 0) { /* takes long */
        rrto_payload_infer(coding->coder, &coding->slots.pasts[coding->last], data, n, model);
        return true;
    }
    *model = (struct rrto_payload_model){
        .how = (uint8_t)(next_random(state) % 8 ? RRTO_PAYLOAD_PLANES : next_random(state) % 2),
        .width = (uint8_t)(1u << next_random(state) % 3),
        .order = (uint8_t)(next_random(state) % RRTO_ORDERS),
        .channels = (uint8_t)(1 + next_random(state) % 4),
        .group = (uint8_t)(1 + next_random(state) % 4),
        .palette = next_random(state) % 2,
        .colours = next_random(state) % 2,
        .predictors = (uint8_t)next_random(state)};
    model->row = model->channels * (next_random(state) % 300);
    model->plane = model->channels * (uint32_t)(n / model->width / model->channels / (1 + next_random(state) % 5));
    model->band = next_random(state) % 2 ? 1000 + next_random(state) % 100000 : 0;
    rrto_payload_model_clean(model);
    return true;
}

bool rrto_coding_wants(struct rrto_coding *coding, uint64_t place, uint64_t before, bool same, const void *data,
                       uint64_t n)
{
    if (coding->stress)
        return any_model(coding, data, n);
    if (!coding->on || n < RRTO_CODING_LEAST_BYTES || !data)
        return false;
    coding->n_payloads++;
    struct rrto_coding_slot *slot = before == UINT64_MAX ? NULL : slot_of(coding, before, same, n);
    bool coded;
    if (slot) {
        slot->place = place + 1;
        slot->used = coding->n_payloads;
        coding->last = (unsigned)(slot - coding->known);
        coded = wants(coding, slot, data);
    } else {
        coded = wants_bulk(coding, data, n);
    }
    if (!coded) {
        coding->sent_raw = n;
        coding->sent_coded = coding->sent_ns = 0;
    }
    return coded;
}

void rrto_coding_begin(struct rrto_coding *coding, const void *data, uint64_t n, struct rrto_buf *out)
{
    coding->n_out = 0;
    coding->began_ns = coding->now_ns();
    struct rrto_coding_slot *slot = &coding->known[coding->last];
    slot->now_first_ns = slot->now_encode_ns = 0;
    rrto_put_u8(out, (uint8_t)coding->last);
    rrto_payload_encode(coding->coder, &coding->slots.pasts[coding->last], &slot->model, data, n, out);
}

bool rrto_coding_chunk(struct rrto_coding *coding, struct rrto_buf *out)
{
    struct rrto_coding_slot *slot = &coding->known[coding->last];
    uint64_t start = coding->now_ns(), before = out->size;
    if (!rrto_payload_encode_chunk(coding->coder, out))
        return false;
    uint64_t spent = coding->now_ns() - start;
    slot->now_encode_ns += spent;
    coding->spent_ns += spent;
    if (slot->now_first_ns == 0)
        slot->now_first_ns = spent ? spent : 1;
    coding->n_out += out->size - before;
    return true;
}

/* A time that follows shorter ones at once and longer ones slowly: what is longer may have been interrupted. */
static uint64_t lately(uint64_t before, uint64_t now)
{
    return before == 0 || now < before ? now : before + (now - before) / 8;
}

void rrto_coding_end(struct rrto_coding *coding, uint64_t n)
{
    struct rrto_coding_slot *slot = &coding->known[coding->last];
    rrto_payload_encode_end(coding->coder);
    slot->n_coded = coding->n_out;
    if (coding->n_out >= RRTO_ARRIVAL_LEAST_BYTES) {
        coding->sent_coded = coding->n_out;
        coding->sent_ns = coding->now_ns() - coding->began_ns;
    }
    slot->first_ns = lately(slot->first_ns, slot->now_first_ns);
    slot->encode_ns =
        coding->last == RRTO_CODING_BULK ? slot->now_encode_ns : lately(slot->encode_ns, slot->now_encode_ns);
    if (slot->first_ns > RRTO_CODING_FIRST_NS && slot->model.band > LEAST_BAND) {
        slot->model.band /= 2;
        rrto_payload_model_clean(&slot->model);
        slot->first_ns /= 2;
    }
    if (coding->last == RRTO_CODING_BULK) {
        slot->learned = slot->n_coded < n - n / LEAST_GAIN;
        return;
    }
    if (slot->best_coded == 0 || slot->n_coded < slot->best_coded)
        slot->best_coded = slot->n_coded;
    /* A scene that stands still costs next to nothing: that is no measure for one that moves. */
    uint64_t usual = slot->best_coded > n / 16 ? slot->best_coded : n / 16;
    slot->n_worse = slot->n_coded > usual * 2 ? slot->n_worse + 1 : 0;
    if (slot->n_worse == WORSE_PAYLOADS)
        slot->learned = false;
}

void rrto_coding_measured(struct rrto_coding *coding, uint64_t rate)
{
    if (rrto_arrival_tells(rate, coding->sent_coded, coding->sent_ns))
        coding->n_unmeasured = 0;
    /* What is smaller may have come while the other side was busy. */
    if (coding->sent_coded == 0 && (rate || coding->sent_raw >= RRTO_CODING_BULK_BYTES))
        coding->fast = rate == 0;
    coding->rate = rrto_arrival_learn(coding->rate, rate, coding->sent_coded, coding->sent_ns);
}
