/* SPDX-License-Identifier: Apache-2.0 */
/* What Operator Sequence Search costs for each op, and how well it predicts: seq [TRACE...] [--all] [--check].
 *
 * Streams: traces that RRTO_TRACE wrote (their later half is repeated to reach the length), the hard families of
 * tests/unit/seq/families.h, and the dearest of these with ops that make what lasts (+made), and values that are read
 * (+read). Beside it, on the same tokens alone: a suffix automaton and hash chains. For each length n, n ops fill the
 * memory, then further ones are timed in batches of BATCH: p50 and p99 over the batches, in ns per op, one CSV line
 * each. All streams are measured ROUNDS times with each search, in turn, and the least p50 counts: a machine that is
 * slowed for a while slows one round. predicted: the share of the timed ops that were said before they came. Bytes per
 * op: the search's own, beside the ops' bytes. --all: also what takes minutes (the automaton at 10 million). --check:
 * exit status 1 if the criterion is missed: with the same number of remembered ops, whatever it is, no hard stream
 * costs ours more than MOST_RATIO times what the dearest real one does. */
#include "base/clock.h"

#include "streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 1000,
    MIN_BATCHES = 50,
    MAX_BATCHES = 200,
    MAX_STREAMS = 32,
    N_SEARCHES = 3,
    N_LENGTHS = 5,
    ROUNDS = 3,
    MOST_RATIO = 10
};
static const uint64_t lengths[N_LENGTHS] = {1000, 10000, 100000, 1000000, 10000000};
static const struct bench_search *const searches[N_SEARCHES] = {&bench_ours, &bench_automaton, &bench_chain};

struct figures {
    double p50, p99, predicted, found, bytes;
};
struct stream {
    const char *name;
    const struct bench_trace *trace; /* NULL: a family */
    enum family_kind kind;
    unsigned told;                                 /* beside tokens, by a family */
    struct figures figures[N_SEARCHES][N_LENGTHS]; /* p50 0: not measured */
};
/* Families with more than tokens: the dearest of all, and the dearest of those whose ops come back, half of them or
 * nearly all of them as predicted. */
static const struct stream told_streams[] = {
    {.name = "random+made", .kind = FAMILY_RANDOM, .told = FAMILY_MAKES},
    {.name = "random+made+read", .kind = FAMILY_RANDOM, .told = FAMILY_MAKES | FAMILY_READS},
    {.name = "de-bruijn-2+made+read", .kind = FAMILY_DE_BRUIJN_2, .told = FAMILY_MAKES | FAMILY_READS},
    {.name = "moving-change+made+read", .kind = FAMILY_MOVING, .told = FAMILY_MAKES | FAMILY_READS},
};
enum {
    N_TOLD_STREAMS = sizeof told_streams / sizeof told_streams[0],
    MAX_TRACES = MAX_STREAMS - FAMILY_KINDS - N_TOLD_STREAMS
};
static struct stream streams[MAX_STREAMS];
static unsigned n_streams;

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void measure(const struct bench_search *search, const struct bench_op *ops, uint64_t n, unsigned n_batches,
                    struct figures *ret)
{
    static double samples[MAX_BATCHES];
    uint64_t right = 0, known = 0;
    void *state = search->create(n, n + (uint64_t)n_batches * BATCH);
    if (!state) {
        fprintf(stderr, "no memory for %s at %llu ops\n", search->name, (unsigned long long)n);
        exit(1);
    }
    for (uint64_t i = 0; i < n; i++)
        (void)search->push(state, &ops[i]);
    ops += n;
    for (unsigned b = 0; b < n_batches; b++, ops += BATCH) {
        uint64_t start = rrto_now_ns();
        for (unsigned i = 0; i < BATCH; i++) {
            struct bench_answer answer = search->push(state, &ops[i]);
            right += answer.predicted;
            known += answer.found;
        }
        samples[b] = (double)(rrto_now_ns() - start) / BATCH;
    }
    qsort(samples, n_batches, sizeof samples[0], compare);
    double n_timed = (double)n_batches * BATCH;
    *ret = (struct figures){.p50 = samples[n_batches / 2],
                            .p99 = samples[n_batches * 99 / 100],
                            .predicted = (double)right / n_timed,
                            .found = (double)known / n_timed,
                            .bytes = (double)search->bytes(state) / (double)n};
    search->destroy(state);
}

