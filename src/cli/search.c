/* SPDX-License-Identifier: Apache-2.0 */
/* rrto search: what Operator Sequence Search makes of a trace, offline. */
#include "base/config.h"
#include "base/map.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/rehearsal.h"
#include "report/json.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SHOWN_INFERENCES = 12, /* at the beginning and at the end */
    SHOWN_SEQUENCES = 12,
    TIMED_MS = 200,
    STEADY = 4, /* the first inference of the steady state, counted from 1 */
};

static const char help_text[] =
    "Usage: rrto search [OPTION]... FILE\n\n"
    "Runs the ops of a trace (RRTO_TRACE=FILE) through the client's own search and encoder and prints what each\n"
    "inference costs: how many ops were found where they were expected, found elsewhere (jumps), or would travel\n"
    "in full (literal); how many were patched, and in how many bytes; the bytes of the records. Then what repeats,\n"
    "and what the search itself costs. Inferences and sequences are counted from 1.\n\n"
    "  --all          every inference, not only the first and the last ones\n"
    "  --from N       the first inference of the steady state; default 4\n"
    "  --frame BYTES  join inferences into frames: a frame begins with at least so many bytes of input\n"
    "                 (a generation of many tokens, a detection that asks for many numbers)\n"
    "  --log-bytes N  bytes of past ops that are kept; default as RRTO_LOG_BYTES\n"
    "  --baseline     search as plainly as possible instead: what the client's search is measured against\n"
    "  --json         all of it as JSON\n"
    "  --help";

struct search {
    const char *path;
    bool all, json, baseline;
    uint64_t from, log_bytes, frame_bytes;
    const struct rrto_rehearsal *result;
    struct rrto_rehearsal_cost cost;
    struct rrto_map numbers; /* sequence id -> number, in order of appearance */
};

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* --- what is derived from the inferences -----------------------------------------------------------------------------
 */

/* Number of an inference's sequence; 0: not known. */
static uint64_t number_of(const struct search *search, uint64_t id)
{
    uint64_t number = 0;
    (void)rrto_map_get(&search->numbers, id, &number);
    return number;
}

static bool number_sequences(struct search *search)
{
    for (uint64_t i = 0, n = 0; i < search->result->n_inferences; i++) {
        uint64_t id = search->result->inferences[i].sequence, number;
        if (id != 0 && !rrto_map_get(&search->numbers, id, &number) && !rrto_map_put(&search->numbers, id, ++n))
            return false;
    }
    return true;
}

/* Sums over the inferences from number `from` on; returns how many these are. */
static uint64_t sum_from(const struct rrto_rehearsal *result, uint64_t from, struct rrto_rehearsal_sums *ret_sums)
{
    struct rrto_rehearsal_sums sums = {0};
    for (uint64_t i = from - 1; i < result->n_inferences; i++) {
        const struct rrto_rehearsal_sums *at = &result->inferences[i].sums;
        sums.ops += at->ops;
        sums.predicted += at->predicted;
        sums.jumps += at->jumps;
        sums.literals += at->literals;
        sums.patched += at->patched;
        sums.changed_bytes += at->changed_bytes;
        sums.op_bytes += at->op_bytes;
        sums.waits += at->waits;
        sums.payload_up += at->payload_up;
    }
    *ret_sums = sums;
    return result->n_inferences < from ? 0 : result->n_inferences - from + 1;
}

/* From which inference on (counted from 1) no op is literal, or also none is found by a jump; 0: never. */
static uint64_t settled(const struct rrto_rehearsal *result, bool no_jumps)
{
    uint64_t i = result->n_inferences;
    for (; i > 0; i--) {
        const struct rrto_rehearsal_sums *at = &result->inferences[i - 1].sums;
        if (at->literals > 0 || (no_jumps && at->jumps > 0))
            break;
    }
    return i == result->n_inferences ? 0 : i + 1;
}

static int by_weight(const void *a, const void *b)
{
    const struct rrto_seq_sequence *x = *(const struct rrto_seq_sequence *const *)a,
                                   *y = *(const struct rrto_seq_sequence *const *)b;
    uint64_t wx = x->hits * x->ops, wy = y->hits * y->ops;
    return wx != wy ? (wx < wy) - (wx > wy)
                    : (x->first_inference > y->first_inference) - (x->first_inference < y->first_inference);
}

/* The rows that are in use, those that save most first. */
static unsigned sort_sequences(const struct rrto_rehearsal *result, const struct rrto_seq_sequence **out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < RRTO_SEQ_SEQUENCES; i++)
        if (result->sequences[i].id)
            out[n++] = &result->sequences[i];
    qsort(out, n, sizeof(const struct rrto_seq_sequence *), by_weight);
    return n;
}

