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

/* The most that one op may cost, however many ops are remembered and whatever they are: five look-ups of four ways, two
 * scans of 16 ops, six of 64 that are not expected again, one look for the sequence that is followed; and what a
 * boundary may: a look at each sequence. Raise it when the rule is made to look further, never because a stream made it
 * necessary. */
enum { MAX_STEPS = 1600, MAX_BOUNDARY_STEPS = 128 * 12 };
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

struct drive {
    struct rrto_seq *seq;
    struct family family;
    uint64_t window, at, digest;
    uint64_t max_steps, steps, max_boundary_steps;
};

static void drive_open(struct drive *drive, enum family_kind kind, uint64_t window, unsigned told)
{
    *drive = (struct drive){.seq = rrto_seq_create(window), .window = window};
    assert_non_null(drive->seq);
    family_open(&drive->family, kind, told);
}

/* n ops, with an inference every INFERENCE ops and two lanes in turn for long stretches. */
static void drive(struct drive *drive, uint64_t n)
{
    for (; n > 0; n--, drive->at++) {
        uint64_t oldest = drive->at > drive->window / 2 ? drive->at - drive->window / 2 : 0;
        uint64_t before = n_steps;
        if (drive->at % INFERENCE == 0) {
            rrto_seq_result(drive->seq);
            (void)rrto_seq_boundary(drive->seq);
            if (n_steps - before > drive->max_boundary_steps)
                drive->max_boundary_steps = n_steps - before;
            assert_true(drive->max_boundary_steps <= MAX_BOUNDARY_STEPS);
        }
        struct family_op op = family_next(&drive->family);
        before = n_steps;
        unsigned lane = (unsigned)(drive->at / 1000 % 2);
        uint64_t source = rrto_seq_push(drive->seq, lane, op.token, oldest);
        if (op.makes)
            rrto_seq_made(drive->seq, lane, op.object);
        else if (op.ends)
            rrto_seq_ended(drive->seq, op.object);
        uint64_t steps = n_steps - before;
        drive->steps += steps;
        if (steps > drive->max_steps)
            drive->max_steps = steps;
        if (steps > MAX_STEPS)
            fail_msg("%s, %llu ops remembered: op %llu cost %llu steps", family_names[drive->family.kind],
                     (unsigned long long)drive->window, (unsigned long long)drive->at, (unsigned long long)steps);
        drive->digest = (drive->digest ^ source) * UINT64_C(0x9e3779b97f4a7c15);
        drive->digest ^= drive->digest >> 29;
    }
}

static void test_steps(void **state)
{
    (void)state;
    static const uint64_t windows[] = {64, SMALL, LARGE};
    for (unsigned kind = 0; kind < FAMILY_KINDS; kind++)
        for (unsigned w = 0; w < 6; w++) {
            struct drive d;
            drive_open(&d, (enum family_kind)kind, windows[w % 3], w >= 3 ? FAMILY_MAKES : 0);
            drive(&d, d.window * LAPS);
            if (getenv("SAY"))
                print_message("%-16s %7llu ops: %llu steps at most, %.1f on average; boundary %llu\n",
                              family_names[kind], (unsigned long long)d.window, (unsigned long long)d.max_steps,
                              (double)d.steps / (double)d.at, (unsigned long long)d.max_boundary_steps);
            assert_true(d.steps > d.at); /* the hook is there */
            rrto_seq_destroy(d.seq);
        }
}

/* Two searches, in different memory and in turn with each other, say the same. */
static void test_determinism(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < FAMILY_KINDS; kind++) {
        struct drive a, b;
        drive_open(&a, (enum family_kind)kind, SMALL, 0);
        drive(&a, 1234);
        drive_open(&b, (enum family_kind)kind, SMALL, 0);
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
        drive_open(&d, (enum family_kind)kind, LARGE, 0);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_determinism),
                                       cmocka_unit_test(test_bytes), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
