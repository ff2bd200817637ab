/* SPDX-License-Identifier: Apache-2.0 */
/* What a call leaves on the application's stack, and so in its uninitialised kernel parameters, is the same at each
 * inference, though positions, hashes and times are not. A thread looks at its own stack, which is the program's
 * memory.
 *
 * Rule: 19
 * Seen to fail: rrto_call_end does not scrub: both lines are wrong in every mode. */
#include "program.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { STACK_BYTES = 1 << 20, BELOW = 300, LOOKED_AT = 600, N = 256, ROUNDS = 80, WARM = 8 };
static float *device;

/* What other calls of the application have left. */
static __attribute__((noinline)) void dirty(int round)
{
    uint8_t below[4 * LOOKED_AT];
    memset(below, round + 1, sizeof below);
    __asm__ volatile("" : : "r"(below) : "memory");
}

static __attribute__((noinline)) void launch(void)
{
    OK(vector_add(device, device, device, N, NULL));
    OK(cudaGetLastError()); /* as programs do: a launch itself does not pay for what it has left */
}

static __attribute__((noinline)) void ask(void)
{
    int which;
    OK(cudaGetDevice(&which));
}

/* Whether what `call` leaves below this frame is what it left the first time. Calls nothing else in between: that would
 * leave something, too. */
static __attribute__((noinline)) bool same(void (*call)(void), int round, volatile uint8_t *first)
{
    bool equal = true;
    dirty(round);
    call();
    const volatile uint8_t *left = (uint8_t *)__builtin_frame_address(0) - BELOW - LOOKED_AT;
    for (int i = 0; i < LOOKED_AT; i++)
        if (round <= WARM)
            first[i] = left[i];
        else
            equal &= first[i] == left[i];
    return equal;
}

static void *work(void *unused)
{
    (void)unused;
    static float data[N];
    static uint8_t after_launch[LOOKED_AT], after_question[LOOKED_AT];
    bool launches = true, questions = true;
    for (int round = 0; round < ROUNDS; round++) {
        OK(cudaMemcpy(device, data, sizeof data, cudaMemcpyHostToDevice));
        questions &= same(ask, round, after_question);
        launches &= same(launch, round, after_launch);
        OK(cudaMemcpy(data, device, sizeof data, cudaMemcpyDeviceToHost));
    }
    printf("after a launch: %s\n", launches ? "right" : "WRONG");
    printf("after a call that issues nothing: %s\n", questions ? "right" : "WRONG");
    return launches && questions ? NULL : device;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    static char stack[STACK_BYTES] __attribute__((aligned(4096)));
    void *wrong = NULL;
    register_kernels();
    OK(cudaMalloc((void **)&device, N * sizeof *device));
    if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, STACK_BYTES) ||
        pthread_create(&thread, &attributes, work, NULL) || pthread_join(thread, &wrong))
        return 1;
    pthread_attr_destroy(&attributes);
    return wrong != NULL;
}