/* --- for people ------------------------------------------------------------------------------------------------------
 */

static bool alike(const struct rrto_rehearsal_inference *a, const struct rrto_rehearsal_inference *b)
{
    const struct rrto_rehearsal_sums *x = &a->sums, *y = &b->sums;
    return a->sequence == b->sequence && x->ops == y->ops && x->predicted == y->predicted && x->jumps == y->jumps &&
           x->literals == y->literals && x->patched == y->patched && x->changed_bytes == y->changed_bytes &&
           x->op_bytes == y->op_bytes;
}

static void print_inference(const struct search *search, uint64_t first, uint64_t last)
{
    const struct rrto_rehearsal_inference *inference = &search->result->inferences[first];
    const struct rrto_rehearsal_sums *sums = &inference->sums;
    char range[48], name[24] = "-";
    if (inference->sequence)
        snprintf(name, sizeof name, "%lu", (unsigned long)number_of(search, inference->sequence));
    snprintf(range, sizeof range, first == last ? "%lu" : "%lu-%lu", (unsigned long)first + 1, (unsigned long)last + 1);
    printf("%11s %9s %7lu %10lu %6lu %8lu %8lu %8lu %9lu\n", range, name, (unsigned long)sums->ops,
           (unsigned long)sums->predicted, (unsigned long)sums->jumps, (unsigned long)sums->literals,
           (unsigned long)sums->patched, (unsigned long)sums->changed_bytes, (unsigned long)sums->op_bytes);
}

/* One line for each run of inferences that cost the same. */
static void print_inferences(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    printf("%11s %9s %7s %10s %6s %8s %8s %8s %9s\n", "inference", "sequence", "ops", "predicted", "jumps", "literal",
           "patched", "changed", "op bytes");
    for (uint64_t i = 0, next; i < result->n_inferences; i = next) {
        next = i + 1;
        if (!search->all && i >= SHOWN_INFERENCES && result->n_inferences > i + SHOWN_INFERENCES + 1) {
            next = result->n_inferences - SHOWN_INFERENCES;
            printf("%11s %lu more\n", "...", (unsigned long)(next - i));
            continue;
        }
        while (next < result->n_inferences && alike(&result->inferences[i], &result->inferences[next]) && !search->all)
            next++;
        print_inference(search, i, next - 1);
    }
}

static void print_summary(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    struct rrto_rehearsal_sums sums;
    if (result->n_inferences > 1)
        printf("\nsecond inference: %lu jumps, %lu literal ops\n", (unsigned long)result->inferences[1].sums.jumps,
               (unsigned long)result->inferences[1].sums.literals);
    uint64_t n = sum_from(result, search->from, &sums), quiet = settled(result, false), exact = settled(result, true);
    double each = n ? (double)n : 1;
    if (n)
        printf("from %lu on (%lu inferences): %.2f %% of the ops predicted; each on average %.2f jumps, %.2f literal "
               "ops,\n"
               "  %.0f changed bytes, %.0f op bytes\n",
               (unsigned long)search->from, (unsigned long)n, share(sums.predicted, sums.ops),
               (double)sums.jumps / each, (double)sums.literals / each, (double)sums.changed_bytes / each,
               (double)sums.op_bytes / each);
    if (quiet)
        printf("no op is literal from inference %lu on", (unsigned long)quiet);
    if (exact)
        printf("; every op is predicted from %lu on", (unsigned long)exact);
    if (quiet)
        putchar('\n');
}

static void print_sequences(const struct search *search)
{
    const struct rrto_seq_sequence *rows[RRTO_SEQ_SEQUENCES];
    unsigned n = sort_sequences(search->result, rows), n_repeated = 0;
    for (unsigned i = 0; i < n && rows[i]->hits; i++)
        n_repeated++;
    if (n)
        printf("\n%11s %7s %8s %9s %6s\n", "sequence", "ops", "first in", "repeated", "left");
    for (unsigned i = 0; i < n_repeated && (search->all || i < SHOWN_SEQUENCES); i++)
        printf("%11lu %7lu %8lu %9lu %6lu\n", (unsigned long)number_of(search, rows[i]->id),
               (unsigned long)rows[i]->ops, (unsigned long)rows[i]->first_inference + 1, (unsigned long)rows[i]->hits,
               (unsigned long)rows[i]->deviations);
    if (!search->all && n_repeated > SHOWN_SEQUENCES)
        printf("%11s %u more that repeat\n", "...", n_repeated - SHOWN_SEQUENCES);
    if (n > n_repeated)
        printf("%11s %u that occurred once\n", "", n - n_repeated);
}

