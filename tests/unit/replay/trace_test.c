/* SPDX-License-Identifier: Apache-2.0 */
/* Traces: what was written is read; a cut file is read up to its last complete block; damage is noticed; what is
 * pending does not become old. */
#include "../test.h"

#include "base/status.h"
#include "replay/trace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { OPS = 3000 };
static char path[] = "/tmp/rrto-trace-XXXXXX";

static void op_bytes(unsigned i, uint8_t *out, uint32_t *ret_n)
{
    *ret_n = 8 + (i * 37) % 600;
    for (uint32_t b = 0; b < *ret_n; b++)
        out[b] = (uint8_t)(i * b + i);
}

static int write_trace(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct rrto_trace *trace = rrto_trace_create(path, 4711);
    assert_non_null(trace);
    uint8_t bytes[700];
    for (unsigned i = 0; i < OPS; i++) {
        struct rrto_trace_op op = {.position = i, .time_ns = i * 5, .source = i / 2, .lane = i % 3, .bytes = bytes};
        op.how = (uint8_t)(i % 3);
        op.wait = i % 7 == 0;
        op_bytes(i, bytes, &op.n_bytes);
        rrto_trace_op(trace, &op);
    }
    rrto_trace_close(trace);
    return 0;
}

static int remove_trace(void **state)
{
    (void)state;
    return unlink(path);
}

/* How many ops can be read, each checked; *ret_status: what ended it. */
static unsigned read_trace(const char *name, int *ret_status)
{
    struct rrto_trace_reader *reader;
    struct rrto_trace_op op;
    uint8_t bytes[700];
    unsigned i = 0;
    *ret_status = rrto_trace_open(name, &reader);
    if (*ret_status != RRTO_OK)
        return 0;
    assert_int_equal(rrto_trace_reader_pid(reader), 4711);
    for (; (*ret_status = rrto_trace_read(reader, &op)) == RRTO_OK; i++) {
        uint32_t n;
        op_bytes(i, bytes, &n);
        assert_int_equal(op.position, i);
        assert_int_equal(op.time_ns, i * 5);
        assert_int_equal(op.source, i / 2);
        assert_int_equal(op.lane, i % 3);
        assert_int_equal(op.how, i % 3);
        assert_int_equal(op.wait, i % 7 == 0);
        assert_int_equal(op.n_bytes, n);
        assert_int_equal((uintptr_t)op.bytes % 8, 0);
        assert_memory_equal(op.bytes, bytes, n);
    }
    assert_int_equal(rrto_trace_read(reader, &op), *ret_status);
    rrto_trace_reader_close(reader);
    return i;
}

/* The same of a whole trace, whatever its ops are. */
static unsigned ops_in(const char *name)
{
    struct rrto_trace_reader *reader;
    struct rrto_trace_op op;
    unsigned n = 0;
    int status;
    assert_int_equal(rrto_trace_open(name, &reader), RRTO_OK);
    for (; (status = rrto_trace_read(reader, &op)) == RRTO_OK; n++)
        assert_int_equal(op.position, n);
    assert_int_equal(status, RRTO_NOT_FOUND);
    rrto_trace_reader_close(reader);
    return n;
}

static void test_whole(void **state)
{
    (void)state;
    int status;
    assert_int_equal(read_trace(path, &status), OPS);
    assert_int_equal(status, RRTO_NOT_FOUND);
}

/* A block's hash is the one that docs/trace.md names, whatever the wire hashes with. */
static void test_hash(void **state)
{
    (void)state;
    static uint8_t file[4 << 20];
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, file, sizeof file);
    assert_true(close(fd) == 0 && n > 56);
    uint32_t n_packed;
    uint64_t hash;
    memcpy(&n_packed, file + 40, sizeof n_packed);
    memcpy(&hash, file + 48, sizeof hash);
    assert_true(n_packed <= (size_t)n - 56);
    assert_int_equal(hash, XXH3_64bits(file + 56, n_packed));
}

static void test_cut_and_damage(void **state)
{
    (void)state;
    static uint8_t file[4 << 20];
    int fd = open(path, O_RDONLY), status;
    ssize_t n = read(fd, file, sizeof file);
    close(fd);
    assert_true(n > 1000);
    char other[] = "/tmp/rrto-trace-XXXXXX";
    int out = mkstemp(other);
    unsigned before = 0;
    for (ssize_t cut = 0; cut < n; cut += 997) {
        assert_int_equal(ftruncate(out, 0), 0);
        assert_int_equal(pwrite(out, file, (size_t)cut, 0), cut);
        unsigned got = read_trace(other, &status);
        assert_true(got >= before && got < OPS);
        assert_true(status == RRTO_TRUNCATED || status == RRTO_NOT_FOUND || (cut < 32 && status == RRTO_MISMATCH));
        before = got;
    }
    assert_true(before > 0);
    for (ssize_t at = 0; at < n; at += 611) {
        file[at] ^= 64;
        assert_int_equal(pwrite(out, file, (size_t)n, 0), n);
        file[at] ^= 64;
        if (at >= 12 && at < 32)
            continue; /* pid and reserved bytes */
        assert_true(read_trace(other, &status) < OPS);
        assert_true(status != RRTO_OK && status != RRTO_NOT_FOUND);
    }
    close(out);
    unlink(other);
}

/* A program that issues few ops, and is killed: what a reader finds meanwhile. */
static void test_pending_is_young(void **state)
{
    (void)state;
    const uint64_t start = 77 * (uint64_t)RRTO_TRACE_PENDING_NS, tenth = RRTO_TRACE_PENDING_NS / 10;
    char other[] = "/tmp/rrto-trace-XXXXXX";
    close(mkstemp(other));
    struct rrto_trace *trace = rrto_trace_create(other, 4711);
    assert_non_null(trace);
    rrto_trace_flush_old(NULL, start);
    rrto_trace_flush_old(trace, start); /* nothing is pending */
    for (unsigned i = 0; i < 25; i++) {
        rrto_trace_op(trace, &(struct rrto_trace_op){.position = i, .time_ns = start + i * tenth});
        /* the first eleven once the last of them has come, then eleven more */
        assert_int_equal(ops_in(other), (i + 1) / 11 * 11);
    }
    rrto_trace_flush_old(trace, start); /* a look at the clock before these ops were issued */
    rrto_trace_flush_old(trace, start + 22 * tenth + RRTO_TRACE_PENDING_NS - 1);
    assert_int_equal(ops_in(other), 22);
    rrto_trace_flush_old(trace, start + 22 * tenth + RRTO_TRACE_PENDING_NS);
    assert_int_equal(ops_in(other), 25);
    rrto_trace_close(trace);
    assert_int_equal(ops_in(other), 25);
    unlink(other);
}

static void test_no_file(void **state)
{
    (void)state;
    struct rrto_trace_reader *reader;
    assert_int_equal(rrto_trace_open("/nowhere/trace", &reader), RRTO_IO);
    assert_null(rrto_trace_close(NULL));
    assert_null(rrto_trace_reader_close(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_hash),
        cmocka_unit_test(test_cut_and_damage), cmocka_unit_test(test_pending_is_young),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, write_trace, remove_trace);
}
