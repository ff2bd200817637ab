/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of modules: device memory outside the arena, where the server's driver put it. Their addresses are claimed
 * in this process, so that they are not given to anything else; where something has that address already, a pointer may
 * be either, and only who says "device" means the variable. */
#ifndef RRTO_CUDA_SYMBOL_H
#define RRTO_CUDA_SYMBOL_H

#include <stdbool.h>
#include <stdint.h>

struct rrto_symbol {
    uint64_t address, n_bytes;
    uint32_t module;
    bool ours; /* nothing else of this process has such an address */
};

/* The server told where a variable of a module lies. Any thread. */
void rrto_symbol_add(uint32_t module, uint64_t address, uint64_t n_bytes);
/* The module is unloaded: its variables are gone. */
void rrto_symbol_drop(uint32_t module);
/* Whether [address, address + n_bytes) lies in one variable; ret_symbol may be NULL. */
bool rrto_symbol_find(uint64_t address, uint64_t n_bytes, struct rrto_symbol *ret_symbol);
/* Whether address lies in a variable and can be nothing else. */
bool rrto_symbol_ours(uint64_t address);

#endif
