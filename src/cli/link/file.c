/* SPDX-License-Identifier: Apache-2.0 */
/* Reads link files and traces. A line is empty, a comment (#), KEY=VALUE (link files only), or one, two or three
 * numbers: an opportunity of mahimahi in ms, `seconds Mbit/s`, or `seconds up down`. All lines of numbers are alike. */
#include "cli/link/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 4 << 20, MAX_COLUMNS = 3 };
static const double max_seconds = 1e6, max_mbit = 1e5;

/* The lines of numbers of a file. */
struct table {
    double (*rows)[MAX_COLUMNS];
    size_t n, capacity, n_columns;
};

struct reader {
    struct rrto_link_spec *spec; /* for KEY=VALUE; NULL in a bare trace */
    const char *path;
    char folder[4096]; /* of the file */
    size_t line;
    struct table table;
    char *why;
    size_t n_why;
};

static enum rrto_status say(const struct reader *reader, const char *what)
{
    snprintf(reader->why, reader->n_why, "%s:%zu: %s", reader->path, reader->line, what);
    return RRTO_INVALID;
}

/* How many numbers the line is made of; 0: it is something else. */
static size_t columns_of(const char *line, double columns[MAX_COLUMNS])
{
    size_t n = 0;
    for (char *end; *line; line = end) {
        if (n == MAX_COLUMNS)
            return 0;
        columns[n] = strtod(line, &end);
        if (end == line || !(columns[n] >= 0) || (*end && *end != ' ' && *end != '\t'))
            return 0;
        n++;
        end += strspn(end, " \t");
    }
    return n;
}

static enum rrto_status add_row(struct reader *reader, const char *line)
{
    struct table *table = &reader->table;
    double columns[MAX_COLUMNS] = {0};
    size_t n = columns_of(line, columns);
    if (n == 0 || (table->n_columns && n != table->n_columns))
        return say(reader, "one number (ms), two (seconds Mbit/s) or three (seconds up down), as on the other lines");
    if (table->n && columns[0] < table->rows[table->n - 1][0])
        return say(reader, "times may not go back");
    if (n > 1 && table->n && columns[0] <= table->rows[table->n - 1][0])
        return say(reader, "two rates for one time");
    if (columns[0] > (n == 1 ? max_seconds * 1e3 : max_seconds) || columns[1] > max_mbit || columns[2] > max_mbit)
        return say(reader, "a time of more than 1e6 s, or a rate of more than 1e5 Mbit/s");
    if (n == 1 && columns[0] != (double)(uint64_t)columns[0])
        return say(reader, "opportunities are whole milliseconds");
    if (table->n == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 1024;
        void *rows = capacity <= MAX_LINES ? realloc(table->rows, capacity * sizeof *table->rows) : NULL;
        if (!rows)
            return say(reader, "too many lines");
        table->rows = rows;
        table->capacity = capacity;
    }
    memcpy(table->rows[table->n++], columns, sizeof columns);
    table->n_columns = n;
    return RRTO_OK;
}

static enum rrto_status read_line(struct reader *reader, char *line)
{
    char *end = line + strlen(line), *equals;
    while (end > line && strchr(" \t\r\n", end[-1]))
        *--end = '\0';
    line += strspn(line, " \t");
    if (!*line || *line == '#')
        return RRTO_OK;
    if (!reader->spec || !(equals = strchr(line, '=')))
        return add_row(reader, line);
    char why[512];
    *equals = '\0';
    enum rrto_status status = rrto_link_spec_set(reader->spec, line, equals + 1, reader->folder, why, sizeof why);
    if (status != RRTO_OK)
        say(reader, why);
    return status;
}

