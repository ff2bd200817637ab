/* SPDX-License-Identifier: Apache-2.0 */
/* The table of variables. Programs ask for few of them. */
#include "cuda/symbol.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifdef __SANITIZE_THREAD__ /* its own take addresses that it does not know for none, and end the program */
#include <sys/syscall.h>
#define mmap(...) (void *)syscall(SYS_mmap, __VA_ARGS__)
#define munmap(...) syscall(SYS_munmap, __VA_ARGS__)
#endif

static struct {
    pthread_mutex_t lock;
    struct rrto_symbol *rows;
    size_t n, capacity;
} symbols = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The pages of a variable that no other claimed one lies in: first and last are what it may share. */
static bool own_pages(const struct rrto_symbol *symbol, uint64_t *ret_from, uint64_t *ret_to)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t from = symbol->address & ~(page - 1), to = (symbol->address + symbol->n_bytes + page - 1) & ~(page - 1);
    for (size_t i = 0; i < symbols.n; i++) {
        const struct rrto_symbol *other = &symbols.rows[i];
        if (other == symbol || !other->ours)
            continue;
        if (other->address < from + page && other->address + other->n_bytes > from)
            from += page;
        if (from < to && other->address < to && other->address + other->n_bytes > to - page)
            to -= page;
    }
    *ret_from = from;
    *ret_to = to;
    return from < to;
}

static void claim(struct rrto_symbol *symbol)
{
    uint64_t from, to;
    symbol->ours = symbol->n_bytes > 0;
    if (!symbol->ours || !own_pages(symbol, &from, &to))
        return;
    void *at = mmap((void *)(uintptr_t)from, to - from, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    /* ENOMEM: no such address exists in this process, whose address space may be smaller than the server's (many boards
     * have 39 bits). Nothing of the application's can lie there, either. */
    symbol->ours = at != MAP_FAILED ? (uintptr_t)at == from : errno == ENOMEM;
    if (at != MAP_FAILED && !symbol->ours) /* a kernel older than the flag takes the address as a hint */
        munmap(at, to - from);
}

static void unclaim(const struct rrto_symbol *symbol)
{
    uint64_t from, to;
    if (symbol->ours && own_pages(symbol, &from, &to))
        munmap((void *)(uintptr_t)from, to - from);
}

void rrto_symbol_add(uint32_t module, uint64_t address, uint64_t n_bytes)
{
    pthread_mutex_lock(&symbols.lock);
    size_t i = 0;
    while (i < symbols.n && (symbols.rows[i].module != module || symbols.rows[i].address != address))
        i++;
    if (i == symbols.n && i == symbols.capacity) {
        size_t capacity = symbols.capacity ? 2 * symbols.capacity : 16;
        struct rrto_symbol *grown = realloc(symbols.rows, capacity * sizeof *grown);
        if (grown) {
            symbols.rows = grown;
            symbols.capacity = capacity;
        }
    }
    if (i == symbols.n && i < symbols.capacity) {
        symbols.rows[i] = (struct rrto_symbol){.address = address, .n_bytes = n_bytes, .module = module};
        symbols.n++;
        claim(&symbols.rows[i]);
    }
    pthread_mutex_unlock(&symbols.lock);
}

void rrto_symbol_drop(uint32_t module)
{
    pthread_mutex_lock(&symbols.lock);
    for (size_t i = 0; i < symbols.n;) {
        if (symbols.rows[i].module != module) {
            i++;
            continue;
        }
        unclaim(&symbols.rows[i]);
        symbols.rows[i] = symbols.rows[--symbols.n];
    }
    pthread_mutex_unlock(&symbols.lock);
}

static const struct rrto_symbol *find(uint64_t address, uint64_t n_bytes)
{
    for (size_t i = 0; i < symbols.n; i++) {
        uint64_t offset = address - symbols.rows[i].address; /* wraps around below it */
        if (offset < symbols.rows[i].n_bytes && n_bytes <= symbols.rows[i].n_bytes - offset)
            return &symbols.rows[i];
    }
    return NULL;
}

bool rrto_symbol_find(uint64_t address, uint64_t n_bytes, struct rrto_symbol *ret_symbol)
{
    pthread_mutex_lock(&symbols.lock);
    const struct rrto_symbol *symbol = find(address, n_bytes);
    if (symbol && ret_symbol)
        *ret_symbol = *symbol;
    pthread_mutex_unlock(&symbols.lock);
    return symbol != NULL;
}

bool rrto_symbol_ours(uint64_t address)
{
    struct rrto_symbol symbol;
    return rrto_symbol_find(address, 1, &symbol) && symbol.ours;
}
