/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/grid.h"

#include <stdarg.h>
#include <string.h>

void rrto_grid_row(struct rrto_grid *grid)
{
    if (grid->n_rows < RRTO_GRID_ROWS)
        grid->n_rows++;
    grid->at = 0;
}

void rrto_grid_cell(struct rrto_grid *grid, const char *format, ...)
{
    va_list list;
    if (grid->n_rows == 0 || grid->at == RRTO_GRID_COLUMNS)
        return;
    va_start(list, format);
    vsnprintf(grid->cells[grid->n_rows - 1][grid->at++], RRTO_GRID_TEXT, format, list);
    va_end(list);
    if (grid->at > grid->n_columns)
        grid->n_columns = grid->at;
}

/* Characters, not bytes: of UTF-8. */
static unsigned width_of(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static unsigned width(const struct rrto_grid *grid, unsigned column)
{
    unsigned most = 0;
    bool some = column == 0;
    for (unsigned row = 0; row < grid->n_rows; row++) {
        unsigned n = width_of(grid->cells[row][column]);
        some = some || (row > 0 && n > 0);
        most = n > most ? n : most;
    }
    return some ? most : 0;
}

static void put(FILE *file, unsigned n, char c)
{
    while (n-- > 0)
        fputc(c, file);
}

static void print_row(const struct rrto_grid *grid, unsigned row, FILE *file, bool markdown)
{
    if (markdown)
        fputs("|", file);
    for (unsigned column = 0; column < grid->n_columns; column++) {
        unsigned n = width(grid, column);
        const char *text = grid->cells[row][column];
        if (n == 0)
            continue;
        fputs(markdown ? " " : column ? "  " : "", file);
        unsigned space = n - width_of(text);
        if (column > 0)
            put(file, space, ' ');
        fputs(text, file);
        if (column == 0)
            put(file, space, ' ');
        fputs(markdown ? " |" : "", file);
    }
    fputc('\n', file);
}

void rrto_grid_print(const struct rrto_grid *grid, FILE *file, bool markdown)
{
    for (unsigned row = 0; row < grid->n_rows; row++) {
        print_row(grid, row, file, markdown);
        if (row > 0 || !markdown)
            continue;
        fputs("|", file);
        for (unsigned column = 0; column < grid->n_columns; column++)
            if (width(grid, column))
                fputs(column ? "---:|" : "---|", file);
        fputc('\n', file);
    }
}
