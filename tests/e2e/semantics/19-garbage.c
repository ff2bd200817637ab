/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter blocks hold garbage: padding between fields, tails that nobody has written. It arrives as it is, to the
 * byte (the kernel gives back what it got), whether the block is given as arguments or as one buffer; and where only
 * garbage changes from round to round it travels as byte runs, counted apart: what differs in each of the last rounds,
 * 13 bytes between fields and 8 between the parameters, is what the report says.
 *
 * Way: replay RRTO_DISABLE=counters,pointers
 * Report: replay RRTO_DISABLE=counters,pointers arg_bytes_changed_per_inference_last == 21
 * Report: replay ops_patched > 100
 * Report: replay ops_literal < 80
 * Rule: 19
 * Seen to fail: the client zeroes the padding of a block that is given as a buffer: two lines are wrong in every mode;
 * a patch of more than 6 bytes carries the source's bytes: the audit hash stops the session in replay. */
#include "driver.h"

enum { BLOCK = 1024, ENTRIES = 60 };

/* What PyTorch's kernels are given, in small: fields with padding, and a table of which `n` entries mean something. */
struct block {
    uint8_t kind; /* 7 bytes of padding */
    double scale;
    uint16_t n; /* 6 bytes of padding */
    struct {
        uint64_t size, stride;
    } entries[ENTRIES];
    uint8_t rest[BLOCK - 24 - 16 * ENTRIES];
};
_Static_assert(sizeof(struct block) == BLOCK, "the size in the PTX text");

static const char copy_block_ptx[] =
    ".version 7.0\n.target sm_52\n.address_size 64\n"
    ".visible .entry copy_block(.param .u64 to, .param .align 16 .b8 block[1024])\n"
    "{\n"
    "    .reg .b16 %rs<2>;\n    .reg .b32 %r<5>;\n    .reg .b64 %rd<7>;\n"
    "    ld.param.u64 %rd1, [to];\n    mov.b64 %rd2, block;\n"
    "    mov.u32 %r1, %ctaid.x;\n    mov.u32 %r2, %ntid.x;\n    mov.u32 %r3, %tid.x;\n"
    "    mad.lo.s32 %r4, %r1, %r2, %r3;\n    cvt.u64.u32 %rd3, %r4;\n"
    "    add.s64 %rd4, %rd2, %rd3;\n    ld.param.u8 %rs1, [%rd4];\n"
    "    cvta.to.global.u64 %rd5, %rd1;\n    add.s64 %rd6, %rd5, %rd3;\n    st.global.u8 [%rd6], %rs1;\n"
    "    ret;\n}\n";

static CUfunction copy_block;
static CUdeviceptr to;
static uint8_t back[BLOCK];

/* Launches with the block and looks at what arrived. */
static bool arrives(const struct block *block, bool as_buffer)
{
    static uint64_t gap;
    gap += 0x0101010101010101; /* no byte carries within the rounds made here */
    /* `to` and the block as the kernel sees them, with garbage in the gap between them */
    struct {
        CUdeviceptr to;
        uint64_t gap;
        struct block block;
    } buffer = {to, gap, *block};
    size_t n_buffer = sizeof buffer;
    void *args[] = {&to, (void *)block};
    void *extra[] = {(void *)1, &buffer, (void *)2, &n_buffer, NULL};
    OK(cuLaunchKernel(copy_block, BLOCK / 128, 1, 1, 128, 1, 1, 0, NULL, as_buffer ? NULL : args,
                      as_buffer ? extra : NULL));
    OK(cuMemcpyDtoH_v2(back, to, BLOCK));
    return memcmp(back, block, BLOCK) == 0;
}

/* Garbage of this round: every byte differs from that of the round before. */
static void scatter(void *at, size_t n, unsigned round)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)at)[i] = (uint8_t)((round * 37 + 1) ^ (i * 101));
}

int main(void)
{
    bool all = true, tail = true, padding = true;
    CUmodule module;
    struct block block;
    start();
    OK(cuModuleLoadData(&module, copy_block_ptx));
    OK(cuModuleGetFunction(&copy_block, module, "copy_block"));
    OK(cuMemAlloc_v2(&to, BLOCK));
    for (unsigned round = 0; round < 2 * ROUNDS; round++) {
        scatter(&block, sizeof block, round); /* nothing is as it was: no patch is worth it */
        all = arrives(&block, round % 2) && all;
    }
    memset(&block, 0, sizeof block);
    block.kind = 3;
    block.scale = 0.5;
    block.n = 2;
    for (unsigned round = 0; round < 4 * ROUNDS; round++) {
        scatter(&block.entries[block.n + round % 5], 16 * (round % 7), round); /* runs of many lengths */
        scatter(&block.rest[round % 3], 4, round);
        tail = arrives(&block, round % 2) && tail;
    }
    for (unsigned round = 0; round < 8 * ROUNDS; round++) {
        scatter((uint8_t *)&block + 1, 7, round);
        scatter((uint8_t *)&block + 18, 6, round);
        padding = arrives(&block, true) && padding;
    }
    check("blocks that are garbage from the first byte to the last", all);
    check("garbage in a table's unused entries", tail);
    check("garbage in the padding of fields", padding);
    return wrong;
}
