/* SPDX-License-Identifier: Apache-2.0 */
/* What an untrusted server may send to a client that waits for a reply at position 3 and for payloads at positions 2
 * and 3, which may come coded. */
#include "replay/receiver.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAST_BYTES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct rrto_receiver receiver; /* large */
    static struct rrto_counters counters;
    struct rrto_conn conn;
    int fds[2], room = 1 << 20;
    if (n > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        return 0;
    rrto_log_set_name("fuzz");
    (void)setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (n > 0 && send(fds[1], data, n, MSG_DONTWAIT) != (ssize_t)n)
        abort();
    close(fds[1]);
    rrto_conn_init_socket(&conn, fds[0]);
    memset(&counters, 0, sizeof counters);
    rrto_receiver_init(&receiver, &conn, &counters);
    if (rrto_receiver_accept_coded(&receiver, PAST_BYTES, rrto_now_ns) != RRTO_OK)
        abort();
    uint8_t *exact = malloc(100), *small = malloc(8);
    struct rrto_buf reply;
    rrto_buf_init(&reply, RRTO_REPLY_MAX_BYTES);
    struct rrto_waiter waiter = {.position = 3, .covers = RRTO_COVERS_ALL, .reply = &reply};
    if (!rrto_receiver_expect_down(&receiver, 2, 0, exact, 100) ||
        !rrto_receiver_expect_down(&receiver, 3, 1, small, 8))
        abort();
    rrto_receiver_expect(&receiver, &waiter);
    int status = rrto_receiver_wait(&receiver, &waiter);
    if ((status == RRTO_OK) != waiter.done || (status != RRTO_OK && !rrto_receiver_lost(&receiver)))
        abort();
    rrto_receiver_pump(&receiver);
    for (unsigned i = 0; i < 2; i++)
        if (receiver.text.streams[i].bytes.size > n ||
            (receiver.text.streams[i].bytes.size && !rrto_text_waits(&receiver.text)))
            abort();
    rrto_buf_fini(&reply);
    rrto_receiver_fini(&receiver);
    rrto_conn_close(&conn);
    free(exact);
    free(small);
    return 0;
}
