/* SPDX-License-Identifier: Apache-2.0 */
/* Address ranges for the arena. */
#include "replay/claim.h"

#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static bool hold(uint64_t base, uint64_t n_bytes, struct rrto_control_range *ret_range)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (base ? MAP_FIXED_NOREPLACE : 0);
    void *at = mmap((void *)(uintptr_t)base, n_bytes, PROT_NONE, flags, -1, 0);
    if (at == MAP_FAILED)
        return false;
    if (base && (uintptr_t)at != base) { /* a kernel older than the flag takes the address as a hint */
        munmap(at, n_bytes);
        return false;
    }
    *ret_range = (struct rrto_control_range){(uintptr_t)at, n_bytes};
    return true;
}

void rrto_claim_candidates(struct rrto_claim *claim)
{
    /* Far from where Linux puts programs, heaps, libraries and stacks; then what the kernel offers, for small address
     * spaces. Smaller sizes for processes with a limited address space. */
    static const uint64_t bases[] = {
        0x7e0000000000, 0x600000000000, 0x500000000000, 0x400000000000, 0x300000000000, 0x200000000000, 0, 0};
    static const unsigned shifts[] = {40, 38, 36, 34, 32};
    claim->n = 0;
    for (size_t s = 0; s < sizeof shifts / sizeof shifts[0] && claim->n < 4; s++)
        for (size_t b = 0; b < sizeof bases / sizeof bases[0] && claim->n < RRTO_CONTROL_MAX_CANDIDATES; b++)
            if (hold(bases[b], (uint64_t)1 << shifts[s], &claim->held[claim->n]))
                claim->n++;
}

static void give_back(uint64_t from, uint64_t to)
{
    if (to > from)
        munmap((void *)(uintptr_t)from, to - from);
}

bool rrto_claim_keep(struct rrto_claim *claim, uint64_t base, uint64_t n_bytes)
{
    bool kept = false;
    for (uint32_t i = 0; i < claim->n; i++) {
        uint64_t from = claim->held[i].base, to = from + claim->held[i].n_bytes;
        if (!kept && n_bytes > 0 && base >= from && base <= to && n_bytes <= to - base && base % 4096 == 0 &&
            n_bytes % 4096 == 0) {
            give_back(from, base);
            give_back(base + n_bytes, to);
            (void)madvise((void *)(uintptr_t)base, n_bytes, MADV_DONTDUMP);
            kept = true;
        } else {
            give_back(from, to);
        }
    }
    claim->n = 0;
    return kept;
}
