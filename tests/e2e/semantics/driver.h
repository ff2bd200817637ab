/* SPDX-License-Identifier: Apache-2.0 */
/* For the semantic tests: programs of the driver API only, so that the same binary also runs on the soft driver
 * directly. Each prints one line per thing checked, "right" or "WRONG", and ends with 1 when one was wrong. A program
 * repeats its rounds, so that replay has something to predict. */
#ifndef TESTS_E2E_SEMANTICS_DRIVER_H
#define TESTS_E2E_SEMANTICS_DRIVER_H

#include "../programs/vector_add.h"
#include "gen/api_driver.h"

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 8 };

/* A call that must succeed. */
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        int ok_result = (int)(call);                                                                                   \
        if (ok_result != 0) {                                                                                          \
            printf("%s:%d: %s = %d\n", __FILE__, __LINE__, #call, ok_result);                                          \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static int wrong;

static inline void check(const char *what, bool right)
{
    printf("%s: %s\n", what, right ? "right" : "WRONG");
    fflush(stdout);
    wrong |= !right;
}

static CUcontext context;
static CUfunction vector_add_function;

/* Every thread: the context is current afterwards. */
static inline void use_context(void)
{
    OK(cuCtxSetCurrent(context));
}

static inline void start(void)
{
    static const char ptx[] = VECTOR_ADD_PTX;
    CUmodule module;
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    use_context();
    OK(cuModuleLoadData(&module, ptx));
    OK(cuModuleGetFunction(&vector_add_function, module, "vector_add"));
}

/* c = a + b */
static inline void add(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, unsigned n, CUstream stream)
{
    void *args[] = {&a, &b, &c, &n};
    OK(cuLaunchKernel(vector_add_function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, stream, args, NULL));
}

static inline void fill(float *data, unsigned n, int seed)
{
    for (unsigned i = 0; i < n; i++)
        data[i] = (float)((int)(i % 1000) * 3 + seed);
}

/* Whether data is factor times what fill(seed) makes. */
static inline bool filled(const float *data, unsigned n, int seed, float factor)
{
    for (unsigned i = 0; i < n; i++)
        if (data[i] != factor * (float)((int)(i % 1000) * 3 + seed))
            return false;
    return true;
}

static inline CUdeviceptr device_floats(unsigned n)
{
    CUdeviceptr address;
    OK(cuMemAlloc_v2(&address, n * sizeof(float)));
    return address;
}

static inline float *pinned_floats(unsigned n)
{
    void *address;
    OK(cuMemHostAlloc(&address, n * sizeof(float), 0));
    return address;
}

static inline CUstream new_stream(bool blocking)
{
    CUstream stream;
    OK(cuStreamCreate(&stream, blocking ? 0 : CU_STREAM_NON_BLOCKING));
    return stream;
}

static inline CUevent new_event(void)
{
    CUevent event;
    OK(cuEventCreate(&event, 2)); /* no timing */
    return event;
}

#endif