static enum rrto_status read_lines(struct reader *reader)
{
    FILE *file = fopen(reader->path, "re");
    char line[512];
    enum rrto_status status = RRTO_OK;
    const char *slash = strrchr(reader->path, '/');
    snprintf(reader->folder, sizeof reader->folder, "%.*s", slash ? (int)(slash - reader->path) : 1,
             slash ? reader->path : ".");
    if (!file) {
        snprintf(reader->why, reader->n_why, "%s cannot be read: %s", reader->path, strerror(errno));
        return errno == ENOENT ? RRTO_NOT_FOUND : RRTO_IO;
    }
    while (status == RRTO_OK && fgets(line, sizeof line, file)) {
        reader->line++;
        status = strlen(line) == sizeof line - 1 ? say(reader, "a line of more than 510 characters")
                                                 : read_line(reader, line);
    }
    if (status == RRTO_OK && ferror(file)) {
        snprintf(reader->why, reader->n_why, "%s cannot be read: %s", reader->path, strerror(errno));
        status = RRTO_IO;
    }
    fclose(file);
    return status;
}

/* The last rate holds as long as the one before it; the only one for a second, and again. */
static bool fill_rates(struct rrto_schedule *schedule, const struct table *table, size_t column)
{
    double first = table->rows[0][0], last = table->rows[table->n - 1][0], most = 0;
    double step = table->n > 1 ? last - table->rows[table->n - 2][0] : 1;
    schedule->steps = calloc(table->n, sizeof *schedule->steps);
    for (size_t i = 0; schedule->steps && i < table->n; i++) {
        schedule->steps[i].from_ns = (uint64_t)((table->rows[i][0] - first) * 1e9 + 0.5);
        schedule->steps[i].bits_per_s = (uint64_t)(table->rows[i][column] * 1e6);
        most = table->rows[i][column] > most ? table->rows[i][column] : most;
    }
    schedule->kind = RRTO_SCHEDULE_RATES;
    schedule->length_ns = (uint64_t)((last - first + step) * 1e9 + 0.5);
    return schedule->steps && most >= 1e-6;
}

static bool fill_opportunities(struct rrto_schedule *schedule, const struct table *table)
{
    schedule->opportunities_ns = calloc(table->n, sizeof *schedule->opportunities_ns);
    for (size_t i = 0; schedule->opportunities_ns && i < table->n; i++)
        schedule->opportunities_ns[i] = (uint64_t)table->rows[i][0] * 1000000;
    schedule->kind = RRTO_SCHEDULE_OPPORTUNITIES;
    schedule->length_ns = (uint64_t)table->rows[table->n - 1][0] * 1000000;
    return schedule->opportunities_ns && schedule->length_ns > 0;
}

static enum rrto_status use_table(const struct reader *reader, struct rrto_link_spec *spec, int direction)
{
    const struct table *table = &reader->table;
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++) {
        if (direction >= 0 && direction != i)
            continue;
        struct rrto_schedule *schedule = &spec->lanes[i].schedule;
        free(schedule->steps);
        free(schedule->opportunities_ns);
        rrto_schedule_constant(schedule, 0);
        size_t column = table->n_columns == MAX_COLUMNS && i == RRTO_LINK_DOWN ? 2 : 1;
        bool good = table->n_columns == 1 ? fill_opportunities(schedule, table) : fill_rates(schedule, table, column);
        schedule->n = table->n;
        if (!good) {
            free(schedule->steps);
            free(schedule->opportunities_ns);
            rrto_schedule_constant(schedule, 0);
            return say(reader, "in this trace nothing ever passes");
        }
    }
    return RRTO_OK;
}

static enum rrto_status read_file(struct reader *reader, struct rrto_link_spec *spec, int direction, bool needs_rows)
{
    enum rrto_status status = read_lines(reader);
    if (status == RRTO_OK && reader->table.n)
        status = use_table(reader, spec, direction);
    else if (status == RRTO_OK && needs_rows)
        status = say(reader, "no trace is in this file");
    free(reader->table.rows);
    return status;
}

enum rrto_status rrto_link_trace_read(struct rrto_link_spec *spec, int direction, const char *path, char *why,
                                      size_t n_why)
{
    struct reader reader = {.path = path, .why = why, .n_why = n_why};
    return read_file(&reader, spec, direction, true);
}

enum rrto_status rrto_link_file_read(struct rrto_link_spec *spec, const char *path, char *why, size_t n_why)
{
    struct reader reader = {.spec = spec, .path = path, .why = why, .n_why = n_why};
    return read_file(&reader, spec, -1, false);
}
