/* SPDX-License-Identifier: Apache-2.0 */
/* rrto search's figures for people. */
#include "cli/search.h"

#include <stdio.h>

enum {
    SHOWN_INFERENCES = 12, /* at the beginning and at the end */
    SHOWN_SEQUENCES = 12,
};

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static bool alike(const struct rrto_rehearsal_inference *a, const struct rrto_rehearsal_inference *b)
{
    const struct rrto_rehearsal_sums *x = &a->sums, *y = &b->sums;
    return a->sequence == b->sequence && x->ops == y->ops && x->predicted == y->predicted && x->jumps == y->jumps &&
           x->literals == y->literals && x->patched == y->patched && x->changed_bytes == y->changed_bytes &&
           x->records == y->records && x->op_bytes == y->op_bytes;
}

static void print_inference(const struct search *search, uint64_t first, uint64_t last)
{
    const struct rrto_rehearsal_inference *inference = &search->result->inferences[first];
    const struct rrto_rehearsal_sums *sums = &inference->sums;
    char range[48], name[24] = "-";
    if (inference->sequence)
        snprintf(name, sizeof name, "%lu", (unsigned long)rrto_search_number(search, inference->sequence));
    snprintf(range, sizeof range, first == last ? "%lu" : "%lu-%lu", (unsigned long)first + 1, (unsigned long)last + 1);
    printf("%11s %9s %7lu %10lu %6lu %8lu %8lu %8lu %8lu %9lu\n", range, name, (unsigned long)sums->ops,
           (unsigned long)sums->predicted, (unsigned long)sums->jumps, (unsigned long)sums->literals,
           (unsigned long)sums->patched, (unsigned long)sums->changed_bytes, (unsigned long)sums->records,
           (unsigned long)sums->op_bytes);
}

/* One line for each run of inferences that cost the same. */
static void print_inferences(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    printf("%11s %9s %7s %10s %6s %8s %8s %8s %8s %9s\n", "inference", "sequence", "ops", "predicted", "jumps",
           "literal", "patched", "changed", "records", "op bytes");
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
    uint64_t n = rrto_search_sum(result, search->from, &sums), quiet = rrto_search_settled(result, false),
             exact = rrto_search_settled(result, true);
    double each = n ? (double)n : 1;
    if (n)
        printf("from %lu on (%lu inferences): %.2f %% of the ops predicted; each on average %.2f jumps, %.2f literal "
               "ops,\n"
               "  %.0f changed bytes, %.1f records, %.0f op bytes\n",
               (unsigned long)search->from, (unsigned long)n, share(sums.predicted, sums.ops),
               (double)sums.jumps / each, (double)sums.literals / each, (double)sums.changed_bytes / each,
               (double)sums.records / each, (double)sums.op_bytes / each);
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
    unsigned n = rrto_search_sequences(search->result, rows), n_repeated = 0;
    for (unsigned i = 0; i < n && rows[i]->hits; i++)
        n_repeated++;
    if (n)
        printf("\n%11s %7s %8s %9s %6s\n", "sequence", "ops", "first in", "repeated", "left");
    for (unsigned i = 0; i < n_repeated && (search->all || i < SHOWN_SEQUENCES); i++)
        printf("%11lu %7lu %8lu %9lu %6lu\n", (unsigned long)rrto_search_number(search, rows[i]->id),
               (unsigned long)rows[i]->ops, (unsigned long)rows[i]->first_inference + 1, (unsigned long)rows[i]->hits,
               (unsigned long)rows[i]->deviations);
    if (!search->all && n_repeated > SHOWN_SEQUENCES)
        printf("%11s %u more that repeat\n", "...", n_repeated - SHOWN_SEQUENCES);
    if (n > n_repeated)
        printf("%11s %u that occurred once\n", "", n - n_repeated);
}

void rrto_search_print(const struct search *search)
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
