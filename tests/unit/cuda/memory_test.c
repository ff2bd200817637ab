/* SPDX-License-Identifier: Apache-2.0 */
/* The arena, page-locked memory, copies and fills: what is issued, what is refused. */
#include "../test.h"
#include "cuda/arena.h"
#include "cuda/error.h"
#include "cuda/host.h"
#include "fake.h"
#include "gen/client_bodies.h"

#include <string.h>

#define MIB ((size_t)1 << 20)

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void *device_block(size_t n)
{
    void *block = NULL;
    assert_int_equal(rrto_client_cudaMalloc(&block, n), 0);
    return block;
}

static void allocations_are_aligned_and_come_back(void **state)
{
    (void)state;
    void *small = device_block(1);
    const struct fake_op *op = fake_last(0, RRTO_OP_mem_alloc);
    assert_non_null(op);
    assert_int_equal((uintptr_t)small % 512, 0);
    void *large = device_block(3 * MIB);
    assert_int_equal((uintptr_t)large % (2 * MIB), 0);
    assert_int_equal(rrto_client_cudaFree(small), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_free));
    void *again = device_block(100);
    assert_ptr_equal(again, small); /* by call order alone */
    assert_int_equal(rrto_client_cudaFree(again), 0);
    assert_int_equal(rrto_client_cudaFree(again), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaFree(large), 0);
    assert_int_equal(rrto_client_cudaFree(NULL), 0);
}

static void running_out_is_told_at_the_call_and_info_agrees(void **state)
{
    (void)state;
    size_t available, total;
    void *block = NULL;
    assert_int_equal(rrto_client_cudaMemGetInfo(&available, &total), 0);
    assert_int_equal(total, 64 * MIB);
    assert_int_equal(available, total);
    size_t n_before = fake.n_ops;
    assert_int_equal(rrto_client_cudaMalloc(&block, total + 1), cudaErrorMemoryAllocation);
    assert_null(block);
    assert_int_equal(fake.n_ops, n_before); /* decided here */
    block = device_block(total);
    assert_int_equal(rrto_client_cudaMemGetInfo(&available, &total), 0);
    assert_int_equal(available, 0);
    void *more = NULL;
    assert_int_equal(rrto_client_cudaMalloc(&more, 1), cudaErrorMemoryAllocation);
    assert_int_equal(rrto_client_cudaFree(block), 0);
    block = device_block(available + MIB);
    assert_int_equal(rrto_client_cudaMemGetInfo(&available, &total), 0);
    assert_int_equal(available, total - 2 * MIB);
    assert_int_equal(rrto_client_cudaFree(block), 0);
}

static void small_blocks_count_their_pages(void **state)
{
    (void)state;
    size_t available, total;
    void *first = device_block(1000), *second = device_block(1000);
    assert_int_equal(rrto_client_cudaMemGetInfo(&available, &total), 0);
    assert_int_equal(available, total - 2 * MIB); /* one page for both */
    assert_int_equal(rrto_client_cudaFree(first), 0);
    assert_int_equal(rrto_client_cudaFree(second), 0);
    assert_int_equal(rrto_client_cudaMemGetInfo(&available, &total), 0);
    assert_int_equal(available, total);
}

static void copies_travel_by_direction(void **state)
{
    (void)state;
    uint8_t host[64] = {1, 2, 3, 4};
    void *a = device_block(4096), *b = device_block(4096);
    assert_int_equal(rrto_client_cudaMemcpy(a, host, sizeof host, cudaMemcpyHostToDevice), 0);
    const struct fake_op *op = fake_last(0, RRTO_OP_mem_copy_h2d);
    assert_non_null(op);
    assert_int_equal(op->n_up, sizeof host);
    assert_memory_equal(op->up, host, sizeof host);
    assert_false(op->wait);             /* a snapshot needs no answer */
    assert_int_equal(fake.n_orders, 1); /* but comes before what any stream does later */

    assert_int_equal(rrto_client_cudaMemcpy(host, a, sizeof host, cudaMemcpyDeviceToHost), 0);
    op = fake_last(0, RRTO_OP_mem_copy_d2h);
    assert_true(op && op->wait && op->down == host);
    assert_int_equal(rrto_client_cudaMemcpyAsync(host, a, sizeof host, cudaMemcpyDefault, NULL), 0);
    op = fake_last(0, RRTO_OP_mem_copy_d2h);
    assert_true(op && op->wait); /* pageable */
    assert_int_equal(rrto_client_cudaMemcpyAsync(b, a, sizeof host, cudaMemcpyDefault, NULL), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_copy_d2d));

    uint8_t other[64];
    assert_int_equal(rrto_client_cudaMemcpy(other, host, sizeof host, cudaMemcpyDefault), 0);
    assert_non_null(fake_last(0, RRTO_OP_stream_synchronize)); /* its turn */
    assert_memory_equal(other, host, sizeof host);
    size_t n_before = fake.n_ops;
    assert_int_equal(rrto_client_cudaMemcpy(a, host, 0, cudaMemcpyHostToDevice), 0);
    assert_int_equal(fake.n_ops, n_before);
    assert_int_equal(rrto_client_cudaFree(a), 0);
    assert_int_equal(rrto_client_cudaFree(b), 0);
}

