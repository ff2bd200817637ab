/* SPDX-License-Identifier: Apache-2.0 */
/* Allocations, copies in all directions, fills, page-locked memory, pointer attributes; what a copy sees when its
 * source or destination changes right after the call. */
#include "program.h"

enum { N = 70000 };
static unsigned char source[N], target[N], other[N];

static void fill(unsigned char *data, unsigned seed)
{
    for (unsigned i = 0; i < N; i++)
        data[i] = (unsigned char)((i * 2654435761u + seed) >> 13);
}

static void pointers(void *device, void *pinned)
{
    cudaPointerAttributes attributes;
    const void *asked[] = {device, (char *)device + 100, pinned, source, NULL};
    for (int i = 0; i < 5; i++) {
        int result = (int)cudaPointerGetAttributes(&attributes, asked[i]);
        printf("pointer %d: %d type %d device %d\n", i, result, (int)attributes.type, attributes.device);
    }
}

static void info(const char *when)
{
    size_t available, total;
    OK(cudaMemGetInfo(&available, &total));
    printf("%s: %zu of %zu\n", when, available, total);
}

static void all_directions(unsigned char *device, unsigned char *second)
{
    fill(source, 1);
    OK(cudaMemcpy(device, source, N, cudaMemcpyHostToDevice));
    OK(cudaMemcpy(second, device, N, cudaMemcpyDeviceToDevice));
    OK(cudaMemcpy(target, second, N, cudaMemcpyDeviceToHost));
    printf("there and back: %d\n", memcmp(source, target, N));
    memset(target, 0, N);
    OK(cudaMemcpy(second + 3, source, N - 3, cudaMemcpyDefault));
    OK(cudaMemcpy(device + 5, second + 3, 1000, cudaMemcpyDefault));
    OK(cudaMemcpy(target, device, N, cudaMemcpyDefault));
    OK(cudaMemcpy(other, target, N, cudaMemcpyDefault));
    printf("default: %llx\n", digest(other, N));
    OK(cudaMemset(device, 0x5a, 1234));
    OK(cudaMemset2D(device + 2000, 100, 7, 30, 20));
    OK(cudaMemcpy2D(device + 30000, 300, source, 111, 100, 50, cudaMemcpyHostToDevice));
    OK(cudaMemcpy2D(second, 128, device + 30000, 300, 100, 50, cudaMemcpyDeviceToDevice));
    OK(cudaMemcpy(target, device, N, cudaMemcpyDeviceToHost));
    printf("fills and rows: %llx\n", digest(target, N));
    memset(target, 1, N);
    OK(cudaMemcpy2D(target, 200, second, 128, 100, 50, cudaMemcpyDeviceToHost));
    printf("rows back: %llx\n", digest(target, N));
}

/* Whether data is what fill(seed) makes, from..to. */
static int is_filled(const unsigned char *data, unsigned seed, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (data[i] != (unsigned char)((i * 2654435761u + seed) >> 13))
            return 0;
    return 1;
}

