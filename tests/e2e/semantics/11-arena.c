/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: device memory has the same addresses on both sides, in a range that the client holds for it. Where the
 * application has something of its own at the places that rrto would like, before the first CUDA call, the next place
 * is taken and nothing of the application's is touched; where there is no place, one sentence and an error, not a
 * crash. Each child has other places taken. Blocks are aligned to 512 bytes, from 1 MiB on to 2 MiB, and apart. Nothing
 * that is mapped later lies among them.
 *
 * Oracle: plain
 * Rule: 11
 * Seen to fail: candidates are mapped over what is there (MAP_FIXED): "the next place", "one of the later places", and
 * the program dies; small blocks are aligned to 256 bytes, or large ones to 4096: "blocks are aligned"; the range that
 * was agreed on is given back to the system: "addresses are held". Each in plain, percall, async and replay. */
#include "driver.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__ /* few are allowed: src/replay/claim.c */
static const uint64_t places[] = {0x7e8000000000, 0x7ec000000000};
enum { KERNEL_OFFERS = 0 };        /* nor is what the kernel offers, and it needs memory beyond any limit itself */
#elif defined __SANITIZE_ADDRESS__ /* whose heap is at 0x600000000000; likewise */
static const uint64_t places[] = {0x7e0000000000, 0x500000000000, 0x400000000000, 0x300000000000, 0x200000000000};
enum { KERNEL_OFFERS = 0 };
#else
enum { KERNEL_OFFERS = 1 };
static const uint64_t places[] = {0x7e0000000000, 0x600000000000, 0x500000000000,
                                  0x400000000000, 0x300000000000, 0x200000000000};
#endif
enum { PLACES = sizeof places / sizeof places[0], BYTES = 1 << 20, N = BYTES / sizeof(float) };
static float *mine[PLACES];

