/* SPDX-License-Identifier: Apache-2.0 */
/* A program compiled with --default-stream per-thread: its calls go to the entry points _ptsz and _ptds, for which NULL
 * is the calling thread's own stream. Such streams do not wait for each other, whatever one of them is held up by; they
 * and the legacy one, which still is the handle 1, wait for each other; cuGetProcAddress gives such entry points to who
 * asks for them.
 *
 * Rule: 6
 * Seen to fail: in plain, percall, async and replay, with and without the scheduler: NULL stays the legacy stream in
 * such an entry point, or all threads have one stream: "two threads' streams" is wrong (in the first case the first
 * line and cuGetProcAddress, too); the handle 1 is the thread's stream, too: "the handle 1" and the two lines about the
 * legacy function; that NULL is the thread's own outlasts the call: these two lines; cuGetProcAddress ignores the flag:
 * "per thread" and "other names"; it returns an error where it tells the reason: the last line. A synchronous copy
 * waits for every stream: "two threads' streams" in all four (tried without the scheduler). Per-thread streams do not
 * wait for the legacy one: "own, legacy, own", "legacy, own, legacy" and "two threads" under both seeds tried in
 * percall, async and replay. */
#include "../programs/hold.h"
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>

enum { N = 3000, BYTES = N * sizeof(float) };
static const CUstream legacy = (CUstream)1, per_thread = (CUstream)2;

static void add_ptsz(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, CUstream stream)
{
    unsigned n = N;
    void *args[] = {&a, &b, &c, &n};
    OK(cuLaunchKernel_ptsz(vector_add_function, (n + 127) / 128, 1, 1, 128, 1, 1, 0, stream, args, NULL));
}

static void *with_held_stream(void *round)
{
    use_context();
    OK(cuLaunchHostFunc_ptsz(NULL, hold, round));
    OK(cuStreamSynchronize_ptsz(NULL));
    return NULL;
}

/* All that this thread's default stream can do, while the other thread's is held up: synchronous copies up and down, a
 * kernel, a fill, an event, memory, a query and a synchronise. */
static bool beside_a_held_one(int seed)
{
    float data[N], back[N];
    CUdeviceptr x, y = device_floats(N), z = device_floats(N);
    CUevent event = new_event();
    pthread_t other;
    const int round = seed + 1;
    pthread_create(&other, NULL, with_held_stream, (void *)(size_t)round);
    while (atomic_load(&holds) < round)
        sched_yield();
    fill(data, N, seed);
    OK(cuMemAllocAsync_ptsz(&x, BYTES, NULL));
    OK(cuMemcpyHtoD_v2_ptds(x, data, BYTES));
    add_ptsz(x, x, y, NULL);
    OK(cuMemcpyDtoD_v2_ptds(z, y, BYTES));
    OK(cuEventRecord_ptsz(event, NULL));
    OK(cuStreamWaitEvent_ptsz(NULL, event, 0));
    OK(cuMemsetD8_v2_ptds(y, 0, BYTES));
    OK(cuMemcpyDtoH_v2_ptds(back, z, BYTES));
    OK(cuStreamSynchronize_ptsz(NULL));
    bool right = cuStreamQuery_ptsz(NULL) == CUDA_SUCCESS && filled(back, N, seed, 2);
    OK(cuEventSynchronize(event));
    right = right && !atomic_load(&lost_patience);
    atomic_store(&may_go, round);
    pthread_join(other, NULL);
    OK(cuMemFreeAsync_ptsz(x, NULL)); /* not while the function holds on: docs/limits.md */
    OK(cuMemFree_v2(y));
    OK(cuMemFree_v2(z));
    OK(cuEventDestroy_v2(event));
    return right;
}

/* Bytes go up on this thread's stream, are doubled on the legacy one, and doubled and copied down on this thread's
 * again: nobody waits on the host in between. */
static bool through_the_legacy_one(int seed)
{
    static __thread float data[N], *back;
    static __thread CUdeviceptr x, y;
    if (!x) {
        x = device_floats(N);
        y = device_floats(N);
        back = pinned_floats(N);
    }
    fill(data, N, seed);
    OK(cuMemcpyHtoDAsync_v2_ptsz(x, data, BYTES, NULL));
    if (seed & 1)
        add(x, x, y, N, NULL); /* the legacy stream's NULL */
    else
        add_ptsz(x, x, y, legacy);
    add_ptsz(y, y, x, seed & 2 ? per_thread : NULL);
    OK(cuMemcpyDtoHAsync_v2_ptsz(back, x, BYTES, NULL));
    OK(cuStreamSynchronize_ptsz(NULL));
    return filled(back, N, seed, 4);
}

