/* SPDX-License-Identifier: Apache-2.0 */
/* For each name of RRTO_DISABLE (docs/environment.md), a program that has something for that switch: frames of one
 * input, launches of one kernel, whose shape is their token and whose pointers are not, and one output. The argument is
 * the name. ../switches.py looks at what it costs with and without. */
#include "program.h"

enum { N = 1024, FRAMES = 24, BUFFERS = 32, LARGE = 256 << 10 };
static float input[N], output[N], *buffers[BUFFERS];
static unsigned state = 1;
static unsigned long long sum;

static unsigned choose(unsigned n)
{
    state = state * 1103515245u + 12345u;
    return (state >> 16) % n;
}

/* buffer c = a + b; tokens differ by the number of blocks. */
static void add(unsigned a, unsigned b, unsigned c, unsigned n)
{
    OK(vector_add(buffers[a], buffers[b], buffers[c], n, NULL));
}

/* An op of a token of its own, for each n. */
static void mark(unsigned n)
{
    OK(cudaMemsetAsync(buffers[BUFFERS - 1], 1, n, NULL));
}

static void take(const void *from, size_t n)
{
    OK(cudaMemcpy(output, from, n, cudaMemcpyDeviceToHost));
    sum = sum * 31 + digest(output, n);
}

static void begin(unsigned frame)
{
    for (unsigned i = 0; i < N; i++)
        input[i] = (float)((i + frame * 7) % 50);
    OK(cudaMemcpyAsync(buffers[0], input, sizeof input, cudaMemcpyHostToDevice, NULL));
}

static void layers(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        add(i ? 8 + i : 0, 1, 9 + i, N);
}

static void elide(unsigned frame)
{
    (void)frame;
    OK(cudaStreamSynchronize(NULL));
    layers(3);
}

static void memo(unsigned frame)
{
    int n_blocks;
    (void)frame;
    OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&n_blocks, &vector_add_stub, 128, 0));
    sum += (unsigned)n_blocks;
    layers(3);
}

/* The same in each frame. */
static void predict(unsigned frame)
{
    (void)frame;
    layers(12);
}

/* Two ways to go on begin alike; a third one, with the same last two ops, does not: where it came last, only a longer
 * look tells it from the second one. */
static void by_long(unsigned frame)
{
    (void)frame;
    for (unsigned k = 0; k < 4; k++) {
        unsigned way = choose(3);
        mark(way == 2 ? 8 : 4);
        mark(12);
        mark(way ? 20 : 16);
        for (unsigned i = 0; i < 20; i++)
            add(1 + way, 1 + i % 8, 9 + i % 16, N);
    }
}

/* Somewhere, something is inserted that nobody has seen; and then it goes on, among ops of which no four in a row are
 * like others, but less than that. */
static void by_resume(unsigned frame)
{
    static const unsigned blocks[] = {1, 1, 2, 3, 1, 3, 2, 2, 1, 2, 3, 3, 1, 2, 1};
    unsigned at = 1 + choose(14);
    (void)frame;
    for (unsigned i = 0; i < 15; i++) {
        if (i == at)
            mark(100 + choose(4000));
        add(1 + i, 1, 2 + i, 128 * blocks[i]);
    }
}

/* Ops that were there before, in an order that is new each time. */
static void by_short(unsigned frame)
{
    (void)frame;
    for (unsigned i = 0; i < 20; i++)
        mark(4 + 4 * choose(20));
}

/* What was read says what comes: one of two ways, in other places from the first op on, and of another size at the
 * tenth. */
static void by_values(unsigned frame)
{
    (void)frame;
    for (unsigned k = 0; k < 3; k++) {
        float flag = (float)choose(2);
        OK(cudaMemcpy(buffers[1], &flag, sizeof flag, cudaMemcpyHostToDevice));
        add(1, 2, 3, 1);
        take(buffers[3], sizeof flag);
        for (unsigned i = 0; i < 20; i++)
            add(4 + (output[0] > 0), 6 + i % 2, 9 + i, i == 9 && output[0] > 0 ? N / 2 : N);
    }
}

/* The first frame makes what lasts, between ops that are alike, and more of it in a row than one looks ahead for what
 * comes next. */
static void once(unsigned frame)
{
    for (unsigned k = 0; k < 4; k++) {
        void *lasting;
        for (unsigned i = 0; frame == 0 && i < 16; i++)
            OK(cudaMalloc(&lasting, 512 * (1 + i + 20 * k)));
        for (unsigned i = 0; i < 4; i++)
            add(1 + i + k, 2 + i, 9 + i, N);
    }
}

/* A loop over one more thing each time: a shape that nobody has seen. */
static void insist(unsigned frame)
{
    for (unsigned i = 0; i < 6; i++)
        add(0, 1 + i, 8 + i, i == 3 ? 1 + 128 * frame : N);
}

/* A few bytes of the same op are others each time. */
static void patch(unsigned frame)
{
    for (unsigned i = 0; i < 6; i++)
        add(1 + choose(6), 1 + choose(6), 8 + i, N);
    (void)frame;
}

/* A number that counts. */
static void counters(unsigned frame)
{
    for (unsigned i = 0; i < 6; i++)
        add(0, 1 + i, 8 + i, 900 + frame);
}

/* An address that moves, used by many ops. */
static void pointers(unsigned frame)
{
    unsigned moved = 1 + choose(16);
    (void)frame;
    for (unsigned i = 0; i < 12; i++)
        add(moved, 17 + i % 4, 22 + i % 8, N);
}

/* A payload that is large, and ops behind it. */
static void early(unsigned frame)
{
    static float large[LARGE / sizeof(float)];
    static void *there;
    large[frame] = (float)frame;
    if (!there)
        OK(cudaMalloc(&there, LARGE));
    OK(cudaMemcpyAsync(there, large, LARGE, cudaMemcpyHostToDevice, NULL));
    layers(6);
}

static void push(unsigned frame)
{
    (void)frame;
    layers(6);
    for (unsigned i = 0; i < 4; i++)
        take(buffers[9 + i], 256);
}

static const struct {
    const char *name;
    void (*frame)(unsigned frame);
} programs[] = {
    {"elide", elide},       {"memo", memo},         {"predict", predict}, {"long", by_long},  {"resume", by_resume},
    {"short", by_short},    {"values", by_values},  {"once", once},       {"insist", insist}, {"patch", patch},
    {"counters", counters}, {"pointers", pointers}, {"early", early},     {"push", push},     {"codec", early},
};

int main(int argc, char **argv)
{
    void (*run)(unsigned frame) = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(programs[i].name, argv[1]) == 0)
            run = programs[i].frame;
    if (!run)
        return 2;
    register_kernels();
    for (unsigned i = 0; i < BUFFERS; i++) {
        OK(cudaMalloc((void **)&buffers[i], 16384 + 4096 * choose(4)));
        OK(cudaMemset(buffers[i], 0, sizeof input));
    }
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        begin(frame);
        run(frame);
        take(buffers[9], sizeof output);
    }
    printf("%s: %llx\n", argv[1], sum);
    unregister_kernels();
    return 0;
}
