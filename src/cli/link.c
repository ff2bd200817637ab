/* SPDX-License-Identifier: Apache-2.0 */
/* rrto link: a link emulator in user space. It delays and limits; a loss is a wait, as TCP shows it; nothing
 * is reordered, and headers of lower layers are not counted. */
#include "base/status.h"
#include "cli/cli.h"
#include "cli/link/relay.h"
#include "report/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const char help_text[] =
    "Usage: rrto link --listen ADDRESS --to ADDRESS [--link LINK] [OPTION]...\n\n"
    "Passes connections on as the link would. ADDRESS is HOST:PORT or unix:PATH; HOST:0 takes a free port. Prints the\n"
    "address that it listens on, and the bytes that passed when it ends (SIGTERM, SIGINT). Up is from the side that\n"
    "connects to the target. All connections share the link; its traces begin with the first one.\n\n"
    "LINK is [NAME|FILE][,KEY=VALUE]... (docs/link.md). KEYs, which are options, too (--delay MS):\n";
static const char help_end[] = "  --stats FILE       write the totals there, as JSON, instead of to standard output\n"
                               "  --log FILE         write what passed in each 100 ms there, as CSV\n"
                               "  --help\n\n"
                               "A byte begins to leave when those before it have left, takes the time that the rate "
                               "allows, and arrives the delay\n"
                               "after that.";

struct link {
    struct rrto_relay relay;
    struct rrto_link_spec spec;
    const char *listen, *to, *stats, *log;
    struct rrto_address target;
    uv_signal_t signals[2];
    uint64_t start_ns;
};

static void help(void)
{
    char folder[PATH_MAX];
    fputs(help_text, stdout);
    for (size_t i = 0; rrto_link_spec_key(i); i++) {
        const struct rrto_link_key *key = rrto_link_spec_key(i);
        printf("  %-8s %-17s %s%s\n", key->name, key->value, key->help, key->directed ? " *" : "");
    }
    puts("  * for both directions; KEY-up and KEY-down for one\n");
    if (rrto_link_folder(folder, sizeof folder))
        printf("NAMEs are the files NAME.link in %s.\n\n", folder);
    puts(help_end);
}

static int set_link(struct link *link, const char *key, const char *value)
{
    char why[1024];
    enum rrto_status status = key ? rrto_link_spec_set(&link->spec, key, value, NULL, why, sizeof why)
                                  : rrto_link_spec_parse(&link->spec, value, why, sizeof why);
    if (status == RRTO_OK)
        return -1;
    return rrto_cli_say(status == RRTO_INVALID ? RRTO_CLI_WRONG_USE : RRTO_CLI_FAILED, "link: %s", why);
}

/* Returns -1 to go on. Options are those below, and the keys of a link. */
static int parse(int argc, char **argv, struct link *link)
{
    const struct {
        const char *name, **value;
    } own[] = {{"listen", &link->listen}, {"to", &link->to}, {"stats", &link->stats}, {"log", &link->log}};
    for (int i = 1; i < argc; i++) {
        char name[64], *equals = strchr(argv[i], '=');
        size_t n = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]), j = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help();
            return 0;
        }
        if (n < 3 || n >= sizeof name || strncmp(argv[i], "--", 2) != 0)
            return rrto_cli_say(RRTO_CLI_WRONG_USE, "link: unknown option %s; see rrto link --help", argv[i]);
        snprintf(name, sizeof name, "%.*s", (int)n - 2, argv[i] + 2);
        const char *value = equals ? equals + 1 : argv[i + 1];
        if (!value)
            return rrto_cli_say(RRTO_CLI_WRONG_USE, "link: %s needs a value; see rrto link --help", argv[i]);
        i += !equals;
        while (j < sizeof own / sizeof own[0] && strcmp(own[j].name, name) != 0)
            j++;
        int status = -1;
        if (j < sizeof own / sizeof own[0])
            *own[j].value = value;
        else
            status = set_link(link, strcmp(name, "link") == 0 ? NULL : name, value);
        if (status >= 0)
            return status;
    }
    if (!link->listen || !link->to)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "link needs --listen and --to; see rrto link --help");
    return -1;
}

/* Resolves a TCP address; a unix address needs none. Returns -1 to go on. */
static int resolve(const char *name, struct rrto_address *ret_address, struct sockaddr_storage *ret_socket_address)
{
    char why[512], port[8];
    struct addrinfo *found, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    if (rrto_address_parse(name, ret_address, why, sizeof why) != RRTO_OK)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "link: %s", why);
    if (ret_address->kind == RRTO_ADDRESS_UNIX)
        return -1;
    if (ret_address->kind != RRTO_ADDRESS_TCP)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "link: '%s' cannot be used here; write HOST:PORT or unix:PATH", name);
    snprintf(port, sizeof port, "%u", ret_address->port);
    int error = getaddrinfo(ret_address->host, port, &hints, &found);
    if (error)
        return rrto_cli_say(RRTO_CLI_FAILED, "link: '%s' cannot be resolved: %s", ret_address->host,
                            gai_strerror(error));
    memcpy(ret_socket_address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return -1;
}

