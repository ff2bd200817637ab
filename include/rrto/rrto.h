/* SPDX-License-Identifier: Apache-2.0 */
/* For applications that know of rrto; none has to. Nothing is linked: without rrto these calls do nothing. From Python:
 *
 *     import ctypes; mark = getattr(ctypes.CDLL(None), "rrto_mark", lambda: None)
 */
#ifndef RRTO_RRTO_H
#define RRTO_RRTO_H

#ifdef __cplusplus
extern "C" {
#endif

/* Where rrto is preloaded, its own; else not there. */
extern void rrto_mark_if_there(void) __asm__("rrto_mark") __attribute__((weak));

/* An inference ends here: what the reports and rrto bench call one is then what lies between two marks, whatever the
 * rule for unmarked programs says (docs/report.md). Its clock has stopped when its last result came. Any thread. */
static inline void rrto_mark(void)
{
    if (rrto_mark_if_there)
        rrto_mark_if_there();
}

#ifdef __cplusplus
}
#endif
#endif
