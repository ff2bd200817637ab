/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts cost, one CSV line each: calls (bench/calls.c under rrto run), round trips and sessions over unix
 * sockets and loopback TCP beside the bare sockets, copies beside memcpy (bench/transfers.c), a worker's start. Then
 * ratios. Server and client share this machine; the server computes nothing (--compute skip). */
#include "cli/ping.h"
#include "echo.h"
#include "program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_LINES = 128, ROUNDS = 3, ECHOES = 5000, SESSIONS = 15, PINGS = 99, TIMEOUT_MS = 20000 };

/* A line of the table, and what it is the median of. */
struct line {
    char what[32], transport[8];
    size_t n_bytes;
    double p50[ROUNDS], p99[ROUNDS];
    unsigned n_rounds, n;
};
static struct line lines[MAX_LINES];
static unsigned n_lines;

static struct line *line_of(const char *what, const char *transport, size_t n_bytes)
{
    for (unsigned i = 0; i < n_lines; i++)
        if (strcmp(lines[i].what, what) == 0 && strcmp(lines[i].transport, transport) == 0 &&
            lines[i].n_bytes == n_bytes)
            return &lines[i];
    if (n_lines == MAX_LINES)
        exit(1);
    struct line *line = &lines[n_lines++];
    snprintf(line->what, sizeof line->what, "%s", what);
    snprintf(line->transport, sizeof line->transport, "%s", transport);
    line->n_bytes = n_bytes;
    return line;
}

static void add(const char *what, const char *transport, size_t n_bytes, double p50, double p99, unsigned n)
{
    struct line *line = line_of(what, transport, n_bytes);
    if (line->n_rounds == ROUNDS)
        return;
    line->p50[line->n_rounds] = p50;
    line->p99[line->n_rounds++] = p99;
    line->n += n;
}

static void add_samples(const char *what, const char *transport, size_t n_bytes, double *samples, size_t n)
{
    qsort(samples, n, sizeof *samples, bench_compare);
    add(what, transport, n_bytes, samples[n / 2], samples[n * 99 / 100], (unsigned)n);
}

/* --- calls --- */

static const char *mode;

/* Which calls of bench/calls.c become which lines; the same in both modes unless it says. */
static bool take_call(void *data, const char *text)
{
    static const struct {
        const char *call, *mode, *what;
    } wanted[] = {
        {"plain-call", "replay", "function-call"},       {"cudaGetErrorString", "replay", "door"},
        {"cudaGetDevice", "replay", "local-answer"},     {"launch-48B", "async", "async-op"},
        {"launch-48B", "replay", "replayed-op"},         {"launch-1KiB", "replay", "replayed-op-1KiB"},
        {"cublasSgemm", "replay", "replayed-op-cublas"}, {"cudnnBackendExecute", "replay", "replayed-op-cudnn"},
    };
    char threads[4], call[32];
    double p50, p99;
    (void)data;
    if (sscanf(text, "%1[12] %31s %lf %lf", threads, call, &p50, &p99) != 4)
        return false;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (*threads == '1' && strcmp(wanted[i].call, call) == 0 && strcmp(wanted[i].mode, mode) == 0)
            add(wanted[i].what, "-", 0, p50, p99, 1200);
    return true;
}

static void measure_calls(const char *rrto)
{
    static const char *const modes[] = {"async", "replay"};
    char calls[4096];
    bench_path("bench/programs/calls", calls, sizeof calls);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < 2; i++) {
            const char *const argv[] = {rrto, "run", "--compute", "skip", "--mode", mode = modes[i], "--", calls, NULL};
            bench_run(argv, take_call, NULL);
        }
}

/* --- a server, and what is measured against it --- */

static void die(const char *what)
{
    fprintf(stderr, "micro: %s\n", what);
    exit(1);
}

