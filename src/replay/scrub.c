/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/scrub.h"

#include <string.h>

/* n_bytes is not to be known here: then the library's memset does it, and not one instruction that repeats itself,
 * which takes twice as long. */
__attribute__((noinline, noclone, no_sanitize("address"))) void rrto_scrub_stack(size_t n_bytes)
{
    __asm__("" : "+r"(n_bytes));
    void *below = __builtin_alloca(n_bytes);
    memset(below, 0, n_bytes);
    __asm__ volatile("" : : "r"(below) : "memory"); /* nobody reads it: it is to be written all the same */
}