/* Two mappings at a place: at its start, and one somewhere behind, which a smaller arena would miss. */
static void take(unsigned i)
{
    static const uint64_t offsets[] = {0x1234000000, 0};
    for (int k = 0; k < 2; k++) {
        void *wish = (void *)(uintptr_t)(places[i] + offsets[k]);
        mine[i] = mmap(wish, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (mine[i] != wish) {
            printf("the address %p is not free\n", wish);
            exit(77); /* a sanitizer's, for example */
        }
        fill(mine[i], N, (int)i);
    }
}

/* Copies up out of, and down into, what lies at taken places; how many came out right, of those taken. */
static bool places_are_kept(unsigned taken)
{
    bool right = true;
    CUstream stream = new_stream(false);
    CUdeviceptr memory = device_floats(N);
    for (unsigned i = 0; i < PLACES; i++) {
        if (!(taken & 1u << i))
            continue;
        uint64_t start = (uintptr_t)mine[i];
        right = right && (memory + BYTES <= start || start + BYTES <= memory);
        right = right && filled(mine[i], N, (int)i, 1);
        OK(cuMemcpyHtoDAsync_v2(memory, mine[i], BYTES, stream));
        add(memory, memory, memory, N, stream);
        OK(cuMemcpyDtoHAsync_v2(mine[i], memory, BYTES, stream));
        OK(cuStreamSynchronize(stream));
        right = right && filled(mine[i], N, (int)i, 2);
    }
    OK(cuMemFree_v2(memory));
    return right;
}

/* In a child: all right with those places taken? */
static int with_taken(unsigned taken)
{
    for (unsigned i = 0; i < PLACES; i++)
        if (taken & 1u << i)
            take(i);
    start();
    return places_are_kept(taken) ? 0 : 1;
}

/* In a child: too little address space for any place. */
static int without_room(unsigned unused)
{
    struct rlimit little = {(rlim_t)2 << 30, (rlim_t)2 << 30};
    CUdeviceptr memory;
    (void)unused;
    setrlimit(RLIMIT_AS, &little);
    if (mmap(NULL, (size_t)4 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        return 0; /* an emulator that knows no limits */
    (void)cuInit(0);
    (void)cuDevicePrimaryCtxRetain(&context, 0);
    (void)cuCtxSetCurrent(context);
    CUresult first = cuMemAlloc_v2(&memory, 512), second = cuMemAlloc_v2(&memory, 512);
    return first && first == second ? 0 : 1;
}

static bool child(int (*what)(unsigned), unsigned argument)
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(30);
        exit(what(argument));
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct block {
    CUdeviceptr address;
    size_t n_bytes;
};

static void blocks_are_aligned(void)
{
    static const size_t sizes[] = {1,           511,   512,       513,       4096,          100000,
                                   BYTES - 512, BYTES, BYTES + 1, 2 * BYTES, 2 * BYTES + 1, 5 * BYTES};
    enum { SIZES = sizeof sizes / sizeof sizes[0], BLOCKS = 5 * SIZES };
    static unsigned char back[BLOCKS];
    struct block blocks[BLOCKS];
    bool aligned = true, apart = true, kept = true;
    for (unsigned i = 0; i < BLOCKS; i++) {
        blocks[i].n_bytes = sizes[i * 7 % SIZES];
        OK(cuMemAlloc_v2(&blocks[i].address, blocks[i].n_bytes));
        aligned = aligned && blocks[i].address % (blocks[i].n_bytes < BYTES ? 512 : 2 * BYTES) == 0;
        for (unsigned k = 0; k < i; k++)
            apart = apart && (blocks[i].address + blocks[i].n_bytes <= blocks[k].address ||
                              blocks[k].address + blocks[k].n_bytes <= blocks[i].address);
        OK(cuMemsetD8_v2(blocks[i].address, (unsigned char)(i + 1), blocks[i].n_bytes));
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t last = blocks[i].n_bytes - 1;
        OK(cuMemcpyDtoH_v2(&back[i], blocks[i].address + last, 1));
        kept = kept && back[i] == i + 1;
        OK(cuMemcpyDtoH_v2(&back[i], blocks[i].address, 1));
        kept = kept && back[i] == i + 1;
    }
    check("blocks are aligned", aligned);
    check("blocks are apart", apart);
    check("blocks keep what they hold", kept);

    /* What the application maps later: not where it asks for device memory, and not by chance. */
    bool held = true, elsewhere = true;
    for (unsigned i = 0; i < BLOCKS; i++) {
        uintptr_t page = blocks[i].address & ~(uintptr_t)4095;
        void *got = mmap((void *)page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        held = held && got != (void *)page;
        got =
            mmap((void *)page, (size_t)BYTES << (i % 8), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        for (unsigned k = 0; k < BLOCKS; k++)
            elsewhere = elsewhere && got != MAP_FAILED &&
                        ((uintptr_t)got + ((uintptr_t)BYTES << (i % 8)) <= blocks[k].address ||
                         blocks[k].address + blocks[k].n_bytes <= (uintptr_t)got);
    }
    check("device memory's addresses are held", held);
    check("what is mapped later lies elsewhere", elsewhere);
    for (unsigned i = 0; i < BLOCKS; i++)
        OK(cuMemFree_v2(blocks[i].address));
}

int main(void)
{
    enum { ALL = (1 << PLACES) - 1 };
    bool right = true;
    for (unsigned i = 0; i + !KERNEL_OFFERS < PLACES; i++) /* the first place, the first two ... */
        right = right && child(with_taken, (2u << i) - 1);
    check("the next place is taken", right);
    check("one of the later places", child(with_taken, ALL & ~1u));
    check("no place at all", !KERNEL_OFFERS || child(without_room, 0));
    unsigned some = 0;
    for (unsigned i = 0; i + 1 < PLACES; i += 2) {
        take(i);
        some |= 1u << i;
    }
    start();
    check("with some places taken", places_are_kept(some));
    blocks_are_aligned();
    check("the places, in the end", places_are_kept(0) && filled(mine[0], N, 0, 2));
    return wrong;
}