static void copies_outside_allocations_are_refused(void **state)
{
    (void)state;
    uint8_t host[64] = {0};
    uint8_t *a = device_block(512);
    size_t n_before = fake.n_ops;
    assert_int_equal(rrto_client_cudaMemcpy(a + 500, host, 64, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaMemcpy(host, host, 64, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaMemcpy(host, host, 64, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaMemcpy(host, host, 64, (cudaMemcpyKind)7), cudaErrorInvalidMemcpyDirection);
    assert_int_equal(rrto_client_cudaMemset(a + 1, 0, 512), cudaErrorInvalidValue);
    assert_int_equal(fake.n_ops, n_before);
    assert_int_equal(rrto_client_cudaFree(a), 0);
    assert_int_equal(rrto_client_cudaMemcpy(a, host, 64, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
}

static void pinned_copies_do_not_wait(void **state)
{
    (void)state;
    void *pinned = NULL;
    void *a = device_block(4096);
    assert_int_equal(rrto_client_cudaMallocHost(&pinned, 4096), 0);
    assert_int_equal(rrto_client_cudaMemcpyAsync(pinned, a, 4096, cudaMemcpyDeviceToHost, NULL), 0);
    const struct fake_op *op = fake_last(0, RRTO_OP_mem_copy_d2h);
    assert_true(op && !op->wait && op->down == pinned);
    /* The other way: what is still coming down has to be in the snapshot. */
    assert_int_equal(fake.n_drains, 0);
    assert_int_equal(rrto_client_cudaMemcpyAsync(a, pinned, 4096, cudaMemcpyHostToDevice, NULL), 0);
    assert_int_equal(fake.n_drains, 1);
    assert_int_equal(rrto_client_cudaMemcpy(pinned, a, 4096, cudaMemcpyDeviceToHost), 0);
    op = fake_last(0, RRTO_OP_mem_copy_d2h);
    assert_true(op && op->wait);
    /* Another thread's host function has come meanwhile: only its own stream is waited for. */
    fake.gated = true;
    assert_int_equal(rrto_client_cudaMemcpy(a, fake.device.name, 64, cudaMemcpyHostToDevice), 0);
    assert_non_null(fake_last(0, RRTO_OP_stream_synchronize));
    fake.gated = false;
    assert_int_equal(fake.n_drains, 1);
    assert_int_equal(rrto_client_cudaFreeHost(pinned), 0);
    assert_int_equal(fake.n_drains, 2);
    assert_int_equal(rrto_client_cudaFreeHost(pinned), cudaErrorInvalidValue);
    assert_int_equal(rrto_client_cudaFree(a), 0);
}

static void registered_ranges(void **state)
{
    (void)state;
    static uint8_t memory[8192];
    assert_int_equal(rrto_client_cudaHostRegister(memory, 4096, 0), 0);
    assert_int_equal(rrto_client_cudaHostRegister(memory + 4000, 200, 0), cudaErrorHostMemoryAlreadyRegistered);
    assert_int_equal(rrto_client_cudaHostRegister(memory + 4096, 4096, 0), 0);
    assert_true(rrto_host_pinned(memory, 4096));
    assert_false(rrto_host_pinned(memory, 4097)); /* two ranges */
    assert_int_equal(rrto_client_cudaHostUnregister(memory + 1), cudaErrorHostMemoryNotRegistered);
    assert_int_equal(rrto_client_cudaHostUnregister(memory), 0);
    assert_int_equal(rrto_client_cudaHostUnregister(memory + 4096), 0);
    assert_false(rrto_host_any());
}

static void rows_are_gathered(void **state)
{
    (void)state;
    uint8_t host[8][32];
    for (int i = 0; i < 8; i++)
        memset(host[i], i + 1, sizeof host[i]);
    uint8_t *a = device_block(8 * 512);
    assert_int_equal(rrto_client_cudaMemcpy2D(a, 512, host, 32, 8, 8, cudaMemcpyHostToDevice), 0);
    assert_non_null(fake_last(0, RRTO_OP_mem_free));
    const struct fake_op *spread = fake_last(1, RRTO_OP_mem_copy_2d);
    const struct fake_op *up = fake_last(2, RRTO_OP_mem_copy_h2d);
    assert_true(spread && up);
    assert_int_equal(up->n_up, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(up->up[i], i / 8 + 1);
    assert_int_equal(rrto_client_cudaMemcpy2D(a, 32, host, 32, 32, 8, cudaMemcpyHostToDevice), 0);
    up = fake_last(0, RRTO_OP_mem_copy_h2d);
    assert_true(up && up->n_up == 256); /* no gaps: one run */
    assert_int_equal(rrto_client_cudaMemcpy2D(a, 4, host, 32, 8, 8, cudaMemcpyHostToDevice),
                     cudaErrorInvalidPitchValue);
    assert_int_equal(rrto_client_cudaFree(a), 0);
}

static void pointers_are_told_apart(void **state)
{
    (void)state;
    cudaPointerAttributes attributes;
    void *pinned = NULL;
    int local = 0;
    uint8_t *a = device_block(1000);
    assert_int_equal(rrto_client_cudaMallocHost(&pinned, 100), 0);
    assert_int_equal(rrto_client_cudaPointerGetAttributes(&attributes, a + 10), 0);
    assert_true(attributes.type == cudaMemoryTypeDevice && attributes.device == 0 &&
                attributes.devicePointer == a + 10);
    assert_int_equal(rrto_client_cudaPointerGetAttributes(&attributes, pinned), 0);
    assert_true(attributes.type == cudaMemoryTypeHost && attributes.hostPointer == pinned && !attributes.devicePointer);
    assert_int_equal(rrto_client_cudaPointerGetAttributes(&attributes, &local), 0);
    assert_true(attributes.type == cudaMemoryTypeUnregistered && attributes.device == -2);
    assert_int_equal(rrto_client_cudaPointerGetAttributes(&attributes, NULL), 0);
    assert_int_equal(attributes.type, cudaMemoryTypeUnregistered);
    assert_int_equal(rrto_client_cudaFree(a), 0);
    assert_int_equal(rrto_client_cudaPointerGetAttributes(&attributes, a), 0);
    assert_int_equal(attributes.type, cudaMemoryTypeUnregistered);
    assert_int_equal(rrto_client_cudaFreeHost(pinned), 0);
}

static void a_lost_session_is_devices_unavailable(void **state)
{
    (void)state;
    void *a = device_block(1000);
    fake.lost = true;
    fake.error.library = "";
    assert_int_equal(rrto_client_cudaMemset(a, 0, 1000), cudaErrorDevicesUnavailable);
    assert_int_equal(rrto_client_cudaGetLastError(), cudaErrorDevicesUnavailable);
    assert_int_equal(rrto_client_cudaGetLastError(), cudaErrorDevicesUnavailable);
    fake.error = (struct rrto_session_error){.library = "cuda", .code = 700};
    assert_int_equal(rrto_client_cudaPeekAtLastError(), cudaErrorIllegalAddress);
    assert_int_equal(rrto_client_lost_driver(), CUDA_ERROR_ILLEGAL_ADDRESS);
    fake.error.library = "cublas";
    assert_int_equal(rrto_client_lost_cudart(), cudaErrorUnknown);
    fake.lost = false;
    assert_int_equal(rrto_client_cudaFree(a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(allocations_are_aligned_and_come_back, setup),
        cmocka_unit_test_setup(running_out_is_told_at_the_call_and_info_agrees, setup),
        cmocka_unit_test_setup(small_blocks_count_their_pages, setup),
        cmocka_unit_test_setup(copies_travel_by_direction, setup),
        cmocka_unit_test_setup(copies_outside_allocations_are_refused, setup),
        cmocka_unit_test_setup(pinned_copies_do_not_wait, setup),
        cmocka_unit_test_setup(registered_ranges, setup),
        cmocka_unit_test_setup(rows_are_gathered, setup),
        cmocka_unit_test_setup(pointers_are_told_apart, setup),
        cmocka_unit_test_setup(a_lost_session_is_devices_unavailable, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
