/* SPDX-License-Identifier: Apache-2.0 */
/* rrto stats: prints a JSON report with one value a line, sequences and processes indented, thousands separated. It
 * reads any JSON and knows no key, so it prints what newer versions add, too. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 16, MAX_FILE_BYTES = 64 << 20, KEY_COLUMN = 40 };

static const char help_text[] = "Usage: rrto stats FILE\n\n"
                                "Prints a report that rrto run --report FILE has written, in a readable form.";

struct reader {
    const char *at;
    bool failed;
};

static void print_value(struct reader *reader, const char *key, int depth);

static char peek(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
    return *reader->at;
}

static bool accept(struct reader *reader, char c)
{
    if (peek(reader) != c)
        return false;
    reader->at++;
    return true;
}

static void fail(struct reader *reader)
{
    reader->failed = true;
    reader->at += strlen(reader->at);
}

/* A string's text into out, escapes resolved as far as a terminal may show them. */
static void read_string(struct reader *reader, char *out, size_t n_out)
{
    size_t n = 0;
    if (!accept(reader, '"')) {
        fail(reader);
        return;
    }
    while (*reader->at && *reader->at != '"') {
        char c = *reader->at++;
        if (c == '\\' && *reader->at) {
            c = *reader->at++;
            if (c == 'u' && strlen(reader->at) >= 4) {
                reader->at += 4;
                c = '?';
            }
        }
        if (n + 1 < n_out)
            out[n++] = isprint((unsigned char)c) ? c : '?';
    }
    out[n] = '\0';
    if (*reader->at == '"')
        reader->at++;
    else
        fail(reader);
}

/* A number or a word; the integer part of a number gets separators. */
static void read_plain(struct reader *reader, char *out, size_t n_out)
{
    size_t n = strcspn(reader->at, ",]} \t\r\n"), n_integer = strspn(reader->at, "0123456789"), used = 0;
    if (n == 0 || n > 40) {
        fail(reader);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && i < n_integer && (n_integer - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = reader->at[i];
    }
    out[used < n_out ? used : n_out - 1] = '\0';
    reader->at += n;
}

static void print_line(const char *key, const char *value, int depth)
{
    printf("%*s%-*s %s\n", depth * 2, "", KEY_COLUMN - depth * 2, key, value);
}

static void print_members(struct reader *reader, char closing, int depth)
{
    char key[256] = "-";
    if (depth > MAX_DEPTH)
        fail(reader);
    if (accept(reader, closing))
        return;
    do {
        if (closing == '}') {
            read_string(reader, key, sizeof key);
            if (!accept(reader, ':'))
                fail(reader);
        }
        if (!reader->failed)
            print_value(reader, key, depth);
    } while (!reader->failed && accept(reader, ','));
    if (!reader->failed && !accept(reader, closing))
        fail(reader);
}

static void print_value(struct reader *reader, const char *key, int depth)
{
    char text[1024];
    switch (peek(reader)) {
    case '{':
    case '[': {
        char closing = *reader->at++ == '{' ? '}' : ']';
        if (peek(reader) == closing)
            print_line(key, "none", depth);
        else
            printf("%*s%s\n", depth * 2, "", key);
        print_members(reader, closing, depth + 1);
        break;
    }
    case '"':
        read_string(reader, text, sizeof text);
        print_line(key, text, depth);
        break;
    default:
        read_plain(reader, text, sizeof text);
        if (!reader->failed)
            print_line(key, text, depth);
    }
}

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(MAX_FILE_BYTES + 1) : NULL;
    if (text) {
        size_t n = fread(text, 1, MAX_FILE_BYTES, file);
        text[n] = '\0';
    }
    if (file)
        fclose(file);
    return text;
}

int rrto_cli_stats(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
        if (option != 'h')
            return rrto_cli_bad_option(argv, option);
        puts(help_text);
        return 0;
    }
    if (argc - optind != 1)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "stats needs one file; see rrto stats --help");
    char *text = read_file(argv[optind]);
    if (!text)
        return rrto_cli_say(RRTO_CLI_FAILED, "%s cannot be read: %s", argv[optind], strerror(errno));
    struct reader reader = {.at = text};
    if (accept(&reader, '{'))
        print_members(&reader, '}', 0);
    else
        fail(&reader);
    free(text);
    return reader.failed ? rrto_cli_say(RRTO_CLI_FAILED, "%s is not a report", argv[optind]) : 0;
}
