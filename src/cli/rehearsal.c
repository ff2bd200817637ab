/* SPDX-License-Identifier: Apache-2.0 */
/* Rehearsals of traces. */
#include "cli/rehearsal.h"

#include "base/clock.h"
#include "base/status.h"
#include "cli/baseline.h"
#include "replay/predict.h"
#include "replay/tracker.h"
#include "report/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TAKE_BYTES = 1 << 16, /* of records that are held at most */
    MAX_KEPT_BYTES = 256 << 20,
    MAX_KEPT_OPS = 1 << 20,
    NOW_NS = 1, /* the counters want a time */
};

/* --- the predictor: what stands between the application's op and the record that leaves ------------------------------
 */

struct predictor {
    struct rrto_seq *seq;
    struct rrto_baseline *baseline; /* asked instead of seq, if there is one */
    struct rrto_record_encoder encoder;
};

struct step {
    enum rrto_record_how how;
    uint64_t source;
    bool jump;
    size_t changed;
};

static void predictor_fini(struct predictor *predictor)
{
    predictor->seq = rrto_seq_destroy(predictor->seq);
    predictor->baseline = rrto_baseline_destroy(predictor->baseline);
    rrto_record_encoder_fini(&predictor->encoder);
}

static int predictor_init(struct predictor *predictor, uint64_t log_bytes, bool baseline)
{
    predictor->seq = NULL;
    predictor->baseline = NULL;
    int status = rrto_record_encoder_init(&predictor->encoder, log_bytes, baseline ? 0 : RRTO_SLOTS_ALL);
    if (status == RRTO_OK && !(predictor->seq = rrto_seq_create(predictor->encoder.log.max_ops)))
        status = RRTO_NO_MEMORY;
    if (status == RRTO_OK && baseline && !(predictor->baseline = rrto_baseline_create()))
        status = RRTO_NO_MEMORY;
    if (status != RRTO_OK)
        predictor_fini(predictor);
    return status;
}

/* One op, as the client's issue() predicts and encodes it. */
static struct step predictor_op(struct predictor *predictor, const struct rrto_optable *table, unsigned lane,
                                uint32_t value, const uint8_t *op, size_t n, unsigned flags)
{
    struct rrto_baseline *baseline = predictor->baseline;
    struct step step;
    if (baseline) {
        uint64_t expected = rrto_baseline_expected(baseline);
        step.source = rrto_baseline_push(baseline, table->token(op, n));
        step.jump = step.source != expected;
    } else {
        const struct rrto_op_predictor client = {predictor->seq, &predictor->encoder, table, 0, true};
        struct rrto_prediction prediction = rrto_predict(&client, lane, value, table->info(rrto_op_number(op)), op, n);
        step.source = prediction.source;
        step.jump = prediction.jump;
    }
    step.how = rrto_record_encode(&predictor->encoder, step.source, op, n, flags, &step.changed);
    step.jump = step.jump && step.how != RRTO_RECORD_AS_LITERAL;
    return step;
}

/* --- the run ---------------------------------------------------------------------------------------------------------
 */

/* An op that is kept: for the passes that are timed, and for who asks what became of it. */
struct kept {
    uint64_t at; /* in bytes */
    uint32_t n, changed, value;
    bool jump, literal;
    uint8_t lane, flags;
    bool begins; /* an inference, so that the search is told */
    bool result;
};

struct rrto_rehearsal_run {
    const struct rrto_optable *table;
    uint64_t log_bytes;
    bool baseline;
    struct predictor predictor;
    struct rrto_tracker tracker;
    struct rrto_counters *counters; /* for its rule only */
    struct rrto_rehearsal result;
    struct rrto_rehearsal_sums base, at_result; /* when the present inference began, and when its result was there */
    uint64_t taken_bytes, next_position, lanes_seen, n_room;

    struct rrto_buf bytes;
    struct kept *kept;
    uint64_t n_kept;
    bool full;
};

int rrto_rehearsal_create(uint64_t log_bytes, bool baseline, const struct rrto_optable *table,
                          struct rrto_rehearsal_run **ret_run)
{
    struct rrto_rehearsal_run *run = calloc(1, sizeof *run);
    if (!run)
        return RRTO_NO_MEMORY;
    run->table = table;
    run->log_bytes = log_bytes;
    run->baseline = baseline;
    rrto_tracker_init(&run->tracker);
    rrto_buf_init(&run->bytes, MAX_KEPT_BYTES);
    run->counters = calloc(1, sizeof *run->counters);
    run->kept = calloc(MAX_KEPT_OPS, sizeof *run->kept);
    int status = run->counters && run->kept ? predictor_init(&run->predictor, log_bytes, baseline) : RRTO_NO_MEMORY;
    if (status != RRTO_OK) {
        rrto_rehearsal_destroy(run);
        return status;
    }
    run->result.sequences = rrto_seq_sequences(run->predictor.seq);
    *ret_run = run;
    return RRTO_OK;
}