/* And the other way round, down by a copy that is synchronous with the legacy stream alone. */
static bool from_the_legacy_one(int seed)
{
    static __thread float data[N], back[N];
    static __thread CUdeviceptr x, y;
    if (!x) {
        x = device_floats(N);
        y = device_floats(N);
    }
    fill(data, N, seed);
    OK(cuMemcpyHtoDAsync_v2(x, data, BYTES, NULL));
    add_ptsz(x, x, y, NULL);
    OK(cuMemcpyDtoH_v2(back, y, BYTES));
    return filled(back, N, seed, 2);
}

static void *own_default_stream(void *ret)
{
    bool right = true;
    use_context();
    for (int i = 0; i < ROUNDS; i++)
        right = right && through_the_legacy_one(i) && from_the_legacy_one(-i);
    *(bool *)ret = right;
    return NULL;
}

typedef CUresult get_id(CUstream, unsigned long long *);

/* The id of what NULL is to the function that cuGetProcAddress gives. */
static unsigned long long id_by(cuuint64_t flags)
{
    get_id *function = NULL;
    void *address = NULL;
    unsigned long long id = 0;
    OK(cuGetProcAddress_v2("cuStreamGetId", &address, 12000, flags, NULL));
    memcpy(&function, &address, sizeof address);
    OK(function(NULL, &id));
    return id;
}

/* A call whose name has a version in it; and one without a variant, which the flag changes nothing about. */
static bool other_names(void)
{
    float data[N], back[N];
    CUresult (*up)(CUdeviceptr, const void *, size_t) = NULL;
    void *address = NULL, *plain = NULL, *same = NULL;
    CUdeviceptr x = device_floats(N);
    fill(data, N, 5);
    OK(cuGetProcAddress_v2("cuMemcpyHtoD", &address, 12000, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, NULL));
    memcpy(&up, &address, sizeof address);
    OK(cuGetProcAddress_v2("cuMemcpyHtoD", &plain, 12000, CU_GET_PROC_ADDRESS_LEGACY_STREAM, NULL));
    OK(up(x, data, BYTES));
    OK(cuMemcpyDtoH_v2_ptds(back, x, BYTES));
    bool right = plain && plain != address && filled(back, N, 5, 1);
    OK(cuGetProcAddress_v2("cuMemFree", &address, 12000, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, NULL));
    OK(cuGetProcAddress_v2("cuMemFree", &same, 12000, CU_GET_PROC_ADDRESS_DEFAULT, NULL));
    OK(cuMemFree_v2(x));
    return right && address == same;
}

/* Who asks why there is none gets an answer; who does not, an error. */
static bool no_such_name(void)
{
    CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SUCCESS;
    void *address = &wrong;
    OK(cuGetProcAddress_v2("cuNoSuchThing", &address, 12000, CU_GET_PROC_ADDRESS_DEFAULT, &status));
    bool right = status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND && !address;
    return right && cuGetProcAddress_v2("cuNoSuchThing", &address, 12000, CU_GET_PROC_ADDRESS_DEFAULT, NULL) ==
                        CUDA_ERROR_NOT_FOUND;
}

int main(void)
{
    bool alone = true, to_legacy = true, from_legacy = true, threads[2];
    unsigned long long null_id, legacy_id, own_id;
    start();
    OK(cuStreamGetId_ptsz(NULL, &null_id));
    OK(cuStreamGetId_ptsz(legacy, &legacy_id));
    OK(cuStreamGetId(per_thread, &own_id));
    check("NULL is this thread's stream", null_id == own_id);
    check("the handle 1 is the legacy stream", legacy_id != own_id);
    for (int i = 0; i < ROUNDS; i++) {
        alone = alone && beside_a_held_one(i);
        to_legacy = to_legacy && through_the_legacy_one(i);
        from_legacy = from_legacy && from_the_legacy_one(i);
    }
    check("two threads' streams do not wait for each other", alone);
    check("own, legacy, own", to_legacy);
    check("legacy, own, legacy", from_legacy);
    pthread_t first, second;
    pthread_create(&first, NULL, own_default_stream, &threads[0]);
    pthread_create(&second, NULL, own_default_stream, &threads[1]);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    check("two threads beside each other", threads[0] && threads[1]);
    check("cuGetProcAddress, no flag", id_by(CU_GET_PROC_ADDRESS_DEFAULT) == legacy_id);
    check("cuGetProcAddress, legacy", id_by(CU_GET_PROC_ADDRESS_LEGACY_STREAM) == legacy_id);
    check("cuGetProcAddress, per thread", id_by(CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) == own_id);
    check("cuGetProcAddress, other names", other_names());
    check("cuGetProcAddress, no such name", no_such_name());
    return wrong;
}
