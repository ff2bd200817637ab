/* SPDX-License-Identifier: Apache-2.0 */
/* Hard streams cost the search neither time nor memory. Time is counted in steps, the basic blocks of src/seq that run
 * (the compiler's coverage hook), so that nothing depends on the machine. */
#include "../test.h"

#include "families.h"
#include "seq/seq.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The most that one op may cost, however many ops are remembered and whatever they are. Raise it when the rule is made
 * to look further, never because a stream made it necessary. */
enum {
    /* A push, and what the op made or ended: six look-ups of four ways, two scans of 16 ops, three of 16 that are
     * not expected again, one look for the sequence that is followed. */
    MAX_STEPS = 900,
    /* A value before it: four look-ups, four scans of 16, two of them at once. */
    MAX_OBSERVE_STEPS = 450,
    /* That it is like another op behind it: five look-ups, one scan of 16, one look for the sequence. */
    MAX_INSIST_STEPS = 480,
    /* A boundary: a look at each sequence. */
    MAX_BOUNDARY_STEPS = 128 * 12,
};
enum { SMALL = 1 << 12, LARGE = 1 << 17, LAPS = 4, INFERENCE = 72 };

static uint64_t n_steps;
void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    n_steps++;
}

/* Every way to get memory that the search could use; the linker sends its calls here. */
static unsigned n_allocations;
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n)
{
    n_allocations++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    n_allocations++;
    return __real_calloc(n, size);
}
void *__wrap_realloc(void *at, size_t n)
{
    n_allocations++;
    return __real_realloc(at, n);
}
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    n_allocations++;
    return __real_mmap(at, n, protection, flags, fd, offset);
}

/* --- driving --- */

/* What the search is told, as issue() tells it. */
enum way {
    TOKENS, /* nothing else */
    MAKES,  /* most ops make what lasts, and some end it */
    ALL,    /* and values are read, and some of the ops that were not expected are like the expected one after all */
    WAYS
};

/* Steps of one kind of call. */
struct steps {
    uint64_t all, max;
};

struct drive {
    struct rrto_seq *seq;
    struct family family;
    bool insists;
    uint64_t window, at, digest, seed;
    struct steps push, observe, insist, boundary;
};

static void drive_open(struct drive *drive, enum family_kind kind, uint64_t window, enum way way)
{
    static const unsigned told[WAYS] = {0, FAMILY_MAKES, FAMILY_MAKES | FAMILY_READS};
    *drive = (struct drive){.seq = rrto_seq_create(window), .window = window, .insists = way == ALL};
    assert_non_null(drive->seq);
    family_open(&drive->family, kind, told[way]);
}

static void count(const struct drive *drive, const char *what, struct steps *steps, uint64_t n, uint64_t limit)
{
    steps->all += n;
    if (n > steps->max)
        steps->max = n;
    if (n > limit)
        fail_msg("%s, %llu ops remembered: at op %llu, %s cost %llu steps", family_names[drive->family.kind],
                 (unsigned long long)drive->window, (unsigned long long)drive->at, what, (unsigned long long)n);
}

/* The op that is insisted on, the expected one or the first that was passed over; RRTO_SEQ_NONE: none. */
static uint64_t choose(struct drive *drive, uint64_t expected, uint64_t passed, uint64_t oldest)
{
    unsigned which = drive->insists ? family_below(&drive->seed, 16) : 2;
    uint64_t source = which == 0 ? expected : which == 1 ? passed : RRTO_SEQ_NONE;
    return source != RRTO_SEQ_NONE && source >= oldest ? source : RRTO_SEQ_NONE;
}

/* One op, told of as issue() does. */
static void drive_op(struct drive *drive, unsigned lane, uint64_t oldest)
{
    struct rrto_seq *seq = drive->seq;
    struct family_op op = family_next(&drive->family);
    uint64_t before = n_steps;
    if (op.value) {
        rrto_seq_observe(seq, lane, op.value, oldest);
        count(drive, "a value", &drive->observe, n_steps - before, MAX_OBSERVE_STEPS);
    }
    uint64_t expected = rrto_seq_expected(seq, lane), passed = rrto_seq_passed(seq, lane);
    before = n_steps;
    uint64_t source = rrto_seq_push(seq, lane, op.token, oldest), steps = n_steps - before;
    uint64_t like = source == expected ? RRTO_SEQ_NONE : choose(drive, expected, passed, oldest);
    if (like != RRTO_SEQ_NONE) {
        before = n_steps;
        rrto_seq_insist(seq, lane, like);
        count(drive, "to insist", &drive->insist, n_steps - before, MAX_INSIST_STEPS);
    }
    before = n_steps;
    if (op.makes)
        rrto_seq_made(seq, lane, op.object);
    else if (op.ends)
        rrto_seq_ended(seq, op.object);
    count(drive, "a push", &drive->push, steps + n_steps - before, MAX_STEPS);
    drive->digest = (drive->digest ^ expected) * UINT64_C(0x9e3779b97f4a7c15);
    drive->digest = (drive->digest ^ source) * UINT64_C(0x9e3779b97f4a7c15);
    drive->digest ^= drive->digest >> 29;
}

/* n ops, with an inference every INFERENCE ops and two lanes in turn for long stretches. */
static void drive(struct drive *drive, uint64_t n)
{
    for (; n > 0; n--, drive->at++) {
        uint64_t before = n_steps;
        if (drive->at % INFERENCE == 0) {
            rrto_seq_result(drive->seq);
            (void)rrto_seq_boundary(drive->seq);
            count(drive, "a boundary", &drive->boundary, n_steps - before, MAX_BOUNDARY_STEPS);
        }
        drive_op(drive, (unsigned)(drive->at / 1000 % 2),
                 drive->at > drive->window / 2 ? drive->at - drive->window / 2 : 0);
    }
}

