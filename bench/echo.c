/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges of 64 bytes between two threads. */
#include "base/clock.h"

#include "echo.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 64 };

static void *answer(void *data)
{
    const int *fd = data;
    char message[MESSAGE_BYTES];
    while (recv(*fd, message, sizeof message, MSG_WAITALL) == sizeof message)
        if (send(*fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message)
            break;
    return NULL;
}

static bool tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    bool good = bind(listener, (struct sockaddr *)&address, n) == 0 && listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &n) == 0;
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    good = good && connect(fds[0], (struct sockaddr *)&address, n) == 0;
    fds[1] = good ? accept(listener, NULL, NULL) : -1;
    close(listener);
    for (int i = 0; good && i < 2; i++)
        good = setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0;
    return good;
}

bool bench_echo(bool tcp, double *samples, size_t n)
{
    int fds[2];
    pthread_t thread;
    char message[MESSAGE_BYTES] = {0};
    if (!(tcp ? tcp_pair(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0) ||
        pthread_create(&thread, NULL, answer, &fds[1]) != 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint64_t start = rrto_now_ns();
        if (send(fds[0], message, sizeof message, MSG_NOSIGNAL) != sizeof message ||
            recv(fds[0], message, sizeof message, MSG_WAITALL) != sizeof message)
            return false;
        samples[i] = (double)(rrto_now_ns() - start);
    }
    shutdown(fds[0], SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fds[0]);
    close(fds[1]);
    return true;
}