static void say_where(struct link *link, struct rrto_address *address)
{
    char text[300];
    struct sockaddr_storage bound;
    int n = sizeof bound;
    if (address->kind == RRTO_ADDRESS_TCP &&
        uv_tcp_getsockname(&link->relay.listener.tcp, (struct sockaddr *)&bound, &n) == 0)
        address->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                          : ((struct sockaddr_in *)&bound)->sin_port);
    rrto_address_print(address, text, sizeof text);
    printf("listening on %s\n", text);
    fflush(stdout);
}

static void write_totals(const struct link *link, int fd)
{
    struct rrto_json json;
    struct rusage usage;
    const struct rrto_relay *relay = &link->relay;
    rrto_json_init(&json, fd);
    rrto_json_open(&json, NULL, '{');
    rrto_json_decimal(&json, "seconds", (uv_hrtime() - link->start_ns) / 1000, 6);
    rrto_json_number(&json, "connections", relay->n_connections);
    rrto_json_number(&json, "bytes_up", relay->received_bytes[RRTO_LINK_UP]);
    rrto_json_number(&json, "bytes_down", relay->received_bytes[RRTO_LINK_DOWN]);
    rrto_json_number(&json, "delivered_up", relay->delivered_bytes[RRTO_LINK_UP]);
    rrto_json_number(&json, "delivered_down", relay->delivered_bytes[RRTO_LINK_DOWN]);
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++) {
        const struct rrto_shape *shape = &relay->shapes[i];
        uint64_t peak = rrto_schedule_peak(shape->schedule);
        rrto_json_decimal(&json, i ? "delay_down_ms" : "delay_up_ms", shape->delay_ns / 1000, 3);
        rrto_json_decimal(&json, i ? "rate_down_mbit" : "rate_up_mbit",
                          peak == RRTO_SCHEDULE_UNLIMITED ? 0 : peak / 1000, 3); /* a trace's peak */
        rrto_json_number(&json, i ? "lost_down" : "lost_up", shape->n_lost);
    }
    getrusage(RUSAGE_SELF, &usage);
    rrto_json_decimal(&json, "cpu_seconds",
                      (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                          (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
                      6);
    rrto_json_close(&json, '}');
    if (!rrto_json_finish(&json))
        rrto_cli_say(0, "link: the totals could not be written");
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct link *link = handle->data;
    (void)number;
    rrto_relay_stop(&link->relay);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&link->signals[i], NULL);
}

static void watch_signals(struct link *link, uv_loop_t *loop)
{
    const int numbers[2] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(loop, &link->signals[i]);
        link->signals[i].data = link;
        uv_signal_start(&link->signals[i], on_signal, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* What makes the emulation exact where it is allowed to: no timer slack, and a place before busy neighbours (the soft
 * GPU keeps every core busy, a real link would not wait for it). It spins for 50 us at most. */
static void be_punctual(void)
{
    struct sched_param priority = {.sched_priority = 1};
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &priority) != 0)
        setpriority(PRIO_PROCESS, 0, -10);
}

int rrto_cli_link(int argc, char **argv)
{
    static struct link link;
    struct rrto_address address;
    struct sockaddr_storage listen_address = {0};
    rrto_link_spec_init(&link.spec);
    int status = parse(argc, argv, &link);
    if (status < 0)
        status = resolve(link.to, &link.target, &link.relay.target);
    if (status < 0)
        status = resolve(link.listen, &address, &listen_address);
    if (status >= 0)
        return status;
    if (link.target.kind == RRTO_ADDRESS_UNIX)
        link.relay.target_path = link.target.host;
    for (int i = 0; i < RRTO_LINK_DIRECTIONS; i++)
        link.relay.shapes[i] = rrto_link_shape(&link.spec, (enum rrto_link_direction)i);
    link.relay.offset_ns = link.spec.offset_ns;
    link.relay.after = link.spec.after;
    if (link.log && !rrto_link_log_open(&link.relay.log, link.log))
        return rrto_cli_say(RRTO_CLI_FAILED, "link: %s cannot be written: %s", link.log, strerror(errno));
    int stats_fd = STDOUT_FILENO;
    if (link.stats && (stats_fd = open(link.stats, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) < 0)
        return rrto_cli_say(RRTO_CLI_FAILED, "link: %s cannot be written: %s", link.stats, strerror(errno));
    uv_loop_t *loop = uv_default_loop();
    bool listens_on_path = address.kind == RRTO_ADDRESS_UNIX;
    int error = rrto_relay_start(&link.relay, loop, (const struct sockaddr *)&listen_address,
                                 listens_on_path ? address.host : NULL);
    if (error)
        return rrto_cli_say(RRTO_CLI_FAILED, "link: cannot listen on %s: %s", link.listen, uv_strerror(error));
    be_punctual();
    watch_signals(&link, loop);
    link.start_ns = uv_hrtime();
    say_where(&link, &address);
    uv_run(loop, UV_RUN_DEFAULT);
    fflush(stdout);
    write_totals(&link, stats_fd);
    if (!rrto_link_log_close(&link.relay.log))
        rrto_cli_say(0, "link: the log could not be written");
    rrto_link_spec_fini(&link.spec);
    return 0;
}
