/* SPDX-License-Identifier: Apache-2.0 */
/* What the client promises exists: memory can be had until it is used up, the refusal comes at the call and leaves
 * nothing behind, what is free is what the next allocation gets.
 *
 * Rule: 13
 * Seen to fail: the client does not count back what is freed, or does not compare with what there is: several lines are
 * wrong in all modes, with and without the scheduler. */
#include "driver.h"

enum { BLOCKS = 64 };

int main(void)
{
    CUdeviceptr blocks[BLOCKS], large;
    size_t n = 0, available, total, before;
    bool usable = true;
    start();
    OK(cuMemGetInfo_v2(&before, &total));
    for (; n < BLOCKS && cuMemAlloc_v2(&blocks[n], total / 20) == CUDA_SUCCESS; n++)
        OK(cuMemsetD8Async(blocks[n], (unsigned char)n, 4096, NULL));
    check("memory is used up at some time", n > 10 && n < BLOCKS);
    check("refused with 'out of memory'", cuMemAlloc_v2(&large, total / 20) == CUDA_ERROR_OUT_OF_MEMORY);
    OK(cuMemGetInfo_v2(&available, &total));
    check("what is free is less than what was refused", available < total / 20 + (64u << 20));
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = 0xff;
        OK(cuMemcpyDtoH_v2(&byte, blocks[i] + 4095, 1));
        usable = usable && byte == i;
    }
    check("every block holds its own bytes", usable);
    for (size_t i = 0; i < n; i += 2)
        OK(cuMemFree_v2(blocks[i]));
    check("fragments: a block fits again", cuMemAlloc_v2(&large, total / 20) == CUDA_SUCCESS);
    OK(cuMemFree_v2(large));
    for (size_t i = 1; i < n; i += 2)
        OK(cuMemFree_v2(blocks[i]));
    OK(cuMemGetInfo_v2(&available, &total));
    check("all of it came back", available == before);
    check("and can be had in one piece", cuMemAlloc_v2(&large, total / 2) == CUDA_SUCCESS);
    OK(cuMemFree_v2(large));
    return wrong;
}
