/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_driver.h"

#include "../test.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct fake *fake;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

enum { PAGE = 2 << 20 };

static int reserve(uint64_t *ret, size_t n, size_t alignment, uint64_t address, unsigned long long flags)
{
    (void)alignment;
    (void)flags;
    *ret = address == fake->reserved_base && n == fake->reserved_bytes ? address : 0x7f0000000000;
    return 0;
}

static int unreserve(uint64_t address, size_t n)
{
    (void)n;
    assert_int_not_equal(address, fake->reserved_base);
    return 0;
}

static int granularity(size_t *ret, const struct rrto_cu_mem_prop *prop, int option)
{
    (void)option;
    assert_int_equal(prop->type, 1);
    *ret = PAGE;
    return 0;
}

static int mem_create(uint64_t *ret, size_t n, const struct rrto_cu_mem_prop *prop, unsigned long long flags)
{
    (void)prop;
    (void)flags;
    assert_int_equal(n % PAGE, 0);
    if (n > fake->memory_left)
        return RRTO_CU_OUT_OF_MEMORY;
    fake->memory_left -= n;
    for (uint64_t i = 0; i < FAKE_PAGES; i++) {
        if (!fake->handles[i]) {
            fake->handles[i] = n;
            fake->n_handles++;
            *ret = i;
            return 0;
        }
    }
    return RRTO_CU_OUT_OF_MEMORY;
}

static int mem_release(uint64_t handle)
{
    assert_true(fake->handles[handle] > 0);
    fake->memory_left += fake->handles[handle];
    fake->handles[handle] = 0;
    fake->n_handles--;
    return 0;
}

static int mem_map(uint64_t address, size_t n, size_t offset, uint64_t handle, unsigned long long flags)
{
    (void)flags;
    assert_int_equal(offset, 0);
    assert_int_equal(n, fake->handles[handle]);
    for (uint64_t page = (address - fake->reserved_base) / PAGE, end = page + n / PAGE; page < end; page++) {
        assert_int_equal(fake->mapped[page], 0);
        fake->mapped[page] = handle + 1;
    }
    return 0;
}

/* A handle is unmapped as a whole. */
static int mem_unmap(uint64_t address, size_t n)
{
    uint64_t first = (address - fake->reserved_base) / PAGE, handle = fake->mapped[first];
    assert_int_not_equal(handle, 0);
    assert_int_equal(n, fake->handles[handle - 1]);
    for (uint64_t page = first; page < first + n / PAGE; page++) {
        assert_int_equal(fake->mapped[page], handle);
        fake->mapped[page] = 0;
    }
    return 0;
}

static int set_access(uint64_t address, size_t n, const struct rrto_cu_access *access, size_t count)
{
    (void)address;
    (void)n;
    assert_int_equal(count, 1);
    assert_int_equal(access->flags, 3);
    return 0;
}

static int host_alloc(void **ret, size_t n, unsigned flags)
{
    (void)flags;
    fake->host_blocks++;
    *ret = malloc(n);
    return 0;
}

static int host_free(void *data)
{
    fake->host_blocks--;
    free(data);
    return 0;
}

unsigned fake_number(const void *event)
{
    return (unsigned)(uintptr_t)event - 1;
}

static int event_create(void **ret, unsigned flags)
{
    assert_int_equal(flags, RRTO_CU_EVENT_DISABLE_TIMING);
    pthread_mutex_lock(&lock);
    assert_true(fake->n_events < FAKE_EVENTS);
    *ret = (void *)(uintptr_t)++fake->n_events;
    pthread_mutex_unlock(&lock);
    return 0;
}

static int event_destroy(void *event)
{
    (void)event;
    return 0;
}

static int event_record(void *event, void *stream)
{
    (void)stream;
    pthread_mutex_lock(&lock);
    fake->done[fake_number(event)] = false;
    fake->error[fake_number(event)] = 0;
    pthread_mutex_unlock(&lock);
    return 0;
}

static int event_query(void *event)
{
    pthread_mutex_lock(&lock);
    int result = fake->done[fake_number(event)] ? fake->error[fake_number(event)] : RRTO_CU_NOT_READY;
    pthread_mutex_unlock(&lock);
    return result;
}

static int event_synchronize(void *event)
{
    pthread_mutex_lock(&lock);
    while (!fake->done[fake_number(event)])
        pthread_cond_wait(&changed, &lock);
    fake->n_synchronises++;
    int result = fake->error[fake_number(event)];
    pthread_mutex_unlock(&lock);
    return result;
}

void fake_complete(unsigned event, int error)
{
    pthread_mutex_lock(&lock);
    fake->done[event] = true;
    fake->error[event] = error;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int stream_create(void **ret, unsigned flags)
{
    assert_int_equal(flags, RRTO_CU_STREAM_NON_BLOCKING);
    if (fake->n_streams >= fake->max_streams)
        return RRTO_CU_OUT_OF_MEMORY;
    *ret = (void *)(uintptr_t)++fake->n_streams;
    return 0;
}

static int stream_wait_event(void *stream, void *event, unsigned flags)
{
    (void)event;
    (void)flags;
    assert_non_null(stream);
    return 0;
}

static int set_current(void *context)
{
    (void)context;
    return 0;
}

static int error_text(int code, const char **ret)
{
    *ret = code == 700 ? "illegal address" : "an error";
    return 0;
}

void fake_init(struct fake *into)
{
    memset(into, 0, sizeof *into);
    pthread_mutex_lock(&lock);
    fake = into;
    pthread_mutex_unlock(&lock);
    fake->reserved_base = (uint64_t)0x30 << 40;
    fake->reserved_bytes = (uint64_t)FAKE_PAGES * PAGE;
    fake->memory_left = (uint64_t)FAKE_PAGES * PAGE;
    fake->driver.cuMemAddressReserve = reserve;
    fake->driver.cuMemAddressFree = unreserve;
    fake->driver.cuMemGetAllocationGranularity = granularity;
    fake->driver.cuMemCreate = mem_create;
    fake->driver.cuMemRelease = mem_release;
    fake->driver.cuMemMap = mem_map;
    fake->driver.cuMemUnmap = mem_unmap;
    fake->driver.cuMemSetAccess = set_access;
    fake->driver.cuMemHostAlloc = host_alloc;
    fake->driver.cuMemFreeHost = host_free;
    fake->driver.cuEventCreate = event_create;
    fake->driver.cuEventDestroy_v2 = event_destroy;
    fake->driver.cuEventRecord = event_record;
    fake->driver.cuEventQuery = event_query;
    fake->driver.cuEventSynchronize = event_synchronize;
    fake->driver.cuStreamCreate = stream_create;
    fake->driver.cuStreamWaitEvent = stream_wait_event;
    fake->driver.cuCtxSetCurrent = set_current;
    fake->driver.cuGetErrorName = error_text;
    fake->driver.cuGetErrorString = error_text;
}
