/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: one value a line, two spaces a level. */
#include "report/json.h"

#include "base/format.h"

#include <errno.h>
#include <unistd.h>

static void flush(struct rrto_json *json)
{
    for (size_t at = 0; at < json->n && !json->failed;) {
        ssize_t written = write(json->fd, json->buffer + at, json->n - at);
        if (written > 0)
            at += (size_t)written;
        else if (written == 0 || errno != EINTR)
            json->failed = true;
    }
    json->n = 0;
}

static void put(struct rrto_json *json, char c)
{
    if (json->n == sizeof json->buffer)
        flush(json);
    json->buffer[json->n++] = c;
}

static void put_text(struct rrto_json *json, const char *text)
{
    while (*text)
        put(json, *text++);
}

/* Control characters and bytes that are not ASCII (whatever their encoding) leave as \u00XX: the file is always valid.
 */
static void put_quoted(struct rrto_json *json, const char *text)
{
    put(json, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c > 0x7e) {
            char escape[8];
            rrto_format(escape, sizeof escape, "\\u%04x", (unsigned)c);
            put_text(json, escape);
            continue;
        }
        if (c == '"' || c == '\\')
            put(json, '\\');
        put(json, (char)c);
    }
    put(json, '"');
}

static void new_line(struct rrto_json *json)
{
    if (json->compact)
        return;
    put(json, '\n');
    for (unsigned i = 0; i < json->depth; i++)
        put_text(json, "  ");
}

static void begin_value(struct rrto_json *json, const char *key)
{
    if (json->depth > 0) {
        if (!json->first)
            put(json, ',');
        new_line(json);
    }
    json->first = false;
    if (key) {
        put_quoted(json, key);
        put_text(json, ": ");
    }
}

void rrto_json_init(struct rrto_json *json, int fd)
{
    json->fd = fd;
    json->failed = json->compact = false;
    json->first = true;
    json->depth = 0;
    json->n = 0;
}

bool rrto_json_finish(struct rrto_json *json)
{
    if (!json->compact)
        put(json, '\n');
    flush(json);
    return !json->failed;
}

void rrto_json_end_line(struct rrto_json *json)
{
    put(json, '\n');
    json->first = true;
}

void rrto_json_open(struct rrto_json *json, const char *key, char bracket)
{
    begin_value(json, key);
    put(json, bracket);
    json->depth++;
    json->first = true;
}

void rrto_json_close(struct rrto_json *json, char bracket)
{
    json->depth--;
    if (!json->first)
        new_line(json);
    json->first = false;
    put(json, bracket);
}

void rrto_json_string(struct rrto_json *json, const char *key, const char *value)
{
    begin_value(json, key);
    put_quoted(json, value);
}

void rrto_json_number(struct rrto_json *json, const char *key, uint64_t value)
{
    char text[24];
    rrto_format(text, sizeof text, "%lu", (unsigned long)value);
    begin_value(json, key);
    put_text(json, text);
}

void rrto_json_decimal(struct rrto_json *json, const char *key, uint64_t value, unsigned decimals)
{
    char text[24], fraction[12];
    for (unsigned i = decimals; i > 0; i--, value /= 10)
        fraction[i - 1] = (char)('0' + value % 10);
    fraction[decimals] = '\0';
    rrto_format(text, sizeof text, "%lu.", (unsigned long)value);
    begin_value(json, key);
    put_text(json, text);
    put_text(json, fraction);
}
