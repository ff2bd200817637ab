/* SPDX-License-Identifier: Apache-2.0 */
/* One total order per session: what one thread frees another one reuses, with nothing but a flag between them.
 *
 * Rule: 1
 * Seen to fail: without the barrier of mem_free on the server (a thread's stream no longer waits for what the other
 * one's does with the memory), both lines are wrong under every seed, in all modes; without the scheduler nothing
 * shows. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 2000, TURNS = 60 };
static atomic_uintptr_t handed_over; /* an address that its owner has just freed */
static atomic_int turn;

static void *reuse(void *unused)
{
    static float zeroes[N], back[N];
    bool right = true, same = true;
    use_context();
    CUstream stream = new_stream(false);
    for (int i = 0; i < TURNS; i++) {
        while (atomic_load(&turn) != 2 * i + 1)
            sched_yield();
        CUdeviceptr memory = device_floats(N), sum = device_floats(N);
        same = same && memory == atomic_load(&handed_over);
        fill(zeroes, N, i);
        OK(cuMemcpyHtoDAsync_v2(memory, zeroes, sizeof zeroes, stream));
        add(memory, memory, sum, N, stream);
        OK(cuMemcpyDtoHAsync_v2(back, sum, sizeof back, stream));
        right = right && filled(back, N, i, 2);
        OK(cuMemFree_v2(sum));
        OK(cuMemFree_v2(memory));
        atomic_store(&turn, 2 * i + 2);
    }
    check("what the second thread computed in reused memory", right);
    (void)same; /* which address an allocator gives is its own business */
    return unused;
}

int main(void)
{
    static float a[N], back[N];
    bool right = true;
    pthread_t thread;
    start();
    CUdeviceptr result = device_floats(N);
    CUstream stream = new_stream(false);
    pthread_create(&thread, NULL, reuse, NULL);
    for (int i = 0; i < TURNS; i++) {
        CUdeviceptr memory = device_floats(N);
        fill(a, N, -i);
        OK(cuMemcpyHtoDAsync_v2(memory, a, sizeof a, stream));
        add(memory, memory, memory, N, stream); /* still running when the memory is given away */
        add(memory, memory, result, N, stream);
        atomic_store(&handed_over, memory);
        OK(cuMemFree_v2(memory));
        atomic_store(&turn, 2 * i + 1);
        while (atomic_load(&turn) != 2 * i + 2)
            sched_yield();
        OK(cuMemcpyDtoHAsync_v2(back, result, sizeof back, stream));
        right = right && filled(back, N, -i, 4);
    }
    pthread_join(thread, NULL);
    check("what the first thread computed in the memory that it gave away", right);
    return wrong;
}