/* Starts rrtod with both transports; addresses[0] is the unix one. */
static pid_t start_server(const char *rrtod, const char *socket_path, char addresses[2][256])
{
    int ready[2];
    char fd_text[16], listen_text[256];
    if (pipe(ready) != 0)
        die("no pipe");
    snprintf(fd_text, sizeof fd_text, "%d", ready[1]);
    snprintf(listen_text, sizeof listen_text, "unix:%s", socket_path);
    pid_t server = fork();
    if (server == 0) {
        close(ready[0]);
        execl(rrtod, "rrtod", "--listen", listen_text, "--listen", "127.0.0.1:0", "--device", "soft", "--compute",
              "skip", "--ready-fd", fd_text, "--exit-with-parent", "--log", "warn", (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    FILE *file = fdopen(ready[0], "r");
    for (int i = 0; i < 2; i++) {
        if (!file || !fgets(addresses[i], 256, file))
            die("rrtod did not start");
        addresses[i][strcspn(addresses[i], "\n")] = '\0';
    }
    fclose(file);
    return server;
}

static void measure_sessions(const char *address, const char *transport)
{
    double connects[SESSIONS], exchanges[SESSIONS];
    char why[512];
    for (int i = 0; i < SESSIONS; i++) {
        struct rrto_ping_result result;
        if (rrto_ping(address, TIMEOUT_MS, PINGS, &result, why, sizeof why) != 0)
            die(why);
        connects[i] = (double)result.connect_ns;
        exchanges[i] = (double)result.round_trip_ns;
    }
    add_samples("session-set-up", transport, 0, connects, SESSIONS);
    add_samples("ping", transport, 0, exchanges, SESSIONS);
}

/* rrtod --stdio: from the fork to the worker's welcome, device open. */
static void measure_worker_start(const char *rrtod)
{
    double samples[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        int ends[2];
        char address[32], why[512];
        struct rrto_ping_result result;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
            die("no socket pair");
        pid_t worker = fork();
        if (worker == 0) {
            dup2(ends[1], STDIN_FILENO);
            execl(rrtod, "rrtod", "--stdio", "--device", "soft", "--compute", "skip", "--log", "warn", (char *)NULL);
            _exit(127);
        }
        close(ends[1]);
        snprintf(address, sizeof address, "fd:%d", ends[0]);
        if (rrto_ping(address, TIMEOUT_MS, 1, &result, why, sizeof why) != 0)
            die(why);
        samples[i] = (double)result.connect_ns;
        waitpid(worker, NULL, 0);
    }
    add_samples("worker-start", "stdio", 0, samples, SESSIONS);
}

static bool take_transfer(void *data, const char *text)
{
    char subject[32];
    size_t n_bytes;
    double p50, p99;
    unsigned n;
    if (sscanf(text, "%31s %zu %lf %lf %u", subject, &n_bytes, &p50, &p99, &n) != 5)
        return false;
    add(subject, strcmp(subject, "memcpy") == 0 ? "-" : data, n_bytes, p50, p99, n);
    return true;
}

static void measure_transfers(const char *rrto, const char *address, const char *transport)
{
    char transfers[4096];
    bench_path("bench/programs/transfers", transfers, sizeof transfers);
    const char *const argv[] = {rrto, "run", "--server", address, "--", transfers, NULL};
    for (unsigned round = 0; round < ROUNDS; round++)
        bench_run(argv, take_transfer, (void *)(uintptr_t)transport);
}

static void measure_echo(const char *transport)
{
    static double samples[ECHOES];
    if (!bench_echo(strcmp(transport, "tcp") == 0, samples, ECHOES))
        die("no sockets");
    add_samples("socket-echo", transport, 64, samples, ECHOES);
}

/* --- the table --- */

static double median(struct line *line)
{
    qsort(line->p50, line->n_rounds, sizeof line->p50[0], bench_compare);
    qsort(line->p99, line->n_rounds, sizeof line->p99[0], bench_compare);
    return line->n_rounds ? line->p50[line->n_rounds / 2] : 0;
}

static void print_lines(void)
{
    printf("what,transport,bytes,p50_ns,p99_ns,mb_per_s,n\n");
    for (unsigned i = 0; i < n_lines; i++) {
        struct line *line = &lines[i];
        double p50 = median(line);
        printf("%s,%s,%zu,%.1f,%.1f,", line->what, line->transport, line->n_bytes, p50, line->p99[line->n_rounds / 2]);
        if (line->n_bytes >= 4096)
            printf("%.0f", (double)line->n_bytes * 1e3 / p50);
        printf(",%u\n", line->n);
    }
}

static void print_ratio(const char *what, const char *to, const char *transport, const char *to_transport,
                        size_t n_bytes, size_t to_bytes)
{
    double a = median(line_of(what, transport, n_bytes)), b = median(line_of(to, to_transport, to_bytes));
    if (a > 0 && b > 0)
        printf("%s/%s,%s,%zu,%.2f\n", what, to, transport, n_bytes, a / b);
}

static void print_ratios(void)
{
    static const char *const transports[] = {"unix", "tcp"};
    printf("\nratio of times,transport,bytes,x\n");
    print_ratio("door", "function-call", "-", "-", 0, 0);
    print_ratio("local-answer", "function-call", "-", "-", 0, 0);
    print_ratio("replayed-op", "function-call", "-", "-", 0, 0);
    print_ratio("async-op", "replayed-op", "-", "-", 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        print_ratio("ping", "socket-echo", transports[i], transports[i], 0, 64);
        print_ratio("blocking-call", "socket-echo", transports[i], transports[i], 4, 64);
        print_ratio("blocking-call", "replayed-op", transports[i], "-", 4, 0);
        for (size_t n = 4096; n <= 64 << 20; n *= 4) {
            print_ratio("h2d", "memcpy", transports[i], "-", n, n);
            print_ratio("d2h", "memcpy", transports[i], "-", n, n);
        }
    }
}

int main(void)
{
    static const char *const transports[] = {"unix", "tcp"};
    char rrto[4096], rrtod[4096], folder[] = "/tmp/rrto-micro.XXXXXX", path[64], addresses[2][256];
    bench_path("bin/rrto", rrto, sizeof rrto);
    bench_path("bin/rrtod", rrtod, sizeof rrtod);
    if (!mkdtemp(folder))
        die("no temporary folder");
    snprintf(path, sizeof path, "%s/rrtod.sock", folder);
    measure_calls(rrto);
    pid_t server = start_server(rrtod, path, addresses);
    for (unsigned i = 0; i < 2; i++) {
        measure_echo(transports[i]);
        measure_sessions(addresses[i], transports[i]);
        measure_transfers(rrto, addresses[i], transports[i]);
    }
    measure_worker_start(rrtod);
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
    unlink(path);
    rmdir(folder);
    print_lines();
    print_ratios();
    return 0;
}
