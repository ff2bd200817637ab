/* SPDX-License-Identifier: Apache-2.0 */
/* rrto search --where: which ops it is that are found by jumps, sent in full, or changed. */
#include "cli/kernels.h"
#include "cli/search.h"
#include "gen/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN = 24, SHOWN_NAME = 96 };

/* The ops of one kind: of one number, and of one kernel if they are launches. */
struct row {
    uint16_t number;
    const char *kernel; /* NULL: none */
    uint64_t ops, jumps, literals, changed;
};

struct table {
    struct row *rows;
    uint64_t n, n_room;
    struct rrto_map places; /* number and function -> place */
};

static struct row *row_of(struct table *table, uint64_t key)
{
    uint64_t place;
    if (rrto_map_get(&table->places, key, &place))
        return &table->rows[place];
    if (table->n == table->n_room) {
        uint64_t n_room = table->n_room ? 2 * table->n_room : 64;
        struct row *grown = realloc(table->rows, n_room * sizeof *grown);
        if (!grown)
            return NULL;
        table->rows = grown;
        table->n_room = n_room;
    }
    if (!rrto_map_put(&table->places, key, table->n))
        return NULL;
    table->rows[table->n] = (struct row){0};
    return &table->rows[table->n++];
}

static bool add(struct table *table, const struct rrto_kernels *kernels, const struct rrto_rehearsal_step *step)
{
    uint32_t function = 0;
    uint16_t number = rrto_op_number(step->op);
    const char *kernel = rrto_kernels_of(kernels, step->op, step->n_bytes, &function);
    struct row *row = row_of(table, (uint64_t)number << 32 | function);
    if (!row)
        return false;
    row->number = number;
    row->kernel = kernel;
    row->ops++;
    row->jumps += step->jump;
    row->literals += step->literal;
    row->changed += step->changed;
    return true;
}

static int by_cost(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    uint64_t lost_x = x->jumps + x->literals, lost_y = y->jumps + y->literals;
    if (lost_x != lost_y)
        return (lost_x < lost_y) - (lost_x > lost_y);
    return (x->changed < y->changed) - (x->changed > y->changed);
}

static void print(const struct search *search, struct table *table, uint64_t n)
{
    uint64_t shown = 0;
    double each = n ? (double)n : 1;
    if (table->n)
        qsort(table->rows, table->n, sizeof *table->rows, by_cost);
    printf("\nwhere, from inference %lu on, each on average:\n%9s %9s %9s %9s  op\n", (unsigned long)search->from,
           "ops", "jumps", "literal", "changed");
    for (const struct row *row = table->rows; row < table->rows + table->n; row++) {
        if (row->jumps + row->literals + row->changed == 0)
            break;
        if (shown++ == SHOWN && !search->all) {
            puts("      ...");
            break;
        }
        printf("%9.2f %9.2f %9.2f %9.1f  %s%s%.*s\n", (double)row->ops / each, (double)row->jumps / each,
               (double)row->literals / each, (double)row->changed / each, rrto_op_infos[row->number].name,
               row->kernel ? " of " : "", search->all ? 4096 : SHOWN_NAME, row->kernel ? row->kernel : "");
    }
}

bool rrto_search_print_where(const struct search *search)
{
    const struct rrto_rehearsal *result = search->result;
    struct table table = {0};
    struct rrto_kernels kernels;
    struct rrto_rehearsal_step step;
    bool ok = true;
    uint64_t n = result->n_inferences < search->from ? 0 : result->n_inferences - search->from + 1, first = 0, last = 0;
    if (n > 0) {
        first = result->inferences[search->from - 1].first_op;
        last = result->inferences[result->n_inferences - 1].first_op +
               result->inferences[result->n_inferences - 1].sums.ops;
    }
    rrto_map_init(&table.places);
    rrto_kernels_init(&kernels);
    for (uint64_t i = 0; ok && i < last && rrto_rehearsal_step(search->run, i, &step); i++) {
        rrto_kernels_note(&kernels, step.op, step.n_bytes);
        ok = i < first || add(&table, &kernels, &step);
    }
    if (ok)
        print(search, &table, n);
    free(table.rows);
    rrto_map_fini(&table.places);
    rrto_kernels_fini(&kernels);
    return ok;
}
