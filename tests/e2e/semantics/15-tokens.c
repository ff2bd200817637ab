/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens are hints: whatever of them collides, or which prediction is dropped, what is executed is what was issued. The
 * rounds are made of ops that are like one another in length and differ in few bytes, in an order that changes, so that
 * a search without tokens is nearly always wrong. With no token at all nearly every op is a patch or a literal.
 *
 * Way: replay RRTO_TOKEN_BITS=0
 * Way: replay RRTO_TOKEN_BITS=2 RRTO_DEVIATE=3
 * Way: replay RRTO_TOKEN_BITS=0 RRTO_DISABLE=patch
 * Report: replay RRTO_TOKEN_BITS=0 ops_predicted < 100
 * Report: replay RRTO_TOKEN_BITS=0 ops_patched > 400
 * Report: replay RRTO_TOKEN_BITS=0 RRTO_DISABLE=patch ops_literal > 500
 * Rule: 15
 * Seen to fail: the encoder takes an op of 28 bytes and more for the predicted one if the length agrees: the server
 * stops the session at the next synchronise (the audit hash), in all ways of replay; the client's log and hash follow
 * the same error: both lines are wrong in all ways of replay, with and without the scheduler. */
#include "driver.h"

enum { N = 300, BUFFERS = 7, STEPS = 40, BYTES = N * sizeof(float) };
static CUdeviceptr buffers[BUFFERS];
static float model[BUFFERS][N];
static unsigned state = 1;

static unsigned choose(unsigned n)
{
    state = state * 1103515245u + 12345u;
    return (state >> 16) % n;
}

static void model_fill(float *to, unsigned n, float value)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = value;
}

/* One op, on the device and in the model: fills, copies and sums of whole buffers and of parts. */
static void step(CUstream stream)
{
    static float up[N];
    unsigned a = choose(BUFFERS), b = choose(BUFFERS), c = choose(BUFFERS), n = choose(4) ? N : N / 2 + choose(N / 2);
    union {
        float f;
        unsigned u;
    } value = {.f = (float)choose(100)};
    switch (choose(5)) {
    case 0:
        OK(cuMemsetD32Async(buffers[a], value.u, n, stream));
        model_fill(model[a], n, value.f);
        break;
    case 1:
        if (a == b)
            return;
        OK(cuMemcpyDtoDAsync_v2(buffers[a], buffers[b], n * sizeof(float), stream));
        memcpy(model[a], model[b], n * sizeof(float));
        break;
    case 2:
        model_fill(up, n, value.f + 0.5f);
        OK(cuMemcpyHtoDAsync_v2(buffers[a], up, n * sizeof(float), stream));
        memcpy(model[a], up, n * sizeof(float));
        break;
    case 3:
        OK(cuMemsetD8Async(buffers[a], 0, n * sizeof(float), stream));
        model_fill(model[a], n, 0);
        break;
    default:
        add(buffers[a], buffers[b], buffers[c], n, stream);
        for (unsigned i = 0; i < n; i++)
            model[c][i] = model[a][i] + model[b][i];
        break;
    }
}

int main(void)
{
    static float back[N];
    bool shuffled = true, repeated = true;
    start();
    CUstream streams[2] = {new_stream(false), new_stream(false)};
    for (unsigned i = 0; i < BUFFERS; i++) {
        buffers[i] = device_floats(N);
        OK(cuMemsetD8Async(buffers[i], 0, BYTES, streams[0]));
    }
    for (unsigned round = 0; round < 4 * ROUNDS; round++) {
        bool again = round % 2;
        unsigned seed = state;
        if (again)
            state = 77; /* every second round is the same one */
        for (unsigned i = 0; i < STEPS; i++)
            step(streams[0]);
        OK(cuStreamSynchronize(streams[0]));
        for (unsigned i = 0; i < BUFFERS; i++) {
            OK(cuMemcpyDtoHAsync_v2(back, buffers[i], BYTES, streams[i % 2]));
            bool *right = again ? &repeated : &shuffled;
            *right = *right && memcmp(back, model[i], BYTES) == 0;
        }
        if (again)
            state = seed;
    }
    check("rounds of ops in an order that changes", shuffled);
    check("the round that is repeated between them", repeated);
    return wrong;
}
