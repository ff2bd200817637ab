/* SPDX-License-Identifier: Apache-2.0 */
/* An application that times its own copies and waits, for bench/micro, under `rrto run`: its first call, calls that
 * block for one round trip, copies of sizes from 4 KiB to 64 MiB to and from the device, and memcpy of the same sizes.
 * Random bytes, never the same ones twice, so that no codec and no memory of what was sent helps. Prints
 * "subject bytes p50 p99 n", in ns for one of them. */
#include "base/clock.h"

#include "gen/api_cudart.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 << 20, LEAST = 4 << 10, WAITS = 2000, MAX_ROUNDS = 200 };
enum { ROUND_BYTES = 128 << 20 /* about so much for a size and direction */ };

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        int ok_result = (int)(call);                                                                                   \
        if (ok_result != 0) {                                                                                          \
            fprintf(stderr, "%s = %d\n", #call, ok_result);                                                            \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static char *device, *host, *other;

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print(const char *subject, size_t n_bytes, double *samples, size_t n)
{
    qsort(samples, n, sizeof *samples, compare);
    printf("%s %zu %.1f %.1f %zu\n", subject, n_bytes, samples[n / 2], samples[n * 99 / 100], n);
    fflush(stdout);
}

/* A result of four bytes: what was issued before has been done when it is here. */
static void wait_for_it(void)
{
    static char result[4];
    OK(cudaMemcpy(result, device, sizeof result, cudaMemcpyDeviceToHost));
}

static void copy_up(const char *from, size_t n)
{
    OK(cudaMemcpy(device, from, n, cudaMemcpyHostToDevice));
}

static void copy_down(const char *from, size_t n)
{
    (void)from;
    OK(cudaMemcpy(other, device, n, cudaMemcpyDeviceToHost));
}

static void copy_here(const char *from, size_t n)
{
    memcpy(other, from, n);
    __asm__ volatile("" : : "r"(other) : "memory");
}

/* A round is as many copies as make 1 MiB, and a wait for the last of them when they do not wait themselves. */
static void bandwidth(const char *subject, void (*copy)(const char *from, size_t n), size_t n, bool waits)
{
    static double samples[MAX_ROUNDS];
    size_t copies = n < 1 << 20 ? (1 << 20) / n : 1, rounds = ROUND_BYTES / (copies * n);
    rounds = rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds < 5 ? 5 : rounds;
    for (size_t i = 0; i < rounds; i++) {
        wait_for_it();
        uint64_t start = rrto_now_ns();
        for (size_t j = 0; j < copies; j++)
            copy(host + (i * copies + j) % 1021 * 64, n);
        if (waits)
            wait_for_it();
        samples[i] = (double)(rrto_now_ns() - start) / (double)copies;
    }
    print(subject, n, samples, rounds);
}

int main(void)
{
    static double samples[WAITS];
    uint64_t start = rrto_now_ns();
    OK(cudaMalloc((void **)&device, MOST));
    samples[0] = (double)(rrto_now_ns() - start);
    print("first-call", 0, samples, 1);
    host = malloc(MOST + 65536);
    other = malloc(MOST);
    if (!host || !other)
        return 1;
    memset(other, 1, MOST);
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < MOST + 65536; i += sizeof random) { /* xorshift64 (Marsaglia 2003) */
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        memcpy(host + i, &random, sizeof random);
    }
    copy_up(host, MOST); /* pages are there */
    for (size_t i = 0; i < WAITS; i++) {
        start = rrto_now_ns();
        wait_for_it();
        samples[i] = (double)(rrto_now_ns() - start);
    }
    print("blocking-call", 4, samples, WAITS);
    for (size_t n = LEAST; n <= MOST; n *= 4) {
        bandwidth("h2d", copy_up, n, true);
        bandwidth("d2h", copy_down, n, false);
        bandwidth("memcpy", copy_here, n, false);
    }
    return 0;
}
