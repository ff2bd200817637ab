/* SPDX-License-Identifier: Apache-2.0 */
/* What a generated stand-in library consists of: functions that say once, through write(2), that the library is not
 * there, and return its "not supported". */
#ifndef RRTO_INTERPOSE_FALLBACK_H
#define RRTO_INTERPOSE_FALLBACK_H

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

/* Written once, from whichever thread comes first. RRTO_LOG is not looked at: a stand-in knows nothing of the client.
 */
#define RRTO_FALLBACK(soname)                                                                                          \
    __attribute__((unused)) static void say_once(const char *function)                                                 \
    {                                                                                                                  \
        static atomic_flag said = ATOMIC_FLAG_INIT;                                                                    \
        if (atomic_flag_test_and_set(&said))                                                                           \
            return;                                                                                                    \
        const char *const parts[] = {"rrto: warn: ", soname, " is a stand-in, ", function, " is not supported\n"};     \
        char line[256];                                                                                                \
        size_t n = 0;                                                                                                  \
        int saved_errno = errno;                                                                                       \
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)                                                    \
            for (const char *at = parts[i]; *at && n < sizeof line; at++)                                              \
                line[n++] = *at;                                                                                       \
        if (write(STDERR_FILENO, line, n) < 0)                                                                         \
            n = 0; /* nobody to tell */                                                                                \
        errno = saved_errno;                                                                                           \
    }

/* int64_t: right for an int, and for the small structs that some libraries return in a register. */
#define RRTO_FALLBACK_STATUS(name, value)                                                                              \
    __attribute__((visibility("default"))) int64_t name(void);                                                         \
    int64_t name(void)                                                                                                 \
    {                                                                                                                  \
        say_once(#name);                                                                                               \
        return value;                                                                                                  \
    }

#define RRTO_FALLBACK_TEXT(name)                                                                                       \
    __attribute__((visibility("default"))) const char *name(void);                                                     \
    const char *name(void)                                                                                             \
    {                                                                                                                  \
        return "not supported (rrto)";                                                                                 \
    }

#endif
