/* SPDX-License-Identifier: Apache-2.0 */
/* Philox 4x32-10 (Salmon et al., SC 2011) and its words as numbers, as cuRAND makes them. */
#ifndef SOFT_KERNELS_PHILOX_H
#define SOFT_KERNELS_PHILOX_H

#include <stdint.h>
#include <string.h>

/* Four words of a thread's sequence; counter: how many fours of it have been used. */
static inline void philox(uint64_t seed, uint64_t counter, uint64_t sequence, uint32_t ret[4])
{
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)sequence, (uint32_t)(sequence >> 32)};
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c[0], p1 = (uint64_t)0xCD9E8D57 * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k1,
                            (uint32_t)p0};
        memcpy(c, next, sizeof c);
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    memcpy(ret, c, sizeof c);
}

/* PyTorch's { seed, offset, offset within the graph, captured } among a kernel's parameters: numbers, or, in a captured
 * graph, where they stand in memory when it is launched. */
static inline void philox_state(const uint8_t *state, uint64_t *ret_seed, uint64_t *ret_offset)
{
    uint64_t within;
    const void *at[2];
    memcpy(ret_seed, state, sizeof *ret_seed);
    memcpy(ret_offset, state + 8, sizeof *ret_offset);
    if (!state[24])
        return;
    memcpy(at, state, sizeof at);
    memcpy(&within, state + 16, sizeof within);
    memcpy(ret_seed, at[0], sizeof *ret_seed);
    memcpy(ret_offset, at[1], sizeof *ret_offset);
    *ret_offset += within;
}

static inline float philox_uniform(uint32_t bits) /* in (0, 1] */
{
    return (float)bits * 0x1p-32f + 0x1p-33f;
}

#endif
