/* SPDX-License-Identifier: Apache-2.0 */
/* rrto link: a link emulator in user space. It delays and limits; it does not lose, reorder or count headers of lower
 * layers. */
#include "base/status.h"
#include "cli/cli.h"
#include "cli/relay.h"
#include "report/json.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
    "Usage: rrto link --listen ADDRESS --to ADDRESS [OPTION]...\n\n"
    "Passes connections on as a link with the given one-way delay and rate would. ADDRESS is HOST:PORT or unix:PATH;\n"
    "HOST:0 takes a free port. Prints the address that it listens on, and the bytes that passed when it ends "
    "(SIGTERM,\n"
    "SIGINT). Up is from the side that connects to the target. All connections share the link.\n\n"
    "  --delay MS         one way, both directions     --delay-up MS, --delay-down MS  one direction\n"
    "  --rate MBIT        per second, both directions  --rate-up MBIT, --rate-down MBIT  one direction; 0: unlimited\n"
    "  --stats FILE       write the totals there, as JSON, instead of to standard output\n"
    "  --help\n\n"
    "A byte begins to leave when those before it have left, has left 8 bits / rate later, and arrives the delay after "
    "that.";

enum { OPTION_LISTEN = 256, OPTION_TO, OPTION_STATS, OPTION_DELAY, OPTION_RATE };
static const double max_delay_ms = 60000, max_rate_mbit = 100000;

struct link {
    struct rrto_relay relay;
    const char *listen, *to, *stats;
    double delay_ms[RRTO_RELAY_DIRECTIONS], rate_mbit[RRTO_RELAY_DIRECTIONS];
    struct rrto_address target;
    uv_signal_t signals[2];
    uint64_t start_ns;
};

/* which: 0 both, 1 up, 2 down. */
static bool set_numbers(double values[RRTO_RELAY_DIRECTIONS], int which, const char *text, double max)
{
    double value;
    if (!rrto_cli_decimal(text, max, &value))
        return false;
    if (which != 2)
        values[RRTO_RELAY_UP] = value;
    if (which != 1)
        values[RRTO_RELAY_DOWN] = value;
    return true;
}

static int parse(int argc, char **argv, struct link *link)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, OPTION_LISTEN},
        {"to", required_argument, NULL, OPTION_TO},
        {"stats", required_argument, NULL, OPTION_STATS},
        {"delay", required_argument, NULL, OPTION_DELAY},
        {"delay-up", required_argument, NULL, OPTION_DELAY},
        {"delay-down", required_argument, NULL, OPTION_DELAY},
        {"rate", required_argument, NULL, OPTION_RATE},
        {"rate-up", required_argument, NULL, OPTION_RATE},
        {"rate-down", required_argument, NULL, OPTION_RATE},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int index = 0;
    for (int option; (option = getopt_long(argc, argv, ":h", options, &index)) != -1;) {
        const char *name = option >= OPTION_DELAY ? options[index].name : "";
        int which = strstr(name, "-up") ? 1 : strstr(name, "-down") ? 2 : 0;
        if (option == 'h') {
            puts(help_text);
            return 0;
        } else if (option == OPTION_LISTEN) {
            link->listen = optarg;
        } else if (option == OPTION_TO) {
            link->to = optarg;
        } else if (option == OPTION_STATS) {
            link->stats = optarg;
        } else if (option == OPTION_DELAY) {
            if (!set_numbers(link->delay_ms, which, optarg, max_delay_ms))
                return rrto_cli_say(RRTO_CLI_WRONG_USE, "link: '%s' is no delay of at most %g ms", optarg,
                                    max_delay_ms);
        } else if (option == OPTION_RATE) {
            if (!set_numbers(link->rate_mbit, which, optarg, max_rate_mbit))
                return rrto_cli_say(RRTO_CLI_WRONG_USE, "link: '%s' is no rate of at most %g Mbit/s", optarg,
                                    max_rate_mbit);
        } else {
            return rrto_cli_bad_option(argv, option);
        }
    }
    if (!link->listen || !link->to || optind < argc)
        return rrto_cli_say(RRTO_CLI_WRONG_USE,
                            "link needs --listen and --to, and no other arguments; see rrto link --help");
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
    const struct rrto_relay *relay = &link->relay;
    rrto_json_init(&json, fd);
    rrto_json_open(&json, NULL, '{');
    rrto_json_decimal(&json, "seconds", (uv_hrtime() - link->start_ns) / 1000, 6);
    rrto_json_number(&json, "connections", relay->n_connections);
    rrto_json_number(&json, "bytes_up", relay->received_bytes[RRTO_RELAY_UP]);
    rrto_json_number(&json, "bytes_down", relay->received_bytes[RRTO_RELAY_DOWN]);
    rrto_json_number(&json, "delivered_up", relay->delivered_bytes[RRTO_RELAY_UP]);
    rrto_json_number(&json, "delivered_down", relay->delivered_bytes[RRTO_RELAY_DOWN]);
    for (int i = 0; i < RRTO_RELAY_DIRECTIONS; i++) {
        rrto_json_decimal(&json, i ? "delay_down_ms" : "delay_up_ms", relay->shapes[i].delay_ns / 1000, 3);
        rrto_json_decimal(&json, i ? "rate_down_mbit" : "rate_up_mbit", relay->shapes[i].bits_per_s / 1000, 3);
    }
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
    int status = parse(argc, argv, &link);
    if (status < 0)
        status = resolve(link.to, &link.target, &link.relay.target);
    if (status < 0)
        status = resolve(link.listen, &address, &listen_address);
    if (status >= 0)
        return status;
    if (link.target.kind == RRTO_ADDRESS_UNIX)
        link.relay.target_path = link.target.host;
    for (int i = 0; i < RRTO_RELAY_DIRECTIONS; i++) {
        link.relay.shapes[i].delay_ns = (uint64_t)(link.delay_ms[i] * 1e6);
        link.relay.shapes[i].bits_per_s = (uint64_t)(link.rate_mbit[i] * 1e6);
    }
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
    return 0;
}
