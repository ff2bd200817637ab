/* SPDX-License-Identifier: Apache-2.0 */
/* When ops are flushed. Progress: whatever has been issued gets done while the program makes no further call and only
 * looks at page-locked memory, be it one op, a few more or fewer than 64, many, or a payload around the size that
 * leaves at its call; the second time the same, predicted. Then the test `flush` looks at what travels for the last
 * part: a payload of 16 KiB and more ends its chunk, in a frame that stays open for the op behind it; of 300 fills with
 * values that were never used before, no more than 64 are in one frame.
 *
 * Report: async frames_up >= 40
 * Report: replay frames_up >= 33
 * Rule: 20
 * Seen to fail: nothing is flushed by time: it hangs in async and replay; 64 pending literals flush nothing: the report
 * says 29 frames in async and replay, with and without the scheduler, and `flush` finds 300 fills in one; a payload
 * waits for what is behind it, or ends its frame: `flush` says so of the three large ones, in async and replay. How tau
 * adapts is tested in tests/unit/replay/flush_test.c, which also fails with each of the others, and when tau falls by
 * less.
 */
#include "driver.h"

enum { WORDS = 1 << 17, LARGE = WORDS * 4, FILLS = 300, FILL_MARK = 0x5ca10000, PAYLOAD_MARK = 0x5cb20000 };
static unsigned up[WORDS];
static volatile unsigned *down;
static CUstream stream;
static CUdeviceptr memory;

/* What such an application does is a race by the letter of the language; no lock that ThreadSanitizer could see orders
 * it. */
__attribute__((no_sanitize("thread"))) static void spin_until(unsigned value)
{
    while (*down != value)
        sched_yield();
}

__attribute__((no_sanitize("thread"))) static void clear(void)
{
    *down = 0;
}

/* n fills, a copy down, then no call until it is there. */
static bool fills_arrive(unsigned n, unsigned first)
{
    clear();
    for (unsigned i = 0; i < n; i++)
        OK(cuMemsetD32Async(memory, first + i, 1, stream));
    OK(cuMemcpyDtoHAsync_v2((void *)(uintptr_t)down, memory, 4, stream));
    spin_until(first + n - 1);
    return true;
}

/* A payload whose last word is brought back. */
static bool payload_arrives(unsigned n_words, unsigned value)
{
    clear();
    up[n_words - 1] = value;
    OK(cuMemcpyHtoDAsync_v2(memory, up, n_words * 4, stream));
    OK(cuMemcpyDtoHAsync_v2((void *)(uintptr_t)down, memory + (n_words - 1) * 4, 4, stream));
    spin_until(value);
    return true;
}

int main(void)
{
    static const unsigned counts[] = {1, 61, 62, 63, 64, 65, 200}, sizes[] = {1, 4095, 4096, 4097, WORDS};
    bool fills = true, payloads = true;
    start();
    down = (volatile unsigned *)pinned_floats(1);
    stream = new_stream(false);
    OK(cuMemAlloc_v2(&memory, LARGE));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
            fills = fills_arrive(counts[i], 1000 * (i + 1)) && fills;
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
            payloads = payloads && payload_arrives(sizes[i], 100 + i + round);
    }
    check("progress without a call, behind fills", fills);
    check("progress without a call, behind payloads", payloads);

    unsigned last = 0;
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        up[sizes[i] - 1] = PAYLOAD_MARK + i;
        OK(cuMemcpyHtoDAsync_v2(memory, up, sizes[i] * 4, stream));
        OK(cuMemcpyDtoDAsync_v2(memory, memory + (sizes[i] - 1) * 4, 4, stream));
        up[sizes[i] - 1] = 0;
    }
    OK(cuStreamSynchronize(stream));
    OK(cuMemcpyDtoH_v2(&last, memory, 4));
    check("payloads and copies, one behind the other", last == PAYLOAD_MARK + sizeof sizes / sizeof *sizes - 1);
    for (unsigned i = 0; i < FILLS; i++)
        OK(cuMemsetD32Async(memory, FILL_MARK + i, 1, stream));
    OK(cuStreamSynchronize(stream));
    OK(cuMemcpyDtoH_v2(&last, memory, 4));
    check("many fills", last == FILL_MARK + FILLS - 1);
    return wrong;
}
