/* SPDX-License-Identifier: Apache-2.0 */
/* Address ranges for the arena. */
#include "replay/claim.h"

#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* The server maps memory in pages of this size and takes no range that is not made of them. A kernel offers any page of
 * its own: with 39 bits of addresses, as on many aarch64 machines, that is all that there is. */
#define ALIGNMENT ((uint64_t)2 << 20)

static void give_back(uint64_t from, uint64_t to)
{
    if (to > from)
        munmap((void *)(uintptr_t)from, to - from);
}

static bool hold(uint64_t base, uint64_t n_bytes, struct rrto_control_range *ret_range)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (base ? MAP_FIXED_NOREPLACE : 0);
    uint64_t n_held = base ? n_bytes : n_bytes + ALIGNMENT;
    void *held = mmap((void *)(uintptr_t)base, n_held, PROT_NONE, flags, -1, 0);
    if (held == MAP_FAILED)
        return false;
    uint64_t from = (uintptr_t)held, at = (from + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (base && from != base) { /* a kernel older than the flag takes the address as a hint */
        give_back(from, from + n_held);
        return false;
    }
    give_back(from, at);
    give_back(at + n_bytes, from + n_held);
    *ret_range = (struct rrto_control_range){at, n_bytes};
    return true;
}

void rrto_claim_candidates(struct rrto_claim *claim)
{
#ifdef __SANITIZE_THREAD__
    /* ThreadSanitizer ends a program that maps anything outside of what it knows. Of that, nothing else of a program
     * lies here: libraries and stacks start at most a terabyte below the top. */
    static const uint64_t bases[] = {0x7e8000000000, 0x7ec000000000};
    static const unsigned shifts[] = {37, 35};
#else
    /* Far from where Linux puts programs, heaps, libraries and stacks; then what the kernel offers, for small address
     * spaces. Smaller sizes for processes with a limited address space. */
    static const uint64_t bases[] = {
        0x7e0000000000, 0x600000000000, 0x500000000000, 0x400000000000, 0x300000000000, 0x200000000000, 0, 0};
    static const unsigned shifts[] = {40, 38, 36, 34, 32};
#endif
    claim->n = 0;
    for (size_t s = 0; s < sizeof shifts / sizeof shifts[0] && claim->n < 4; s++)
        for (size_t b = 0; b < sizeof bases / sizeof bases[0] && claim->n < RRTO_CONTROL_MAX_CANDIDATES; b++)
            if (hold(bases[b], (uint64_t)1 << shifts[s], &claim->held[claim->n]))
                claim->n++;
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
