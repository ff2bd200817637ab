/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/scrub.h"

#include <string.h>

__attribute__((noinline, no_sanitize("address"))) void rrto_scrub_stack(size_t skipped, size_t n_bytes)
{
    void *below = __builtin_alloca(skipped + n_bytes);
    memset(below, 0, n_bytes);
    __asm__ volatile("" : : "r"(below) : "memory"); /* nobody reads it: it is to be written all the same */
}
