/* SPDX-License-Identifier: Apache-2.0 */
/* The way out. */
#include "replay/sender.h"

#include "base/status.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { GIVE_BACK_BYTES = 4 << 20, LEAVING_BYTES = 16 << 10, RATE_NS = 4000000 };

int rrto_sender_init(struct rrto_sender *sender, struct rrto_conn *conn, uint64_t capacity)
{
    memset(sender, 0, sizeof *sender);
    pthread_mutex_init(&sender->lock, NULL);
    sender->conn = conn;
    sender->capacity = capacity;
    sender->ring = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sender->ring != MAP_FAILED)
        return RRTO_OK;
    sender->ring = NULL;
    return RRTO_NO_MEMORY;
}

void rrto_sender_fini(struct rrto_sender *sender)
{
    if (sender->ring)
        munmap(sender->ring, sender->capacity);
    sender->ring = NULL;
}

static uint64_t time_of(const struct rrto_sender *sender)
{
    return sender->now_ns ? sender->now_ns() : 0;
}

static int drain_locked(struct rrto_sender *sender)
{
    bool some = sender->out < sender->in;
    if (some)
        sender->last_began_ns = time_of(sender);
    while (sender->status == RRTO_OK && sender->out < sender->in) {
        uint64_t at = sender->out & (sender->capacity - 1), n = sender->in - sender->out;
        uint64_t first = n < sender->capacity - at ? n : sender->capacity - at;
        struct iovec iov[2] = {{sender->ring + at, first}, {sender->ring, n - first}};
        size_t written = 0;
        int status = rrto_conn_try_writev(sender->conn, iov, n > first ? 2 : 1, &written);
        if (status != RRTO_OK)
            sender->status = status;
        if (status != RRTO_OK || written == 0)
            break;
        sender->out += written;
        sender->n_taken += written;
    }
    if (sender->out == sender->in) { /* low addresses again: what is resident is what was queued at most */
        if (sender->high > GIVE_BACK_BYTES)
            madvise(sender->ring, sender->capacity, MADV_DONTNEED);
        if (some)
            sender->last_ns = time_of(sender);
        sender->high = 0;
        sender->in = sender->out = 0;
    }
    return sender->status;
}

static void append(struct rrto_sender *sender, const uint8_t *data, uint64_t n)
{
    uint64_t at = sender->in & (sender->capacity - 1);
    uint64_t first = n < sender->capacity - at ? n : sender->capacity - at;
    memcpy(sender->ring + at, data, first);
    memcpy(sender->ring, data + first, n - first);
    sender->in += n;
}

int rrto_sender_put(struct rrto_sender *sender, struct iovec *iov, int n_iov, bool *ret_queued)
{
    uint64_t total = 0;
    for (int i = 0; i < n_iov; i++)
        total += iov[i].iov_len;
    *ret_queued = false;
    pthread_mutex_lock(&sender->lock);
    int status = sender->status;
    if (status == RRTO_OK && total > sender->capacity - (sender->in - sender->out))
        status = RRTO_TIMEOUT;
    size_t written = 0;
    sender->last_began_ns = time_of(sender);
    if (sender->first_ns == 0)
        sender->first_ns = sender->last_began_ns;
    if (status == RRTO_OK && sender->in == sender->out) {
        status = rrto_conn_try_writev(sender->conn, iov, n_iov, &written);
        if (status != RRTO_OK)
            sender->status = status;
        sender->last_ns = time_of(sender);
    }
    if (status == RRTO_OK && written < total) {
        if (sender->in == sender->out) {
            sender->waiting_ns = time_of(sender);
            sender->n_taken = 0;
        }
        for (int i = 0; i < n_iov; i++) {
            size_t skip = written < iov[i].iov_len ? written : iov[i].iov_len;
            written -= skip;
            append(sender, (const uint8_t *)iov[i].iov_base + skip, iov[i].iov_len - skip);
        }
        if (sender->in - sender->out > sender->high)
            sender->high = sender->in - sender->out;
        *ret_queued = true;
    }
    pthread_mutex_unlock(&sender->lock);
    return status;
}

void rrto_sender_waited(struct rrto_sender *sender, struct rrto_sender_times *ret_times)
{
    pthread_mutex_lock(&sender->lock);
    *ret_times = (struct rrto_sender_times){sender->first_ns, sender->last_began_ns, sender->last_ns};
    sender->first_ns = 0;
    pthread_mutex_unlock(&sender->lock);
}

int rrto_sender_drain(struct rrto_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    int status = drain_locked(sender);
    pthread_mutex_unlock(&sender->lock);
    return status;
}

uint64_t rrto_sender_queued(struct rrto_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    uint64_t n = sender->in - sender->out;
    pthread_mutex_unlock(&sender->lock);
    return n;
}

uint64_t rrto_sender_rate(struct rrto_sender *sender)
{
    pthread_mutex_lock(&sender->lock);
    uint64_t spent_ns = sender->in > sender->out ? time_of(sender) - sender->waiting_ns : 0;
    uint64_t rate = spent_ns >= RATE_NS ? 1 + sender->n_taken * 1000000 / spent_ns : 0;
    pthread_mutex_unlock(&sender->lock);
    return rate;
}

bool rrto_sender_leaving(struct rrto_sender *sender)
{
    if (rrto_sender_queued(sender) > 0)
        return true;
    int n = 0;
    return ioctl(sender->conn->fd, SIOCOUTQ, &n) == 0 && n > LEAVING_BYTES;
}