static void test_steps(void **state)
{
    (void)state;
    static const uint64_t windows[] = {64, SMALL, LARGE};
    for (unsigned kind = 0; kind < FAMILY_KINDS; kind++)
        for (unsigned w = 0; w < 3 * WAYS; w++) {
            struct drive d;
            drive_open(&d, (enum family_kind)kind, windows[w % 3], (enum way)(w / 3));
            drive(&d, d.window * LAPS);
            if (getenv("SAY"))
                print_message("%-16s %7llu ops: %llu steps at most, %.1f on average; value %llu, insist %llu, "
                              "boundary %llu\n",
                              family_names[kind], (unsigned long long)d.window, (unsigned long long)d.push.max,
                              (double)d.push.all / (double)d.at, (unsigned long long)d.observe.max,
                              (unsigned long long)d.insist.max, (unsigned long long)d.boundary.max);
            assert_true(d.push.all > d.at); /* the hook is there */
            rrto_seq_destroy(d.seq);
        }
}

/* A value costs most where each look-up leads to 16 ops in a row that are not expected again, and to no op behind them:
 * 16 different ones, of which each makes something. */
static void test_observe_steps(void **state)
{
    (void)state;
    struct rrto_seq *seq = rrto_seq_create(SMALL);
    uint64_t most = 0;
    assert_non_null(seq);
    for (unsigned i = 0; i < SMALL; i++) {
        uint64_t before = n_steps;
        rrto_seq_observe(seq, 0, 1, 0);
        most = n_steps - before > most ? n_steps - before : most;
        (void)rrto_seq_push(seq, 0, 1 + i % 16, 0);
        rrto_seq_made(seq, 0, 0);
    }
    assert_in_range(most, 3 * 16, MAX_OBSERVE_STEPS); /* 3 * 16: it was that case */
    rrto_seq_destroy(seq);
}

/* Two searches, in different memory and in turn with each other, say the same. */
static void test_determinism(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FAMILY_KINDS * WAYS; i++) {
        enum family_kind kind = (enum family_kind)(i / WAYS);
        enum way way = (enum way)(i % WAYS);
        struct drive a, b;
        drive_open(&a, kind, SMALL, way);
        drive(&a, 1234);
        drive_open(&b, kind, SMALL, way);
        while (b.at < (uint64_t)SMALL * LAPS) {
            drive(&b, 97);
            drive(&a, b.at - a.at < 200 ? b.at - a.at : 31);
        }
        drive(&a, b.at - a.at);
        assert_int_equal(a.digest, b.digest);
        assert_int_equal(rrto_seq_deviations(a.seq), rrto_seq_deviations(b.seq));
        rrto_seq_destroy(a.seq);
        rrto_seq_destroy(b.seq);
    }
}

/* What /proc says about this process, in text. */
static void ask(const char *path, char *text, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t n = 0;
    ssize_t got;
    while ((got = read(fd, text + n, room - 1 - n)) > 0)
        n += (size_t)got;
    close(fd);
    assert_true(got == 0 && n > 0 && n < room - 1);
    text[n] = 0;
}

/* Bytes that the process has mapped, and those of them that are resident. Under qemu-user maps is about the program,
 * but statm about qemu, too. */
static void bytes(uint64_t *ret_all, uint64_t *ret_resident)
{
    static char text[1 << 16];
    *ret_all = 0;
    ask("/proc/self/maps", text, sizeof text);
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        char *end;
        uint64_t from = strtoull(line, &end, 16);
        *ret_all += strtoull(end + 1, NULL, 16) - from;
    }
    ask("/proc/self/statm", text, sizeof text);
    *ret_resident = strtoull(strchr(text, ' '), NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Few ops or many: at most 64 bytes for each that is remembered, the largest of what does not grow with them included.
 */
static void test_bytes(void **state)
{
    (void)state;
    for (uint64_t n = 1000; n <= 10000000; n *= 10) {
        uint64_t window = 1, all[2], resident;
        while (window < n)
            window *= 2;
        bytes(&all[0], &resident);
        struct rrto_seq *seq = rrto_seq_create(window);
        assert_non_null(seq);
        bytes(&all[1], &resident);
        assert_in_range(rrto_seq_bytes(seq), 1, 64 * n);
        assert_true(all[1] - all[0] < rrto_seq_bytes(seq) + (uint64_t)sysconf(_SC_PAGESIZE));
        rrto_seq_destroy(seq);
    }
}

/* What is made at the start is all that there ever is. */
static void test_memory(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < FAMILY_KINDS; kind++) {
        struct drive d;
        uint64_t all[3], resident[3];
        bytes(&all[0], &resident[0]);
        drive_open(&d, (enum family_kind)kind, LARGE, ALL);
        bytes(&all[1], &resident[1]);
        assert_in_range(all[1] - all[0], 1, (uint64_t)64 * LARGE); /* bytes for each remembered op */
        n_allocations = 0;
        drive(&d, (uint64_t)LARGE * 2);
        bytes(&all[1], &resident[1]);
        drive(&d, (uint64_t)LARGE * 2);
        bytes(&all[2], &resident[2]);
        assert_int_equal(n_allocations, 0);
        assert_int_equal(all[2], all[1]);
        /* tables fill up slowly where contexts are few; never beyond what was mapped */
        assert_true(resident[2] <= resident[0] + (all[1] - all[0]) + (256 << 10));
        rrto_seq_destroy(d.seq);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_observe_steps),
                                       cmocka_unit_test(test_determinism), cmocka_unit_test(test_bytes),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
