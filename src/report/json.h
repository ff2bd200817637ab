/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON writer for the preload room: one fixed buffer, write(2), no stdio and no malloc. Errors are sticky. */
#ifndef RRTO_REPORT_JSON_H
#define RRTO_REPORT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rrto_json {
    int fd;
    bool failed, first; /* first: nothing stands yet in the present object or array */
    bool compact;       /* no line ends but those of rrto_json_end_line: JSON lines */
    unsigned depth;
    size_t n;
    char buffer[4096];
};

void rrto_json_init(struct rrto_json *json, int fd); /* fd is lent */
/* The end of a line of JSON lines: what was written since the last one is one value. */
void rrto_json_end_line(struct rrto_json *json);
/* Writes what is buffered and, unless it is compact, a final newline. False when any write failed. */
bool rrto_json_finish(struct rrto_json *json);

/* bracket is '{' or '[' ; key is NULL inside an array and at the top. The close takes '}' or ']'. */
void rrto_json_open(struct rrto_json *json, const char *key, char bracket);
void rrto_json_close(struct rrto_json *json, char bracket);

void rrto_json_string(struct rrto_json *json, const char *key, const char *value);
void rrto_json_number(struct rrto_json *json, const char *key, uint64_t value);
/* value / 10^decimals, for example 1234567 with 6 is 1.234567. decimals: 1 to 9. */
void rrto_json_decimal(struct rrto_json *json, const char *key, uint64_t value, unsigned decimals);

#endif
