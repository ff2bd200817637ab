/* SPDX-License-Identifier: Apache-2.0 */
/* printf's commonest part without stdio: no malloc, no locale, safe in the preload room and in signal handlers. */
#ifndef RRTO_BASE_FORMAT_H
#define RRTO_BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* %s %d %i %u %x %c %p %% with h, hh, l, ll, z, j, t, width, zero padding and, for %s, a precision (also ".*").
 * Anything else is copied as it stands. Writes at most capacity - 1 characters and a NUL; returns how many it wrote (a
 * text that does not fit is cut). capacity 0: writes nothing. */
size_t rrto_format(char *out, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t rrto_format_list(char *out, size_t capacity, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));

#endif
