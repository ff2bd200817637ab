/* SPDX-License-Identifier: Apache-2.0 */
/* A source that somebody writes into while it is copied, as a camera does, makes that copy one of old and new bytes,
 * and nothing worse: what is copied later, when the source is at rest, is right.
 *
 * Way: replay RRTO_CODEC_STRESS=1
 * Way: async RRTO_CODEC_STRESS=2
 * Rule: 7
 * Seen to fail: payloads are coded from the application's own memory, and what is there at the end is kept for the next
 * ones (so it was): with RRTO_CODEC_STRESS, with and without the scheduler, the server ends the session, whose op
 * stream it cannot decode, or a line is wrong. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

#define OLD 0x01010101u
#define NEW 0x02020202u
enum { N = 1 << 15, BYTES = N * sizeof(float), COPIES = 12 };
static unsigned *source, back[N]; /* each byte of a word is OLD's or NEW's */
static atomic_int writing;        /* the writer stops at 0, ends at -1 */
static atomic_int at_rest;

/* What it does is a race, of which the bytes that are read are all that can be wrong. */
__attribute__((no_sanitize("thread"))) static void *write_again_and_again(void *unused)
{
    volatile unsigned *words = source;
    for (unsigned i = 0; atomic_load(&writing) >= 0; i++) {
        if (atomic_load(&writing) == 0) {
            atomic_store(&at_rest, 1);
            sched_yield();
            continue;
        }
        atomic_store(&at_rest, 0);
        for (unsigned j = i % 7; j < N; j += 7)
            words[j] = words[j] == OLD ? NEW : OLD;
    }
    return unused;
}

/* Not before the writer has seen it. */
static void let_write(int on)
{
    atomic_store(&writing, on);
    while (atomic_load(&at_rest) == on)
        sched_yield();
}

__attribute__((no_sanitize("thread"))) static CUresult copy_up(CUdeviceptr to)
{
    return cuMemcpyHtoDAsync_v2(to, source, BYTES, NULL);
}

int main(void)
{
    bool torn = true, rest = true;
    pthread_t writer;
    start();
    source = (unsigned *)pinned_floats(N);
    CUdeviceptr memory = device_floats(N);
    for (unsigned i = 0; i < N; i++)
        source[i] = OLD;
    pthread_create(&writer, NULL, write_again_and_again, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        let_write(1);
        for (int i = 0; i < COPIES; i++) {
            OK(copy_up(memory));
            OK(cuMemcpyDtoH_v2(back, memory, BYTES));
            for (unsigned j = 0; j < N; j++)
                torn = torn && ((back[j] & OLD) ^ (back[j] >> 1 & OLD)) == OLD && !(back[j] & ~(OLD | NEW));
        }
        let_write(0);
        for (int i = 0; i < COPIES; i++) {
            source[(unsigned)i * 100] = (unsigned)i;
            OK(copy_up(memory));
            OK(cuMemcpyDtoH_v2(back, memory, BYTES));
            rest = rest && memcmp(back, source, BYTES) == 0;
        }
        for (int i = 0; i < COPIES; i++)
            source[(unsigned)i * 100] = OLD;
    }
    atomic_store(&writing, -1);
    pthread_join(writer, NULL);
    check("copies of what is being written", torn);
    check("copies of what is at rest", rest);
    return wrong;
}
