/* SPDX-License-Identifier: Apache-2.0 */
/* For applications that know of rrto; none has to. Nothing of rrto is linked: without it these calls do nothing. (With
 * a C library before glibc 2.34, link with -ldl.) From Python:
 *
 *     import ctypes; mark = getattr(ctypes.CDLL(None), "rrto_mark", lambda: None)
 */
#ifndef RRTO_RRTO_H
#define RRTO_RRTO_H

#include <dlfcn.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An inference ends here: what the reports and rrto bench call one is then what lies between two marks, whatever the
 * rule for unmarked programs says (docs/report.md). Its clock has stopped when its last result came. Any thread. */
static inline void rrto_mark(void)
{
    static void (*mark)(void);
    static int looked;
    if (!__atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
        void *symbol = dlsym((void *)0 /* RTLD_DEFAULT: preloaded libraries, too */, "rrto_mark");
        memcpy(&mark, &symbol, sizeof mark);
        __atomic_store_n(&looked, 1, __ATOMIC_RELEASE);
    }
    if (mark)
        mark();
}

#ifdef __cplusplus
}
#endif
#endif