static void print_all(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    printf("%s: %lu ops in %lu inference%s, %lu lane%s\n\n", search->path, (unsigned long)result->all.ops,
           (unsigned long)result->n_inferences, result->n_inferences == 1 ? "" : "s", (unsigned long)result->n_lanes,
           result->n_lanes == 1 ? "" : "s");
    print_inferences(search);
    print_summary(search);
    print_sequences(search);
    printf("\ncoverage: %.1f %% of all ops stand in inferences that occurred more than once; %.1f %% were predicted,\n"
           "  %.1f %% found by jumps, %.1f %% literal\n",
           share(result->covered, result->all.ops), share(result->all.predicted, result->all.ops),
           share(result->all.jumps, result->all.ops), share(result->all.literals, result->all.ops));
    printf("cost: %.0f ns an op for search, comparison and encoding (best of %lu passes over %lu ops), %.0f where all "
           "is new;\n"
           "  %.1f MiB of memory\n",
           (double)search->cost.ps_per_op / 1e3, (unsigned long)search->cost.passes, (unsigned long)search->cost.ops,
           (double)search->cost.first_ps_per_op / 1e3, (double)search->cost.resident_bytes / 1048576);
}

/* --- for programs ----------------------------------------------------------------------------------------------------
 */

static void put_sums(struct rrto_json *json, const struct rrto_rehearsal_sums *sums)
{
    rrto_json_number(json, "ops", sums->ops);
    rrto_json_number(json, "predicted", sums->predicted);
    rrto_json_number(json, "jumps", sums->jumps);
    rrto_json_number(json, "literals", sums->literals);
    rrto_json_number(json, "patched", sums->patched);
    rrto_json_number(json, "changed_bytes", sums->changed_bytes);
    rrto_json_number(json, "op_bytes", sums->op_bytes);
    rrto_json_number(json, "waits", sums->waits);
    rrto_json_number(json, "payload_up", sums->payload_up);
}

static bool put_all(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    const struct rrto_seq_sequence *rows[RRTO_SEQ_SEQUENCES];
    unsigned n = sort_sequences(result, rows);
    struct rrto_rehearsal_sums sums;
    struct rrto_json json;
    rrto_json_init(&json, STDOUT_FILENO);
    rrto_json_open(&json, NULL, '{');
    rrto_json_string(&json, "file", search->path);
    rrto_json_string(&json, "search", search->baseline ? "baseline" : "client");
    put_sums(&json, &result->all);
    rrto_json_number(&json, "as_traced", result->all.as_traced);
    rrto_json_number(&json, "covered", result->covered);
    rrto_json_number(&json, "lanes", result->n_lanes);
    rrto_json_number(&json, "no_literal_from", settled(result, false));
    rrto_json_number(&json, "all_predicted_from", settled(result, true));
    rrto_json_open(&json, "steady", '{');
    rrto_json_number(&json, "from", search->from);
    rrto_json_number(&json, "inferences", sum_from(result, search->from, &sums));
    put_sums(&json, &sums);
    rrto_json_close(&json, '}');
    rrto_json_open(&json, "inferences", '[');
    for (uint64_t i = 0; i < result->n_inferences; i++) {
        rrto_json_open(&json, NULL, '{');
        put_sums(&json, &result->inferences[i].sums);
        rrto_json_number(&json, "sequence", number_of(search, result->inferences[i].sequence));
        rrto_json_close(&json, '}');
    }
    rrto_json_close(&json, ']');
    rrto_json_open(&json, "sequences", '[');
    for (unsigned i = 0; i < n; i++) {
        rrto_json_open(&json, NULL, '{');
        rrto_json_number(&json, "sequence", number_of(search, rows[i]->id));
        rrto_json_number(&json, "ops", rows[i]->ops);
        rrto_json_number(&json, "first_inference", rows[i]->first_inference + 1);
        rrto_json_number(&json, "hits", rows[i]->hits);
        rrto_json_number(&json, "deviations", rows[i]->deviations);
        rrto_json_close(&json, '}');
    }
    rrto_json_close(&json, ']');
    rrto_json_open(&json, "cost", '{');
    rrto_json_decimal(&json, "ns_per_op", search->cost.ps_per_op, 3);
    rrto_json_decimal(&json, "first_ns_per_op", search->cost.first_ps_per_op, 3);
    rrto_json_number(&json, "ops", search->cost.ops);
    rrto_json_number(&json, "passes", search->cost.passes);
    rrto_json_number(&json, "resident_bytes", search->cost.resident_bytes);
    rrto_json_close(&json, '}');
    rrto_json_close(&json, '}');
    return rrto_json_finish(&json);
}

/* --- reading ---------------------------------------------------------------------------------------------------------
 */

