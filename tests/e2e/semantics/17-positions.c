/* SPDX-License-Identifier: Apache-2.0 */
/* A prediction names a position in the log, and a patch is relative to that position: rounds of one sequence that are
 * in flight together, each with another number in it, come out each with its own. Two threads, so that records are cut
 * into each other, and between rounds now and then one that is left in the middle. Both sides forget old ops by the
 * same rule: a log of 4 KiB is shorter than a round, one of 16 KiB loses recordings in the middle.
 *
 * Way: replay RRTO_LOG_BYTES=4096
 * Way: replay RRTO_LOG_BYTES=16448
 * Way: replay RRTO_LOG_BYTES=16448 RRTO_DEVIATE=5 RRTO_FRAME_BYTES=100
 * Report: replay ops_literal < 60
 * Report: replay RRTO_LOG_BYTES=4096 ops_literal > 300
 * Rule: 17
 * Seen to fail: the client keeps twice the log that was agreed on: the server refuses a prediction in the ways with
 * a short log, with and without the scheduler; the distance of a record counts from where it ends, not from where it
 * began: all ways of replay; the encoder takes an op of 28 bytes and more for the one at its position without
 * comparing: the audit hash differs, in all ways of replay. */
#include "driver.h"

#include <pthread.h>

enum { N = 64, IN_FLIGHT = 4, TURNS = 9, STEPS = 40, BYTES = N * sizeof(float) };

/* One round: `number` through sums, the outcome down into `back`. Left after `until` steps. */
static void issue_round(CUdeviceptr memory, CUdeviceptr one, float number, float *back, CUstream stream, int until)
{
    unsigned word;
    memcpy(&word, &number, sizeof word);
    OK(cuMemsetD32Async(memory, word, N, stream));
    for (int i = 0; i < until; i++) { /* fills of different lengths: ops that no other op of the round is like */
        OK(cuMemsetD8Async(memory + BYTES, 0xab, (size_t)i + 1, stream));
        add(memory, one, memory, N, stream);
    }
    OK(cuMemcpyDtoHAsync_v2(back, memory, BYTES, stream));
}

static void *work(void *arg)
{
    float base = arg ? 1000.f : 5000.f, *back[IN_FLIGHT];
    bool all = true, some = true;
    use_context();
    CUdeviceptr memory[IN_FLIGHT], one = device_floats(N);
    CUstream stream = new_stream(false);
    unsigned word;
    float value = 1;
    memcpy(&word, &value, sizeof word);
    OK(cuMemsetD32Async(one, word, N, stream));
    for (int i = 0; i < IN_FLIGHT; i++) {
        back[i] = pinned_floats(N);
        memory[i] = device_floats(2 * N);
    }
    for (int turn = 0; turn < TURNS; turn++) {
        int left_early = turn % 3 == 2 ? turn % IN_FLIGHT : IN_FLIGHT;
        for (int i = 0; i < IN_FLIGHT; i++)
            issue_round(memory[i], one, base + (float)(turn * IN_FLIGHT + i), back[i], stream,
                        i == left_early ? STEPS / 2 : STEPS);
        OK(cuStreamSynchronize(stream));
        for (int i = 0; i < IN_FLIGHT; i++) {
            float expected = base + (float)(turn * IN_FLIGHT + i) + (i == left_early ? STEPS / 2 : STEPS);
            bool *right = i == left_early ? &some : &all;
            for (int k = 0; k < N; k++)
                *right = *right && back[i][k] == expected;
        }
    }
    return (void *)(uintptr_t)(all | some << 1);
}

int main(void)
{
    pthread_t thread;
    void *first, *second;
    start();
    pthread_create(&thread, NULL, work, &context);
    first = work(NULL);
    pthread_join(thread, &second);
    check("several rounds of one sequence in flight", (uintptr_t)first & (uintptr_t)second & 1);
    check("a round that is left in the middle, between them", (uintptr_t)first & (uintptr_t)second & 2);
    return wrong;
}