static void run(struct stream *stream, unsigned length, struct bench_op *ops, bool all, unsigned round)
{
    uint64_t n = lengths[length];
    unsigned n_batches = n / BATCH < MIN_BATCHES   ? MIN_BATCHES
                         : n / BATCH > MAX_BATCHES ? MAX_BATCHES
                                                   : (unsigned)(n / BATCH);
    if (stream->trace)
        bench_fill_trace(stream->trace, ops, n + (uint64_t)n_batches * BATCH);
    else
        bench_fill_family(stream->kind, stream->told, ops, n + (uint64_t)n_batches * BATCH);
    for (unsigned s = 0; s < N_SEARCHES; s++) {
        if (n > searches[s]->max_ops && !all)
            continue;
        struct figures *f = &stream->figures[s][length], now;
        measure(searches[s], ops, n, n_batches, &now);
        if (round == 0 || now.p50 < f->p50)
            *f = now;
        if (round + 1 < ROUNDS)
            continue;
        printf("%s,%s,%llu,%.1f,%.1f,%.4f,%.4f,%.1f\n", stream->name, searches[s]->name, (unsigned long long)n, f->p50,
               f->p99, f->predicted, f->found, f->bytes);
        fflush(stdout);
    }
}

/* Of the real streams, or of the hard ones, the one that costs us most, or least. Real is a trace; where there is none,
 * the family that is not hard. */
static const struct stream *extreme(unsigned length, bool real, bool most)
{
    const struct stream *found = NULL;
    for (unsigned i = 0; i < n_streams; i++) {
        bool is_real = streams[0].trace ? streams[i].trace != NULL : streams[i].kind == FAMILY_STEADY;
        double cost = streams[i].figures[0][length].p50;
        if (is_real == real && (!found || (cost > found->figures[0][length].p50) == most))
            found = &streams[i];
    }
    return found;
}

static void table(void)
{
    printf(
        "\nns per op, p50 (and the share of ops that were predicted, in %%), at the most ops that each was run with\n");
    printf("%-24s", "");
    for (unsigned s = 0; s < N_SEARCHES; s++)
        printf(" %16s", searches[s]->name);
    printf("   bytes per op\n");
    for (unsigned i = 0; i < n_streams; i++) {
        const struct figures *last[N_SEARCHES];
        printf("%-24s", streams[i].name);
        for (unsigned s = 0; s < N_SEARCHES; s++) {
            unsigned length = N_LENGTHS - 1;
            while (length > 0 && streams[i].figures[s][length].p50 <= 0)
                length--;
            last[s] = &streams[i].figures[s][length];
            printf(" %8.1f (%5.1f)", last[s]->p50, last[s]->predicted * 100);
        }
        printf("   %.0f, %.0f, %.0f\n", last[0]->bytes, last[1]->bytes, last[2]->bytes);
    }
}

/* Says what hard streams cost us beside real ones; whether the criterion is met. */
static bool compare_hard(void)
{
    bool met = true;
    printf("\nours: the dearest hard stream over the dearest real one (criterion: at most %d); over the cheapest one\n",
           MOST_RATIO);
    for (unsigned length = 0; length < N_LENGTHS; length++) {
        const struct stream *hard = extreme(length, false, true);
        double cost = hard->figures[0][length].p50, ratios[2];
        printf("%9llu ops: %s %.1f ns", (unsigned long long)lengths[length], hard->name, cost);
        for (unsigned i = 0; i < 2; i++) {
            const struct stream *real = extreme(length, true, i == 0);
            ratios[i] = cost / real->figures[0][length].p50;
            printf("%s / %s %.1f ns = %.1f", i ? ";" : "", real->name, real->figures[0][length].p50, ratios[i]);
        }
        printf("\n");
        met = met && ratios[0] <= MOST_RATIO;
    }
    return met;
}

int main(int argc, char **argv)
{
    static struct bench_trace traces[MAX_TRACES];
    bool all = false, check = false;
    for (int i = 1; i < argc; i++) {
        bool *option = strcmp(argv[i], "--all") == 0 ? &all : strcmp(argv[i], "--check") == 0 ? &check : NULL;
        if (option) {
            *option = true;
            continue;
        }
        if (n_streams == MAX_TRACES) {
            fprintf(stderr, "at most %d traces\n", MAX_TRACES);
            return 1;
        }
        if (!bench_trace_read(argv[i], &traces[n_streams]))
            return 1;
        streams[n_streams] = (struct stream){.name = traces[n_streams].name, .trace = &traces[n_streams]};
        n_streams++;
    }
    for (unsigned kind = 0; kind < FAMILY_KINDS; kind++)
        streams[n_streams++] = (struct stream){.name = family_names[kind], .kind = (enum family_kind)kind};
    for (unsigned i = 0; i < N_TOLD_STREAMS; i++)
        streams[n_streams++] = told_streams[i];
    struct bench_op *ops = bench_reserve((lengths[N_LENGTHS - 1] + MAX_BATCHES * BATCH) * sizeof *ops);
    if (!ops)
        return 1;
    printf("stream,search,remembered,ns_p50,ns_p99,predicted,found,bytes_per_op\n");
    for (unsigned length = 0; length < N_LENGTHS; length++)
        for (unsigned round = 0; round < ROUNDS; round++)
            for (unsigned i = 0; i < n_streams; i++)
                run(&streams[i], length, ops, all, round);
    table();
    return compare_hard() || !check ? 0 : 1;
}
