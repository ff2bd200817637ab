/* SPDX-License-Identifier: Apache-2.0 */
/* The one logger: write(2) to stderr (or RRTO_LOG's file), no stdio, no malloc, any thread, errno preserved.
 * Lines: "rrto: <level>: text". Levels: RRTO_LOG=error|warn|info|debug[,file=PATH]; default warn. */
#ifndef RRTO_BASE_LOG_H
#define RRTO_BASE_LOG_H

#include <stdbool.h>

enum rrto_log_level { RRTO_LOG_ERROR, RRTO_LOG_WARN, RRTO_LOG_INFO, RRTO_LOG_DEBUG };

/* printf subset: %s %d %u %ld %lu %zu %x %lx %llu %lld %c %p %%, with width and zero padding. At most 1000 bytes a
 * line. */
void rrto_log(enum rrto_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool rrto_log_enabled(enum rrto_log_level level);
void rrto_log_set_level(enum rrto_log_level level);
/* Where lines go instead of stderr. */
void rrto_log_set_fd(int fd);
/* Who speaks: "rrto" (default), "rrtod", "rrto-worker". The string is kept by reference. */
void rrto_log_set_name(const char *name);

#define rrto_error(...) rrto_log(RRTO_LOG_ERROR, __VA_ARGS__)
#define rrto_warn(...) rrto_log(RRTO_LOG_WARN, __VA_ARGS__)
#define rrto_info(...) rrto_log(RRTO_LOG_INFO, __VA_ARGS__)
#define rrto_debug(...)                                                                                                \
    do {                                                                                                               \
        if (rrto_log_enabled(RRTO_LOG_DEBUG))                                                                          \
            rrto_log(RRTO_LOG_DEBUG, __VA_ARGS__);                                                                     \
    } while (0)

#endif
