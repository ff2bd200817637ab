/* SPDX-License-Identifier: Apache-2.0 */
/* What a torture program works on: device buffers, page-locked memory, streams, events, modules, library handles, and
 * who used what last, so that every program is legal: no two streams touch one thing without an event or a wait in
 * between, and the host touches page-locked memory only behind its stream. Calls the driver API, cuBLAS and cuBLASLt
 * only, so that the same binary also runs on the soft GPU with nothing of ours in between. */
#ifndef TESTS_E2E_TORTURE_MACHINE_H
#define TESTS_E2E_TORTURE_MACHINE_H

#include "gen/api_cublas.h"
#include "gen/api_cublaslt.h"
#include "gen/api_driver.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A call that must succeed: every program is legal. */
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        int ok_result = (int)(call);                                                                                   \
        if (ok_result != 0) {                                                                                          \
            printf("%s:%d: %s = %d\n", __FILE__, __LINE__, #call, ok_result);                                          \
            fflush(stdout);                                                                                            \
            _Exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng) /* splitmix64 */
{
    uint64_t x = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* 0 .. n-1 */
static inline unsigned rng_below(struct rng *rng, unsigned n)
{
    return (unsigned)(rng_next(rng) >> 33) % n;
}

static inline struct rng rng_of(uint64_t a, uint64_t b, uint64_t c)
{
    struct rng rng = {a * UINT64_C(0xd1342543de82ef95) + b};
    rng.state = rng_next(&rng) + c;
    (void)rng_next(&rng);
    return rng;
}

enum { N_BUFFERS = 5, N_PINNED = 3, N_STREAMS = 4, N_EVENTS = 4, N_THREADS = 3, MAX_FLOATS = 6000 };
enum { NOBODY = -1 }; /* no work that uses it is under way */

struct buffer {
    CUdeviceptr at;
    unsigned n; /* floats */
    int user;   /* the stream that used it last */
};

struct pinned {
    float *at;
    unsigned n;
    int user;
    bool registered, unread;
};

struct machine {
    struct buffer buffers[N_BUFFERS];
    struct pinned pinned[N_PINNED];
    CUstream streams[N_STREAMS]; /* legacy, blocking, non-blocking, non-blocking */
    CUevent events[N_EVENTS];
    unsigned next_event;
    CUmodule module;
    CUfunction add;
    cublasHandle_t blas;
    cublasLtHandle_t lt;
    uint64_t seen; /* the hash of everything that was read from the device */
    uint64_t n_values;
};

extern CUcontext context; /* current in every thread that calls */
void machine_start(void); /* once in the process */
void machine_create(struct machine *m, struct rng *rng);
/* Reads all device memory first. */
void machine_destroy(struct machine *m);

/* The stream may use the buffer from now on: behind whoever used it before. */
void buffer_take(struct machine *m, struct buffer *buffer, int stream);
void pinned_take(struct machine *m, struct pinned *pinned, int stream);
/* Waits until the host may touch it, in one of the ways that there are, and reads it if it holds something new. */
void pinned_settle(struct machine *m, struct pinned *pinned, uint64_t way);
/* Other memory, at another place and of another size perhaps; written. */
void buffer_replace(struct machine *m, struct buffer *buffer, struct rng *rng);
/* Waits for the device, then loads the module anew. */
void module_reload(struct machine *m, struct rng *rng);
void stream_replace(struct machine *m, int stream);
void event_replace(struct machine *m, unsigned event);
void blas_replace(struct machine *m);
/* Waits for a stream: by a synchronise, an event, or polling, as `way` says. */
void stream_settle(struct machine *m, int stream, uint64_t way);

/* A module with the kernel vector_add, whose last parameter is a structure with 20 bytes of padding behind n; `variant`
 * makes texts that differ. */
void load_module(CUmodule *ret_module, CUfunction *ret_function, unsigned variant);
/* c = a + b for n floats; garbage: what the padding holds. */
void launch_add(CUfunction function, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, unsigned n, struct rng *garbage,
                CUstream stream);

/* Values small enough that sums stay exact for a while. */
void fill(float *data, unsigned n, struct rng *rng);
/* What was read joins m->seen. */
void see(struct machine *m, const void *data, size_t n_bytes);

#endif
