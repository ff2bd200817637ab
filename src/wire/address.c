/* SPDX-License-Identifier: Apache-2.0 */
/* Server names: HOST:PORT, unix:PATH, fd:N. */
#include "wire/connect.h"

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int wrong(const char *name, const char *what, char *ret_why, size_t n_why)
{
    if (ret_why)
        snprintf(ret_why, n_why, "'%.200s' is no server address: %s; write HOST:PORT or unix:PATH", name, what);
    return RRTO_INVALID;
}

/* Decimal digits only, no sign, no blanks, at most max. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret_number)
{
    unsigned long number = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (unsigned long)(*text - '0');
        if (number > max)
            return false;
    }
    *ret_number = number;
    return true;
}

static int parse_tcp(const char *name, struct rrto_address *address, char *ret_why, size_t n_why)
{
    const char *host = name, *port = NULL;
    size_t n_host;
    if (*name == '[') {
        const char *end = strchr(name, ']');
        if (!end)
            return wrong(name, "']' is missing", ret_why, n_why);
        host = name + 1;
        n_host = (size_t)(end - host);
        if (end[1] == ':')
            port = end + 2;
        else if (end[1])
            return wrong(name, "':' is missing behind ']'", ret_why, n_why);
    } else {
        const char *colon = strchr(name, ':');
        if (colon && strchr(colon + 1, ':'))
            return wrong(name, "an IPv6 address stands in brackets", ret_why, n_why);
        n_host = colon ? (size_t)(colon - name) : strlen(name);
        port = colon ? colon + 1 : NULL;
    }
    if (n_host == 0)
        return wrong(name, "the host is missing", ret_why, n_why);
    if (n_host >= sizeof address->host)
        return wrong(name, "the host name is too long", ret_why, n_why);
    for (size_t i = 0; i < n_host; i++) {
        if (host[i] <= ' ' || host[i] > '~' || strchr("[]/", host[i]))
            return wrong(name, "no host name has such characters", ret_why, n_why);
    }
    unsigned long number = RRTO_WIRE_DEFAULT_PORT;
    if (port && !parse_number(port, 65535, &number))
        return wrong(name, "the port is not a number up to 65535", ret_why, n_why);
    address->kind = RRTO_ADDRESS_TCP;
    memcpy(address->host, host, n_host);
    address->port = (uint16_t)number;
    return RRTO_OK;
}

int rrto_address_parse(const char *name, struct rrto_address *ret_address, char *ret_why, size_t n_why)
{
    struct rrto_address address = {.fd = -1};
    int status = RRTO_OK;
    if (strncmp(name, "unix:", 5) == 0) {
        const char *path = name + 5;
        address.kind = RRTO_ADDRESS_UNIX;
        if (!*path)
            return wrong(name, "the path is missing", ret_why, n_why);
        if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path)
            return wrong(name, "the path is longer than the system allows (107 bytes)", ret_why, n_why);
        snprintf(address.host, sizeof address.host, "%s", path);
    } else if (strncmp(name, "fd:", 3) == 0) {
        unsigned long number;
        address.kind = RRTO_ADDRESS_FD;
        if (!parse_number(name + 3, 1 << 20, &number))
            return wrong(name, "the descriptor is not a number", ret_why, n_why);
        address.fd = (int)number;
    } else {
        status = parse_tcp(name, &address, ret_why, n_why);
    }
    if (status == RRTO_OK)
        *ret_address = address;
    return status;
}

void rrto_address_print(const struct rrto_address *address, char *out, size_t n_out)
{
    if (address->kind == RRTO_ADDRESS_UNIX)
        snprintf(out, n_out, "unix:%s", address->host);
    else if (address->kind == RRTO_ADDRESS_FD)
        snprintf(out, n_out, "fd:%d", address->fd);
    else if (strchr(address->host, ':') || strcmp(address->host, "unix") == 0 || strcmp(address->host, "fd") == 0)
        snprintf(out, n_out, "[%s]:%u", address->host, address->port); /* or it would read as something else */
    else
        snprintf(out, n_out, "%s:%u", address->host, address->port);
}

int rrto_address_unix(const char *path, struct sockaddr_storage *ret_address, socklen_t *ret_n)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof address.sun_path)
        return RRTO_TOO_LARGE;
    memcpy(address.sun_path, path, n);
    memset(ret_address, 0, sizeof *ret_address);
    memcpy(ret_address, &address, sizeof address);
    *ret_n = sizeof address;
    return RRTO_OK;
}
