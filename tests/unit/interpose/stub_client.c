/* SPDX-License-Identifier: Apache-2.0 */
/* A client library that computes nothing: every symbol returns 0. Doors are tested against it, and the import time of a
 * program through rrto is compared with it. A few symbols answer what a test, or an importing PyTorch, needs. */
#include "api/entry.h"
#include "gen/calls.h"
#include "registers.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct rrto_entry entries[RRTO_CALL_N];

static uint64_t zero(void)
{
    return 0;
}

static const char *text(void)
{
    return "stub";
}

static int one_device(int *ret_n)
{
    *ret_n = 1;
    return 0;
}

static int version(int *ret_version)
{
    *ret_version = 13000;
    return 0;
}

static size_t cudnn_version(void)
{
    return 91900;
}

/* Integer arguments beyond the six in registers, and a vector register between them. */
static int arguments(uint64_t a, uint64_t b, uint64_t c, double coefficient, uint64_t d, uint64_t e, uint64_t f,
                     uint64_t g, uint64_t h)
{
    bool ok = a == 1 && b == 2 && c == 3 && coefficient == 0.125 && d == 4 && e == 5 && f == 6 && g == 7 && h == 8;
    return ok ? 4711 : 1;
}

static const struct {
    const char *name;
    void (*function)(void);
} answers[] = {
    {"cudaGetDeviceCount", (void (*)(void))one_device},
    {"cuDeviceGetCount", (void (*)(void))one_device},
    {"nvmlDeviceGetCount_v2", (void (*)(void))one_device},
    {"cudaRuntimeGetVersion", (void (*)(void))version},
    {"cudaDriverGetVersion", (void (*)(void))version},
    {"cudnnGetVersion", (void (*)(void))cudnn_version},
    {"cudaGetErrorString", (void (*)(void))text},
    {"cudaGetErrorName", (void (*)(void))text},
    {"cudnnGetErrorString", (void (*)(void))text},
    {"cudnnSetActivationDescriptor", (void (*)(void))arguments},
    {"cudaDeviceSynchronize", save_registers},
};

bool rrto_client_entries(const char *library, const struct rrto_entry **ret_entries, size_t *ret_n)
{
    size_t first = RRTO_CALL_N, n = 0;
    for (size_t i = 0; i < RRTO_CALL_N; i++) {
        if (strcmp(rrto_library_names[rrto_call_infos[i].library], library) != 0)
            continue;
        first = i < first ? i : first;
        n++;
        entries[i].name = rrto_call_infos[i].name;
        entries[i].function = (void (*)(void))zero;
        for (size_t k = 0; k < sizeof answers / sizeof answers[0]; k++)
            if (strcmp(answers[k].name, entries[i].name) == 0)
                entries[i].function = answers[k].function;
    }
    *ret_entries = entries + first;
    *ret_n = n;
    spoil_registers(); /* whatever a real client does with them on the way */
    return n > 0;
}
