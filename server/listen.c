/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include "base/log.h"
#include "base/status.h"
#include "wire/connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

void rrto_listen_default(char *out, size_t n_out)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    struct sockaddr_un limit;
    int n = run && *run == '/' ? snprintf(out, n_out, "unix:%s/rrto/rrtod.sock", run) : 0;
    if (n <= 0 || (size_t)n >= n_out || (size_t)n >= sizeof limit.sun_path + 5)
        snprintf(out, n_out, "127.0.0.1:%d", RRTO_WIRE_DEFAULT_PORT);
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

/* The address as bound, with the port that the system chose. */
static void name_socket(int fd, const char *host, char *out, size_t n_out)
{
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    char port[8] = "?";
    if (getsockname(fd, (struct sockaddr *)&bound, &n) == 0)
        (void)getnameinfo((struct sockaddr *)&bound, n, NULL, 0, port, sizeof port, NI_NUMERICSERV);
    snprintf(out, n_out, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

static int open_one_tcp(const struct addrinfo *info, const char *name, struct rrto_listener *listener, char *why,
                        size_t n_why)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted sockets inherit it */
        if (info->ai_family == AF_INET6)
            (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    }
    if (fd < 0 || bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        snprintf(why, n_why, "cannot listen on %.200s: %m%s", name,
                 errno == EADDRINUSE ? "; another rrtod may be running, choose another port" : "");
        if (fd >= 0)
            close(fd);
        return RRTO_IO;
    }
    char host[INET6_ADDRSTRLEN] = "?";
    (void)getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    memset(listener, 0, sizeof *listener);
    listener->fd = fd;
    name_socket(fd, host, listener->address, sizeof listener->address);
    return RRTO_OK;
}

static int open_tcp(const struct rrto_address *address, const char *name, struct rrto_listener *listeners,
                    size_t *n_listeners, char *why, size_t n_why)
{
    char port[8];
    snprintf(port, sizeof port, "%u", address->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    int lookup = getaddrinfo(address->host, port, &hints, &found);
    if (lookup != 0) {
        snprintf(why, n_why, "cannot listen on %.200s: %s", name, gai_strerror(lookup));
        return RRTO_NOT_FOUND;
    }
    int status = RRTO_OK;
    for (const struct addrinfo *at = found; at && status == RRTO_OK; at = at->ai_next) {
        if (!is_loopback(at->ai_addr)) {
            snprintf(
                why, n_why,
                "%.200s can be reached from other machines, and rrtod has no keys to tell who may use it; listen on "
                "127.0.0.1 and come in through an SSH tunnel (ssh -L)",
                name);
            status = RRTO_REFUSED;
        }
    }
    /* "localhost" often names ::1 and 127.0.0.1; one that works is enough. Port 0 could not be the same on both anyway.
     */
    size_t opened = 0;
    for (const struct addrinfo *at = found; at && status == RRTO_OK && *n_listeners < RRTO_LISTEN_MAX;
         at = at->ai_next) {
        if (opened && address->port == 0)
            break;
        if (open_one_tcp(at, name, &listeners[*n_listeners], why, n_why) == RRTO_OK) {
            (*n_listeners)++;
            opened++;
        }
    }
    freeaddrinfo(found);
    return status == RRTO_OK && !opened ? RRTO_IO : status;
}

/* Whether somebody answers on a unix socket. */
static bool is_alive(const struct sockaddr *address, socklen_t n)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && (connect(fd, address, n) == 0 || errno == EAGAIN || errno == EINPROGRESS);
    if (fd >= 0)
        close(fd);
    return alive;
}

static void make_folder_of(const char *path)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return;
    *slash = '\0';
    (void)mkdir(folder, 0700); /* if that fails, bind says why */
}

static int open_unix(const struct rrto_address *address, struct rrto_listener *listener, char *why, size_t n_why)
{
    struct sockaddr_storage storage;
    socklen_t n;
    if (rrto_address_unix(address->host, &storage, &n) != RRTO_OK)
        return RRTO_TOO_LARGE; /* cannot be: it was parsed */
    const struct sockaddr *name = (struct sockaddr *)&storage;
    make_folder_of(address->host);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0177);
    int failed = fd < 0 || bind(fd, name, n) != 0;
    if (failed && fd >= 0 && errno == EADDRINUSE) {
        struct stat info;
        if (is_alive(name, n)) {
            snprintf(why, n_why, "another server listens on unix:%.200s already; stop it, or choose another address",
                     address->host);
            umask(before);
            close(fd);
            return RRTO_REFUSED;
        }
        if (lstat(address->host, &info) == 0 && S_ISSOCK(info.st_mode)) {
            rrto_info("replacing unix:%s, on which nobody listens any more", address->host);
            (void)unlink(address->host);
            failed = bind(fd, name, n) != 0;
        } else {
            errno = EEXIST;
        }
    }
    umask(before);
    struct stat info;
    if (failed || listen(fd, BACKLOG) != 0 || stat(address->host, &info) != 0) {
        snprintf(why, n_why, "cannot listen on unix:%.200s: %m", address->host);
        if (fd >= 0)
            close(fd);
        return RRTO_IO;
    }
    memset(listener, 0, sizeof *listener);
    listener->fd = fd;
    snprintf(listener->address, sizeof listener->address, "unix:%s", address->host);
    snprintf(listener->path, sizeof listener->path, "%s", address->host);
    listener->device = info.st_dev;
    listener->inode = info.st_ino;
    return RRTO_OK;
}

int rrto_listen_open(const char *address, struct rrto_listener listeners[RRTO_LISTEN_MAX], size_t *n_listeners,
                     char *why, size_t n_why)
{
    struct rrto_address parsed;
    int status = rrto_address_parse(address, &parsed, why, n_why);
    if (status != RRTO_OK)
        return status;
    if (*n_listeners == RRTO_LISTEN_MAX) {
        snprintf(why, n_why, "at most %d addresses to listen on", RRTO_LISTEN_MAX);
        return RRTO_TOO_LARGE;
    }
    if (parsed.kind == RRTO_ADDRESS_TCP)
        return open_tcp(&parsed, address, listeners, n_listeners, why, n_why);
    if (parsed.kind != RRTO_ADDRESS_UNIX) {
        snprintf(why, n_why, "'%.200s' is no address to listen on; write HOST:PORT or unix:PATH", address);
        return RRTO_INVALID;
    }
    status = open_unix(&parsed, &listeners[*n_listeners], why, n_why);
    if (status == RRTO_OK)
        (*n_listeners)++;
    return status;
}

void rrto_listen_close(struct rrto_listener *listener)
{
    struct stat info;
    if (listener->path[0] && stat(listener->path, &info) == 0 && info.st_dev == listener->device &&
        info.st_ino == listener->inode)
        (void)unlink(listener->path);
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}