struct rrto_rehearsal_run *rrto_rehearsal_destroy(struct rrto_rehearsal_run *run)
{
    if (!run)
        return NULL;
    predictor_fini(&run->predictor);
    rrto_tracker_fini(&run->tracker);
    rrto_buf_fini(&run->bytes);
    free(run->counters);
    free(run->kept);
    free(run->result.inferences);
    free(run);
    return NULL;
}

void rrto_rehearsal_add(struct rrto_rehearsal_sums *to, const struct rrto_rehearsal_sums *by, bool minus)
{
    enum { N_FIELDS = sizeof *to / sizeof(uint64_t) };
    uint64_t a[N_FIELDS], b[N_FIELDS];
    memcpy(a, to, sizeof a);
    memcpy(b, by, sizeof b);
    for (size_t i = 0; i < N_FIELDS; i++)
        a[i] += minus ? 0 - b[i] : b[i];
    memcpy(to, a, sizeof a);
}

/* The present inference ended with the last result. */
static int close_inference(struct rrto_rehearsal_run *run, uint64_t sequence)
{
    struct rrto_rehearsal *result = &run->result;
    if (result->n_inferences == run->n_room) {
        uint64_t n_room = run->n_room ? 2 * run->n_room : 256;
        void *grown = realloc(result->inferences, n_room * sizeof *result->inferences);
        if (!grown)
            return RRTO_NO_MEMORY;
        result->inferences = grown;
        run->n_room = n_room;
    }
    struct rrto_rehearsal_inference *inference = &result->inferences[result->n_inferences++];
    *inference = (struct rrto_rehearsal_inference){run->at_result, run->base.ops, sequence};
    rrto_rehearsal_add(&inference->sums, &run->base, true);
    run->base = run->at_result;
    return RRTO_OK;
}

/* Work for the device begins: whether an inference does. */
static int begin_inference(struct rrto_rehearsal_run *run, bool *ret_begins)
{
    *ret_begins = rrto_counters_next_inference(run->counters, NOW_NS);
    if (!*ret_begins)
        return RRTO_OK;
    if (run->baseline)
        return close_inference(run, 0);
    const struct rrto_seq_sequence *row = rrto_seq_boundary(run->predictor.seq);
    run->result.covered += row->hits == 0 ? 0 : row->hits == 1 ? 2 * row->ops : row->ops;
    return close_inference(run, row->id);
}

static void keep(struct rrto_rehearsal_run *run, const struct rrto_trace_op *op, const struct kept *kept)
{
    size_t padded = (op->n_bytes + 7) & ~(size_t)7;
    run->full = run->full || run->n_kept == MAX_KEPT_OPS || !rrto_buf_reserve(&run->bytes, padded);
    if (run->full)
        return;
    run->kept[run->n_kept] = *kept;
    run->kept[run->n_kept++].at = run->bytes.size;
    rrto_buf_put(&run->bytes, op->bytes, op->n_bytes);
    rrto_buf_put(&run->bytes, NULL, padded - op->n_bytes);
}

static void count(struct rrto_rehearsal_run *run, const struct rrto_op_info *info, const struct rrto_trace_op *op,
                  const struct step *step)
{
    struct rrto_rehearsal_sums *all = &run->result.all;
    struct rrto_buf *out = &run->predictor.encoder.out;
    bool literal = step->how == RRTO_RECORD_AS_LITERAL;
    all->ops++;
    all->literals += literal;
    all->jumps += step->jump;
    all->predicted += !literal && !step->jump;
    all->patched += step->how == RRTO_RECORD_AS_PATCHED;
    all->changed_bytes += step->changed;
    all->waits += op->wait;
    if (info->flags & RRTO_OP_UP && info->flags & RRTO_OP_DEVICE) /* a copy, not a module */
        all->payload_up += rrto_optable_payload(info, op->bytes, op->n_bytes);
    all->as_traced += op->source == step->source && op->how == step->how;
    all->records = run->predictor.encoder.n_records + (run->predictor.encoder.n_open > 0);
    all->op_bytes = run->taken_bytes + out->size;
    if (out->size > TAKE_BYTES) {
        run->taken_bytes += out->size;
        rrto_buf_clear(out);
    }
    if (!(run->lanes_seen >> op->lane & 1))
        run->result.n_lanes++;
    run->lanes_seen |= (uint64_t)1 << op->lane;
}

