/* SPDX-License-Identifier: Apache-2.0 */
/* The modes. */
#include "replay/mode.h"

#include <string.h>

/* The first is the default. */
static const struct rrto_mode modes[] = {
    {.name = "replay", .elide = true, .memo = true, .predict = true},
    {.name = "async", .elide = true, .memo = true},
    {.name = "percall-device", .device_ops_wait = true, .memo = true},
    {.name = "percall", .every_op_waits = true, .device_ops_wait = true, .exchange_per_call = true},
    {.name = "plain", .soft_server = true, .every_op_waits = true, .device_ops_wait = true},
};

const struct rrto_mode *rrto_mode_find(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

const struct rrto_mode *rrto_mode_at(size_t i)
{
    const size_t n = sizeof modes / sizeof modes[0];
    return i < n ? &modes[n - 1 - i] : NULL;
}

const struct rrto_mode *rrto_mode_default(void)
{
    return &modes[0];
}