static void what_a_copy_sees(unsigned char *device, unsigned char *pinned)
{
    cudaEvent_t event;
    cudaStream_t stream;
    OK(cudaEventCreateWithFlags(&event, 2));
    OK(cudaStreamCreateWithFlags(&stream, 1));
    fill(source, 2);
    OK(cudaMemcpyAsync(device, source, N, cudaMemcpyHostToDevice, stream));
    memset(source, 0xee, N); /* pageable: the copy has its own */
    OK(cudaMemcpyAsync(target, device, N, cudaMemcpyDeviceToHost, stream));
    OK(cudaStreamSynchronize(stream));
    printf("pageable source overwritten: %d\n", is_filled(target, 2, 0, N));

    fill(pinned, 3);
    OK(cudaMemcpyAsync(device, pinned, N, cudaMemcpyHostToDevice, stream));
    OK(cudaEventRecord(event, stream));
    OK(cudaEventSynchronize(event));
    memset(pinned, 0xdd, N);
    OK(cudaMemcpyAsync(pinned, device, N, cudaMemcpyDeviceToHost, stream));
    /* Down into page-locked memory and up from it again, with no synchronisation by the host in between. */
    OK(cudaMemcpyAsync(device + 1000, pinned, N - 1000, cudaMemcpyHostToDevice, stream));
    OK(cudaStreamSynchronize(stream));
    printf("pinned: %d\n", is_filled(pinned, 3, 0, N));
    OK(cudaMemcpy(target, device, N, cudaMemcpyDeviceToHost));
    printf("down and up again: %d %d\n", is_filled(target, 3, 0, 1000), memcmp(target + 1000, pinned, N - 1000));

    OK(cudaMemcpyAsync(pinned, device, N, cudaMemcpyDeviceToHost, stream));
    fill(source, 4);
    OK(cudaMemcpy(device, source, 100, cudaMemcpyHostToDevice)); /* says nothing about the copy down */
    OK(cudaStreamSynchronize(stream));
    printf("down, with a synchronous copy up behind: %d\n", memcmp(pinned, target, N));
    /* Freed and unregistered while bytes are on their way. */
    memset(other, 0, N);
    OK(cudaHostRegister(other, N, 0));
    OK(cudaMemcpyAsync(other, device, N, cudaMemcpyDeviceToHost, stream));
    OK(cudaHostUnregister(other));
    printf("unregistered with a copy pending: %d\n", memcmp(other + 100, target + 100, N - 100));
    void *brief;
    OK(cudaMallocHost(&brief, N));
    OK(cudaMemcpyAsync(brief, device, N, cudaMemcpyDeviceToHost, stream));
    OK(cudaFreeHost(brief));
    OK(cudaEventDestroy(event));
    OK(cudaStreamDestroy(stream));
}

static void refusals(unsigned char *device)
{
    void *memory = NULL;
    size_t available, total;
    OK(cudaMemGetInfo(&available, &total));
    SAY(cudaMalloc(&memory, total + 1));
    SAY(cudaGetLastError());
    printf("still NULL: %d, last error then %d\n", memory == NULL, (int)cudaGetLastError());
    SAY(cudaMemcpy(source, source, 10, cudaMemcpyHostToDevice));
    SAY(cudaMemcpy(device, source, 10, (cudaMemcpyKind)9));
    SAY(cudaFree(source));
    SAY(cudaFreeHost(source));
    SAY(cudaHostUnregister(source));
    SAY(cudaFree(NULL));
    SAY(cudaGetLastError());
    SAY(cudaMallocManaged(&memory, 100, 1));
    SAY(cudaHostGetDevicePointer(&memory, source, 0));
}

int main(void)
{
    unsigned char *device, *second, *pinned;
    info("at first");
    OK(cudaMalloc((void **)&device, N));
    OK(cudaMalloc((void **)&second, N));
    OK(cudaHostAlloc((void **)&pinned, N, 0));
    info("with two blocks");
    pointers(device, pinned);
    all_directions(device, second);
    what_a_copy_sees(device, pinned);
    OK(cudaHostRegister(source, sizeof source, 0));
    pointers(device, source);
    OK(cudaHostUnregister(source));
    OK(cudaFree(second));
    pointers(second, pinned);
    refusals(device);

    /* Exhaust, fragment, recover. */
    enum { BLOCKS = 64 };
    void *blocks[BLOCKS];
    size_t available, total, n = 0;
    OK(cudaMemGetInfo(&available, &total));
    for (; n < BLOCKS && cudaMalloc(&blocks[n], total / 16) == 0; n++) {}
    printf("blocks: %zu, last error %d\n", n, (int)cudaGetLastError());
    info("exhausted");
    for (size_t i = 0; i < n; i += 2)
        OK(cudaFree(blocks[i]));
    info("every other one freed");
    for (size_t i = 1; i < n; i += 2)
        OK(cudaFree(blocks[i]));
    info("all freed");
    void *async;
    OK(cudaMallocAsync(&async, 1 << 20, NULL));
    OK(cudaMemsetAsync(async, 3, 1 << 20, NULL));
    OK(cudaMemcpy(target, async, 100, cudaMemcpyDeviceToHost));
    printf("of the pool: %d\n", target[99]);
    OK(cudaFreeAsync(async, NULL));
    OK(cudaFree(device));
    OK(cudaFreeHost(pinned));
    info("at last");
    return 0;
}