/* Takes in the whole trace. What was read before the trace ends badly is shown, too. Returns the exit status. */
static int read_trace(const char *path, struct rrto_rehearsal_run *run, uint64_t *ret_n)
{
    struct rrto_trace_reader *reader;
    struct rrto_trace_op op;
    uint64_t n = 0;
    int status = rrto_trace_open(path, &reader), refused = RRTO_OK;
    *ret_n = 0;
    if (status != RRTO_OK)
        return rrto_cli_say(RRTO_CLI_FAILED, "%s: %s", path,
                            status == RRTO_MISMATCH ? "not a trace of this version" : strerror(errno));
    while (refused == RRTO_OK && (status = rrto_trace_read(reader, &op)) == RRTO_OK) {
        refused = rrto_rehearsal_op(run, &op);
        n += refused == RRTO_OK;
    }
    rrto_trace_reader_close(reader);
    *ret_n = n;
    if (refused == RRTO_OK && status == RRTO_NOT_FOUND)
        return n ? 0 : rrto_cli_say(RRTO_CLI_FAILED, "%s: no op in it: the program never used the device", path);
    const char *why = refused == RRTO_UNSUPPORTED ? "an op that this version does not know"
                      : refused == RRTO_PROTOCOL  ? "damaged: the next op is not the one that follows"
                      : status == RRTO_TRUNCATED  ? "the file ends within a block, as after a crash"
                      : status == RRTO_PROTOCOL   ? "a damaged block"
                                                  : rrto_status_text(refused != RRTO_OK ? refused : status);
    return rrto_cli_say(RRTO_CLI_FAILED, "%s: after %lu ops: %s", path, (unsigned long)n, why);
}

static int run_search(struct search *search)
{
    struct rrto_rehearsal_run *run;
    uint64_t n;
    int status = rrto_rehearsal_create(search->log_bytes, search->baseline, rrto_optable_generated(), &run);
    if (status != RRTO_OK)
        return rrto_cli_say(status == RRTO_INVALID ? RRTO_CLI_WRONG_USE : RRTO_CLI_FAILED,
                            "search: a log of %lu bytes: %s", (unsigned long)search->log_bytes,
                            rrto_status_text(status));
    int result = read_trace(search->path, run, &n);
    search->result = rrto_rehearsal_end(run);
    if (n > 0) {
        status = rrto_rehearsal_time(run, TIMED_MS, &search->cost);
        bool ok = status == RRTO_OK && number_sequences(search);
        if (search->frame_bytes > 0)
            rrto_rehearsal_join(run, search->frame_bytes);
        if (!ok)
            result = rrto_cli_say(RRTO_CLI_FAILED, "search: %s", rrto_status_text(RRTO_NO_MEMORY));
        else if (!search->json)
            print_all(search);
        else if (!put_all(search))
            result = rrto_cli_say(RRTO_CLI_FAILED, "writing to standard output failed");
    }
    rrto_rehearsal_destroy(run);
    return result;
}

/* A whole number of at least `least` */
static bool whole(const char *text, uint64_t least, uint64_t *ret_value)
{
    double value;
    if (!rrto_cli_decimal(text, 1e15, &value) || value < (double)least || value != (double)(uint64_t)value)
        return false;
    *ret_value = (uint64_t)value;
    return true;
}

int rrto_cli_search(int argc, char **argv)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'},         {"from", required_argument, NULL, 'f'},
        {"frame", required_argument, NULL, 'b'}, {"json", no_argument, NULL, 'j'},
        {"baseline", no_argument, NULL, 'p'},    {"log-bytes", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct search search = {.from = STEADY, .log_bytes = rrto_config_get()->log_bytes};
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        bool ok = true;
        switch (option) {
        case 'a':
            search.all = true;
            break;
        case 'p':
            search.baseline = true;
            break;
        case 'j':
            search.json = true;
            break;
        case 'f':
            ok = whole(optarg, 1, &search.from);
            break;
        case 'b':
            ok = whole(optarg, 1, &search.frame_bytes);
            break;
        case 'l':
            ok = whole(optarg, 1, &search.log_bytes);
            break;
        case 'h':
            puts(help_text);
            return 0;
        default:
            return rrto_cli_bad_option(argv, option);
        }
        if (!ok)
            return rrto_cli_say(RRTO_CLI_WRONG_USE, "search: '%s' is not a whole number of 1 or more", optarg);
    }
    if (argc - optind != 1)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "search needs one file; see rrto search --help");
    search.path = argv[optind];
    rrto_map_init(&search.numbers);
    int status = run_search(&search);
    rrto_map_fini(&search.numbers);
    return status;
}
