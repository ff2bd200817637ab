/* SPDX-License-Identifier: Apache-2.0 */
/* rrto search: what Operator Sequence Search makes of a trace, offline. */
#include "cli/search.h"
#include "base/config.h"
#include "base/status.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
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
    "  --where        of the steady state: which ops are found by jumps, sent in full, or changed\n"
    "  --baseline     search as plainly as possible instead: what the client's search is measured against\n"
    "  --json         all of it as JSON\n"
    "  --help";

/* --- what is derived from the inferences -----------------------------------------------------------------------------
 */

uint64_t rrto_search_number(const struct search *search, uint64_t id)
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

uint64_t rrto_search_sum(const struct rrto_rehearsal *result, uint64_t from, struct rrto_rehearsal_sums *ret_sums)
{
    struct rrto_rehearsal_sums sums = {0};
    for (uint64_t i = from - 1; i < result->n_inferences; i++)
        rrto_rehearsal_add(&sums, &result->inferences[i].sums, false);
    *ret_sums = sums;
    return result->n_inferences < from ? 0 : result->n_inferences - from + 1;
}

uint64_t rrto_search_settled(const struct rrto_rehearsal *result, bool no_jumps)
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

unsigned rrto_search_sequences(const struct rrto_rehearsal *result, const struct rrto_seq_sequence **out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < RRTO_SEQ_SEQUENCES; i++)
        if (result->sequences[i].id)
            out[n++] = &result->sequences[i];
    qsort(out, n, sizeof(const struct rrto_seq_sequence *), by_weight);
    return n;
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
        return n ? 0
                 : rrto_cli_say(RRTO_CLI_FAILED,
                                "%s: no op in it: the program has not used the device, or was killed within two "
                                "seconds of its first op",
                                path);
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
    search->run = run;
    search->result = rrto_rehearsal_end(run);
    if (n > 0) {
        status = rrto_rehearsal_time(run, TIMED_MS, &search->cost);
        bool ok = status == RRTO_OK && number_sequences(search);
        if (search->frame_bytes > 0)
            rrto_rehearsal_join(run, search->frame_bytes);
        if (ok && !search->json)
            rrto_search_print(search);
        if (ok && search->where && !search->json)
            ok = rrto_search_print_where(search);
        if (!ok)
            result = rrto_cli_say(RRTO_CLI_FAILED, "search: %s", rrto_status_text(RRTO_NO_MEMORY));
        else if (search->json && !rrto_search_put_json(search))
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
    static const struct option options[] = {{"all", no_argument, NULL, 'a'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"frame", required_argument, NULL, 'b'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"where", no_argument, NULL, 'w'},
                                            {"baseline", no_argument, NULL, 'p'},
                                            {"log-bytes", required_argument, NULL, 'l'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct search search = {.from = STEADY, .log_bytes = rrto_config_get()->log_bytes};
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        bool ok = true;
        switch (option) {
        case 'a':
            search.all = true;
            break;
        case 'w':
            search.where = true;
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
