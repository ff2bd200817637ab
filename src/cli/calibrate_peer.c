/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of a calibration's connections. The first byte says what it is for; then the sender of bytes sends until
 * the other one closes, or each byte is answered 10 ms later. */
#include "cli/calibrate.h"
#include "wire/connect.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 64 << 10, SILENCE_S = 5, ANSWER_NS = 10000000 };

uint64_t rrto_calibrate_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* A socket and the address that it is for; -1, with one sentence. */
static int prepare(const char *name, struct sockaddr_storage *ret_address, socklen_t *ret_n, char *why, size_t n_why)
{
    struct rrto_address address;
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[8];
    if (rrto_address_parse(name, &address, why, n_why) != RRTO_OK)
        return -1;
    if (address.kind == RRTO_ADDRESS_UNIX && rrto_address_unix(address.host, ret_address, ret_n) == RRTO_OK)
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(port, sizeof port, "%u", address.port);
    int error = address.kind == RRTO_ADDRESS_TCP ? getaddrinfo(address.host, port, &hints, &found) : EAI_FAMILY;
    if (error) {
        snprintf(why, n_why, "'%s': %s", name, gai_strerror(error));
        return -1;
    }
    memcpy(ret_address, found->ai_addr, found->ai_addrlen);
    *ret_n = found->ai_addrlen;
    freeaddrinfo(found);
    return socket(ret_address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static bool exchange(int fd, enum rrto_energy_state state)
{
    static char block[BLOCK];
    if (state == RRTO_ENERGY_TRANSMIT)
        return send(fd, block, sizeof block, MSG_NOSIGNAL) > 0;
    if (state == RRTO_ENERGY_RECEIVE)
        return recv(fd, block, sizeof block, 0) > 0;
    return send(fd, "", 1, MSG_NOSIGNAL) == 1 && recv(fd, block, 1, 0) == 1;
}

bool rrto_calibrate_talk(const char *peer, enum rrto_energy_state state, uint64_t deadline_ns, char *why, size_t n_why)
{
    struct sockaddr_storage address;
    struct timeval silence = {.tv_sec = SILENCE_S};
    socklen_t n;
    int fd = prepare(peer, &address, &n, why, n_why);
    if (fd < 0)
        return false;
    char what = *rrto_energy_state_name(state);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
    bool good = connect(fd, (struct sockaddr *)&address, n) == 0 && send(fd, &what, 1, MSG_NOSIGNAL) == 1;
    while (good && rrto_calibrate_now() < deadline_ns)
        good = exchange(fd, state);
    if (!good)
        snprintf(why, n_why, "%s: %m (on that machine: rrto bench calibrate --serve)", peer);
    close(fd);
    return good;
}

static void serve_one(int fd)
{
    static char block[BLOCK];
    const struct timespec pause = {.tv_nsec = ANSWER_NS};
    char what;
    if (recv(fd, &what, 1, 0) != 1)
        return;
    if (what == 't')
        while (recv(fd, block, sizeof block, 0) > 0)
            ;
    else if (what == 'r')
        while (send(fd, block, sizeof block, MSG_NOSIGNAL) > 0)
            ;
    else if (what == 'w')
        while (recv(fd, block, 1, 0) == 1 && nanosleep(&pause, NULL) == 0 && send(fd, block, 1, MSG_NOSIGNAL) == 1)
            ;
}

void rrto_calibrate_serve(const char *name, char *why, size_t n_why)
{
    struct sockaddr_storage address;
    struct timeval silence = {.tv_sec = SILENCE_S};
    socklen_t n;
    int one = 1, listener = prepare(name, &address, &n, why, n_why);
    if (listener < 0)
        return;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, n) == 0 && listen(listener, 4) == 0) {
        printf("listening on %s\n", name);
        fflush(stdout);
        for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence);
            serve_one(fd);
        }
    }
    snprintf(why, n_why, "%s: %m", name);
    close(listener);
}
