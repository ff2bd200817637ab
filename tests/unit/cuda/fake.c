/* SPDX-License-Identifier: Apache-2.0 */
/* A session that is not there. */
#include "fake.h"

#include "base/status.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;
/* Helper threads of the front ends issue, too. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void make_device(void)
{
    struct rrto_device_info *device = &fake.device;
    strcpy(device->name, "Fake GPU");
    for (int i = 0; i < 16; i++)
        device->uuid[i] = (uint8_t)(0x10 + i);
    device->arena_base = 0x7e0000000000;
    device->arena_bytes = (uint64_t)1 << 30;
    device->total_memory = (uint64_t)64 << 20;
    device->driver_version = 13000;
    device->n_gates = 64;
    static const int32_t values[][2] = {{1, 1024},  {2, 1024},  {3, 1024}, {4, 64}, {5, 2147483647}, {6, 65535},
                                        {7, 65535}, {8, 49152}, {10, 32},  {16, 4}, {19, 1},         {75, 8},
                                        {76, 0},    {78, 1},    {83, 1},   {95, 1}, {97, 101376},    {33, 0x3b}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        device->attributes[values[i][0]] = values[i][1];
}

void fake_reset(void)
{
    memset(&fake, 0, sizeof fake);
    make_device();
    /* Positions go on from test to test, as in a session: what the front ends remember of earlier ones is not about
     * later ones. */
    static uint64_t base;
    fake.base = base += 1000;
}

const struct fake_op *fake_last(size_t i, uint16_t number)
{
    if (i >= fake.n_ops)
        return NULL;
    const struct fake_op *op = &fake.ops[fake.n_ops - 1 - i];
    return op->number == number ? op : NULL;
}

static void reply(const struct fake_op *op, struct rrto_buf *buf)
{
    static const int32_t attributes[16] = {256, 40, 0, 0, 12, 80, 80, 0, 49152 - 40};
    rrto_buf_clear(buf);
    if (op->number == RRTO_OP_function_get) {
        struct rrto_reply_function_get fields = {.attributes = attributes, .n_attributes = 16};
        rrto_pack_reply_function_get(buf, &fields);
    } else if (op->number == RRTO_OP_occupancy) {
        struct rrto_reply_occupancy fields = {.n_blocks = 2};
        rrto_pack_reply_occupancy(buf, &fields);
    } else if (op->number == RRTO_OP_symbol_get) {
        struct rrto_reply_symbol_get fields = {.address = 0x500000000000, .n_bytes_symbol = 16};
        rrto_pack_reply_symbol_get(buf, &fields);
    } else if (op->number == RRTO_OP_event_elapsed) {
        struct rrto_reply_event_elapsed fields = {.ms = 1.5f};
        rrto_pack_reply_event_elapsed(buf, &fields);
    }
}

static int32_t issue_locked(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra)
{
    if (fake.lost)
        return RRTO_LOST;
    if (extra && extra->order) { /* a session with one stream keeps order by itself: nothing travels */
        fake.n_orders++;
        return 0;
    }
    if (extra && extra->apart && fake.n_between) {
        fake.n_between--;
        return RRTO_TIMEOUT;
    }
    struct fake_op *op = &fake.ops[fake.n_ops % 256];
    memset(op, 0, sizeof *op);
    memcpy(&op->number, bytes, sizeof op->number);
    op->n_bytes = n_bytes < sizeof op->bytes ? n_bytes : sizeof op->bytes;
    memcpy(op->bytes, bytes, op->n_bytes);
    if (extra) {
        op->wait = extra->wait;
        op->down = extra->down;
        op->up_at = extra->up;
        if (extra->up) {
            int32_t offset = rrto_op_infos[op->number].size_offset;
            memcpy(&op->n_up, bytes + offset, sizeof op->n_up);
            memcpy(op->up, extra->up, op->n_up < sizeof op->up ? op->n_up : sizeof op->up);
        }
        if (extra->reply)
            reply(op, extra->reply);
        if (extra->ret_position)
            *extra->ret_position = fake.base + fake.n_ops;
    }
    fake.n_ops++;
    return op->number == fake.fail_number ? fake.fail_status : fake.status;
}

int32_t rrto_issue(const uint8_t *bytes, size_t n_bytes, const struct rrto_issue_extra *extra)
{
    pthread_mutex_lock(&lock);
    int32_t status = issue_locked(bytes, n_bytes, extra);
    pthread_mutex_unlock(&lock);
    return status;
}

static pthread_key_t scratch_key;

static void free_scratch(void *buf)
{
    rrto_buf_fini(buf);
    free(buf);
}

static void make_scratch_key(void)
{
    pthread_key_create(&scratch_key, free_scratch);
}

/* One per thread, as in a session. */
struct rrto_buf *rrto_issue_scratch(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_scratch_key);
    struct rrto_buf *buf = pthread_getspecific(scratch_key);
    if (!buf) {
        buf = malloc(sizeof *buf);
        rrto_buf_init(buf, 1 << 20);
        pthread_setspecific(scratch_key, buf);
    }
    rrto_buf_clear(buf);
    return buf;
}

bool rrto_issue_poll(uint64_t position)
{
    return position < fake.base + fake.completed;
}

bool rrto_issue_stream_position(uint32_t stream, uint64_t *ret_position)
{
    (void)stream;
    pthread_mutex_lock(&lock);
    bool any = fake.n_ops != 0;
    if (any)
        *ret_position = fake.base + fake.n_ops - 1;
    pthread_mutex_unlock(&lock);
    return any;
}

int32_t rrto_issue_wait(uint64_t position)
{
    (void)position;
    return 0;
}

void rrto_issue_drain(const void *host, size_t n)
{
    (void)host;
    (void)n;
    fake.n_drains++;
}

void rrto_issue_drain_before(const void *host, size_t n, uint64_t position)
{
    (void)position;
    pthread_mutex_lock(&lock);
    rrto_issue_drain(host, n);
    pthread_mutex_unlock(&lock);
}

bool rrto_issue_drain_all(void)
{
    if (!fake.gated)
        rrto_issue_drain(NULL, SIZE_MAX);
    return !fake.gated;
}

/* The stream is always there. */
struct rrto_waiter *rrto_issue_waiter(void)
{
    return malloc(1);
}

int32_t rrto_issue_await(struct rrto_waiter *waiter)
{
    (void)waiter;
    return fake.lost ? RRTO_LOST : fake.await_status;
}

bool rrto_issue_is_newest(uint64_t position)
{
    pthread_mutex_lock(&lock);
    bool newest = position + 1 == fake.base + fake.n_ops;
    pthread_mutex_unlock(&lock);
    return newest;
}

void rrto_issue_hold(bool hold)
{
    fake.held = hold;
}

void rrto_issue_flush(void)
{
}

void rrto_issue_receive(void)
{
}

const struct rrto_device_info *rrto_session_device(void)
{
    return fake.lost ? NULL : &fake.device;
}

bool rrto_session_open(void)
{
    return !fake.lost;
}

bool rrto_session_error(struct rrto_session_error *ret_error)
{
    if (fake.lost)
        *ret_error = fake.error;
    return fake.lost;
}

enum rrto_call_gate rrto_call_begin(struct rrto_call_frame *frame, uint16_t call)
{
    memset(frame, 0, sizeof *frame);
    frame->call = call;
    return RRTO_CALL_GO;
}

void rrto_call_end(struct rrto_call_frame *frame)
{
    (void)frame;
}

void rrto_call_unsupported(uint16_t call)
{
    (void)call;
}