int rrto_rehearsal_op(struct rrto_rehearsal_run *run, const struct rrto_trace_op *op)
{
    _Static_assert(RRTO_SEQ_LANES == 64, "lanes_seen has a bit for each");
    const struct rrto_op_info *info =
        op->n_bytes >= sizeof(struct rrto_op_header) ? run->table->info(rrto_op_number(op->bytes)) : NULL;
    if (!info)
        return RRTO_UNSUPPORTED;
    if (op->lane >= RRTO_SEQ_LANES || (run->result.all.ops > 0 && op->position != run->next_position))
        return RRTO_PROTOCOL;
    run->next_position = op->position + 1;

    struct kept kept = {.n = op->n_bytes, .lane = (uint8_t)op->lane, .value = op->value};
    if (rrto_tracker_is_work(info)) {
        int status = begin_inference(run, &kept.begins);
        if (status != RRTO_OK)
            return status;
    }
    kept.flags = (uint8_t)((op->wait ? RRTO_RECORD_WAIT : 0u) | (info->flags & RRTO_OP_UP ? RRTO_RECORD_PAYLOAD : 0u));
    struct step step =
        predictor_op(&run->predictor, run->table, op->lane, op->value, op->bytes, op->n_bytes, kept.flags);
    count(run, info, op, &step);
    kept.result = rrto_tracker_is_result(&run->tracker, info, op->wait);
    rrto_tracker_issued(&run->tracker, run->table, info, op->bytes, op->n_bytes, op->position, op->wait);
    if (kept.result) {
        run->tracker.down = 0;
        rrto_seq_result(run->predictor.seq);
        rrto_counters_result(run->counters, NOW_NS);
        run->at_result = run->result.all;
    }
    kept.changed = (uint32_t)step.changed;
    kept.jump = step.jump;
    kept.literal = step.how == RRTO_RECORD_AS_LITERAL;
    keep(run, op, &kept);
    return run->predictor.encoder.out.failed ? RRTO_NO_MEMORY : RRTO_OK;
}

const struct rrto_rehearsal *rrto_rehearsal_end(struct rrto_rehearsal_run *run)
{
    rrto_record_close(&run->predictor.encoder);
    run->result.all.op_bytes = run->taken_bytes + run->predictor.encoder.out.size;
    if (run->counters->result_wait_ns != 0)
        (void)close_inference(run, 0);
    return &run->result;
}

void rrto_rehearsal_join(struct rrto_rehearsal_run *run, uint64_t frame_bytes)
{
    struct rrto_rehearsal *result = &run->result;
    uint64_t n = 0;
    for (uint64_t i = 0; i < result->n_inferences; i++) {
        const struct rrto_rehearsal_inference *inference = &result->inferences[i];
        if (n == 0 || inference->sums.payload_up >= frame_bytes) {
            result->inferences[n++] = *inference;
        } else {
            rrto_rehearsal_add(&result->inferences[n - 1].sums, &inference->sums, false);
            result->inferences[n - 1].sequence = 0;
        }
    }
    result->n_inferences = n;
}

bool rrto_rehearsal_step(const struct rrto_rehearsal_run *run, uint64_t place, struct rrto_rehearsal_step *ret_step)
{
    if (place >= run->n_kept)
        return false;
    const struct kept *kept = &run->kept[place];
    *ret_step =
        (struct rrto_rehearsal_step){run->bytes.data + kept->at, kept->n, kept->changed, kept->jump, kept->literal};
    return true;
}

/* --- what it costs ---------------------------------------------------------------------------------------------------
 */

static uint64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    unsigned long size = 0, resident = 0;
    if (file) {
        if (fscanf(file, "%lu %lu", &size, &resident) != 2)
            resident = 0;
        fclose(file);
    }
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* All kept ops once. */
static void pass(const struct rrto_rehearsal_run *run, struct predictor *predictor)
{
    for (uint64_t i = 0; i < run->n_kept; i++) {
        const struct kept *op = &run->kept[i];
        if (op->begins)
            (void)rrto_seq_boundary(predictor->seq);
        (void)predictor_op(predictor, run->table, op->lane, op->value, run->bytes.data + op->at, op->n, op->flags);
        if (op->result)
            rrto_seq_result(predictor->seq);
        if (predictor->encoder.out.size > TAKE_BYTES)
            rrto_buf_clear(&predictor->encoder.out);
    }
}

int rrto_rehearsal_time(const struct rrto_rehearsal_run *run, uint64_t duration_ms,
                        struct rrto_rehearsal_cost *ret_cost)
{
    struct rrto_rehearsal_cost cost = {.ops = run->n_kept, .ps_per_op = UINT64_MAX};
    uint64_t limit = rrto_now_ns() + duration_ms * 1000000, before = resident_bytes(),
             n = run->n_kept ? run->n_kept : 1;
    struct predictor predictor;
    int status = predictor_init(&predictor, run->log_bytes, run->baseline);
    if (status != RRTO_OK)
        return status;
    while (cost.passes < 2 || rrto_now_ns() < limit) {
        uint64_t start = rrto_now_ns();
        pass(run, &predictor);
        uint64_t ps = (rrto_now_ns() - start) * 1000 / n;
        if (cost.passes++ == 0) {
            uint64_t after = resident_bytes();
            cost.resident_bytes = after > before ? after - before : 0;
            cost.first_ps_per_op = ps;
        } else if (ps < cost.ps_per_op) {
            cost.ps_per_op = ps;
        }
        rrto_log_prefault(&predictor.encoder.log); /* as the client's helper thread does */
    }
    predictor_fini(&predictor);
    *ret_cost = cost;
    return RRTO_OK;
}
