/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels' names of a trace. */
#include "cli/kernels.h"

#include "gen/ops.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static uint16_t op_number(const uint8_t *op, size_t n_bytes)
{
    struct rrto_op_header header = {0};
    if (n_bytes >= sizeof header)
        memcpy(&header, op, sizeof header);
    return header.number;
}

void rrto_kernels_init(struct rrto_kernels *kernels)
{
    rrto_map_init(&kernels->names);
}

void rrto_kernels_fini(struct rrto_kernels *kernels)
{
    size_t cursor = 0;
    uint64_t function, name;
    while (rrto_map_next(&kernels->names, &cursor, &function, &name))
        free((void *)(uintptr_t)name);
    rrto_map_fini(&kernels->names);
}

void rrto_kernels_note(struct rrto_kernels *kernels, const uint8_t *op, size_t n_bytes)
{
    struct rrto_args_function_get args;
    struct rrto_dec dec;
    uint64_t known;
    if (op_number(op, n_bytes) != RRTO_OP_function_get)
        return;
    rrto_dec_init(&dec, op, n_bytes);
    char *name = rrto_unpack_function_get(&dec, &args) ? strndup((const char *)args.name, args.n_name) : NULL;
    if (!name)
        return;
    for (char *at = name; *at; at++)
        *at = isprint((unsigned char)*at) ? *at : '?';
    /* Numbers are not used twice; and names that were given out stay. */
    if (rrto_map_get(&kernels->names, args.function, &known) ||
        !rrto_map_put(&kernels->names, args.function, (uint64_t)(uintptr_t)name))
        free(name);
}

const char *rrto_kernels_of(const struct rrto_kernels *kernels, const uint8_t *op, size_t n_bytes,
                            uint32_t *ret_function)
{
    struct rrto_args_launch args;
    struct rrto_dec dec;
    uint64_t name;
    if (op_number(op, n_bytes) != RRTO_OP_launch)
        return NULL;
    rrto_dec_init(&dec, op, n_bytes);
    if (!rrto_unpack_launch(&dec, &args))
        return NULL;
    if (ret_function)
        *ret_function = args.function;
    return rrto_map_get(&kernels->names, args.function, &name) ? (const char *)(uintptr_t)name : NULL;
}
