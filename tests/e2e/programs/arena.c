/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the application where rrto would like to have its addresses, before the first CUDA call: another range is
 * found, nothing of the application's is touched.
 *
 * Rule: 11
 * Seen to fail: candidates are mapped over what is there (MAP_FIXED): the program dies in plain, and loses its memory
 * to the arena in the other modes. */
#include "program.h"

#include <sys/mman.h>

int main(void)
{
#ifdef __SANITIZE_THREAD__ /* few are allowed: src/replay/claim.c */
    static const unsigned long long taken[] = {0x7e8000000000, 0x7e9000000000, 0x7ea000000000, 0x7eb000000000};
#else
    static const unsigned long long taken[] = {0x7e0000000000, 0x7e2000000000, 0x600000000000, 0x500000000000};
#endif
    enum { TAKEN = sizeof taken / sizeof taken[0], BYTES = 1 << 20 };
    unsigned char *mine[TAKEN];
    for (int i = 0; i < TAKEN; i++) {
        mine[i] = mmap((void *)taken[i], BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (mine[i] != (void *)taken[i]) {
            printf("the address %llx is not free\n", taken[i]);
            return 77; /* a sanitizer's, for example */
        }
        memset(mine[i], i + 1, BYTES);
    }
    unsigned char *device, back[1000];
    OK(cudaMalloc((void **)&device, BYTES));
    OK(cudaMemcpy(device, mine[0], BYTES, cudaMemcpyDefault));
    OK(cudaMemcpy(device + 10, mine[2], 100, cudaMemcpyHostToDevice));
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDefault));
    printf("%d %d %d\n", back[9], back[10], back[110]);
    int wrong = back[9] != 1 || back[10] != 3 || back[110] != 1;
    for (int i = 0; i < TAKEN; i++) {
        cudaPointerAttributes attributes;
        OK(cudaPointerGetAttributes(&attributes, mine[i]));
        int same = 1;
        for (int k = 0; k < BYTES; k++)
            same &= mine[i][k] == i + 1;
        printf("range %d: type %d, untouched: %d\n", i, (int)attributes.type, same);
        wrong |= attributes.type != cudaMemoryTypeUnregistered || !same;
    }
    /* The same address means the same on both sides: no range of this process lies where the device's memory does. */
    for (int i = 0; i < TAKEN; i++)
        wrong |= device < mine[i] + BYTES && mine[i] < device + BYTES;
    OK(cudaFree(device));
    return wrong;
}
