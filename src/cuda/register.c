/* SPDX-License-Identifier: Apache-2.0 */
/* The registry. A PyTorch wheel registers 24,188 kernels and 18,752 variables of 484 modules when it is loaded and uses
 * a handful. */
#include "cuda/register.h"

#include "base/map.h"
#include "cuda/error.h"
#include "cuda/module.h"

#include <pthread.h>
#include <stdlib.h>

struct symbol {
    const void *address;
    const char *name;
    size_t n_bytes; /* variables */
    struct rrto_function *function;
};

struct symbols {
    struct symbol *items;
    uint32_t n, capacity;
};

struct registration {
    uint32_t index;
    const void *wrapper;
    struct rrto_module *module; /* at first use */
    struct symbols kernels, variables;
};

static struct {
    pthread_mutex_t lock;
    struct registration **list; /* by index; NULL after removal */
    uint32_t n, capacity;
    struct index {
        struct rrto_map map; /* address -> list index << 32 | place */
        uint32_t n;          /* list entries below this one are in it */
    } kernels, variables;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A child that is forked before CUDA is used may use it: it must find the registry whole and unlocked. */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&registry.lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&registry.lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork);
}

static struct symbol *append(struct symbols *symbols)
{
    if (symbols->n == symbols->capacity) {
        uint32_t capacity = symbols->capacity ? 2 * symbols->capacity : 8;
        struct symbol *grown = realloc(symbols->items, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        symbols->items = grown;
        symbols->capacity = capacity;
    }
    return &symbols->items[symbols->n++];
}

void *rrto_register_add(const void *wrapper)
{
    struct registration *registration = calloc(1, sizeof *registration);
    if (!registration)
        return NULL;
    registration->wrapper = wrapper;
    pthread_once(&fork_once, watch_forks);
    pthread_mutex_lock(&registry.lock);
    if (registry.n == registry.capacity) {
        uint32_t capacity = registry.capacity ? 2 * registry.capacity : 64;
        struct registration **grown = realloc(registry.list, capacity * sizeof *grown);
        if (grown) {
            registry.list = grown;
            registry.capacity = capacity;
        }
    }
    if (registry.n < registry.capacity) {
        registration->index = registry.n;
        registry.list[registry.n++] = registration;
    } else {
        free(registration);
        registration = NULL;
    }
    pthread_mutex_unlock(&registry.lock);
    return registration;
}

/* A symbol that comes after its module was indexed goes into the index at once. */
static void add_symbol(struct registration *registration, struct symbols *symbols, struct index *index,
                       struct symbol symbol)
{
    pthread_mutex_lock(&registry.lock);
    struct symbol *place = append(symbols);
    if (place) {
        *place = symbol;
        if (registration->index < index->n)
            rrto_map_put(&index->map, (uintptr_t)symbol.address,
                         (uint64_t)registration->index << 32 | (symbols->n - 1));
    }
    pthread_mutex_unlock(&registry.lock);
}

void rrto_register_kernel(void *handle, const void *stub, const char *name)
{
    struct registration *registration = handle;
    if (registration)
        add_symbol(registration, &registration->kernels, &registry.kernels,
                   (struct symbol){.address = stub, .name = name});
}

void rrto_register_variable(void *handle, const void *shadow, const char *name, size_t n_bytes)
{
    struct registration *registration = handle;
    if (registration)
        add_symbol(registration, &registration->variables, &registry.variables,
                   (struct symbol){.address = shadow, .name = name, .n_bytes = n_bytes});
}

static const struct symbols *symbols_of(const struct registration *registration, const struct index *index)
{
    return index == &registry.kernels ? &registration->kernels : &registration->variables;
}

/* Only the kind that is asked for: few programs look a variable up. */
static void index_new(struct index *index)
{
    for (; index->n < registry.n; index->n++) {
        const struct registration *registration = registry.list[index->n];
        if (!registration)
            continue;
        const struct symbols *symbols = symbols_of(registration, index);
        for (uint32_t i = 0; i < symbols->n; i++)
            rrto_map_put(&index->map, (uintptr_t)symbols->items[i].address, (uint64_t)index->n << 32 | i);
    }
}

/* An address may have been taken over by a module that was loaded later: only entries that are still this module's are
 * removed. */
static void unindex(struct index *index, const struct registration *registration)
{
    const struct symbols *symbols = symbols_of(registration, index);
    for (uint32_t i = 0; i < symbols->n && registration->index < index->n; i++) {
        uint64_t value;
        uint64_t key = (uintptr_t)symbols->items[i].address;
        if (rrto_map_get(&index->map, key, &value) && value >> 32 == registration->index)
            rrto_map_remove(&index->map, key, NULL);
    }
}

void rrto_register_remove(void *handle)
{
    struct registration *registration = handle;
    if (!registration)
        return;
    pthread_mutex_lock(&registry.lock);
    unindex(&registry.kernels, registration);
    unindex(&registry.variables, registration);
    registry.list[registration->index] = NULL;
    pthread_mutex_unlock(&registry.lock);
    rrto_module_unload(registration->module);
    free(registration->kernels.items);
    free(registration->variables.items);
    free(registration);
}

static struct symbol *find(struct index *index, const void *address, struct registration **ret_registration)
{
    uint64_t value;
    index_new(index);
    if (!rrto_map_get(&index->map, (uintptr_t)address, &value))
        return NULL;
    *ret_registration = registry.list[value >> 32];
    return &symbols_of(*ret_registration, index)->items[value & UINT32_MAX];
}

static struct rrto_module *module_of(struct registration *registration)
{
    if (!registration->module)
        registration->module = rrto_module_create(registration->wrapper, 0, false);
    return registration->module;
}

int32_t rrto_register_find_kernel(const void *stub, struct rrto_function **ret_function)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    struct registration *registration = NULL;
    pthread_mutex_lock(&registry.lock);
    struct symbol *symbol = find(&registry.kernels, stub, &registration);
    if (!symbol) {
        result = RRTO_CUDA_INVALID_FUNCTION;
    } else if (!symbol->function) {
        struct rrto_module *module = module_of(registration);
        symbol->function = module ? rrto_module_function(module, symbol->name) : NULL;
        if (!symbol->function)
            result = RRTO_CUDA_NO_MEMORY;
    }
    if (!result)
        *ret_function = symbol->function;
    pthread_mutex_unlock(&registry.lock);
    return result;
}

int32_t rrto_register_find_variable(const void *shadow, struct rrto_module **ret_module, const char **ret_name,
                                    size_t *ret_n_bytes)
{
    int32_t result = RRTO_CUDA_SUCCESS;
    struct registration *registration = NULL;
    pthread_mutex_lock(&registry.lock);
    const struct symbol *symbol = find(&registry.variables, shadow, &registration);
    if (!symbol) {
        result = RRTO_CUDA_INVALID_SYMBOL;
    } else {
        *ret_module = module_of(registration);
        *ret_name = symbol->name;
        *ret_n_bytes = symbol->n_bytes;
        if (!*ret_module)
            result = RRTO_CUDA_NO_MEMORY;
    }
    pthread_mutex_unlock(&registry.lock);
    return result;
}
