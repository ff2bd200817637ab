/* SPDX-License-Identifier: Apache-2.0 */
/* A small table of texts, printed for a terminal or as Markdown. */
#ifndef RRTO_CLI_BENCH_GRID_H
#define RRTO_CLI_BENCH_GRID_H

#include <stdbool.h>
#include <stdio.h>

enum { RRTO_GRID_ROWS = 16, RRTO_GRID_COLUMNS = 16, RRTO_GRID_TEXT = 48 };

struct rrto_grid {
    char cells[RRTO_GRID_ROWS][RRTO_GRID_COLUMNS][RRTO_GRID_TEXT];
    unsigned n_rows, n_columns, at; /* at: the next column of the last row */
};

void rrto_grid_row(struct rrto_grid *grid); /* begins the next one; the first one is the head */
void rrto_grid_cell(struct rrto_grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Columns without any text below their head are left out. The first column is text, the others are numbers. */
void rrto_grid_print(const struct rrto_grid *grid, FILE *file, bool markdown);

#endif
