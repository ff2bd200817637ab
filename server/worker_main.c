/* SPDX-License-Identifier: Apache-2.0 */
/* rrto-worker: serves one client on an inherited connection. Started by rrtod, not by hand. */
#include "base/log.h"
#include "base/status.h"
#include "gen/vendor.h"
#include "sandbox.h"
#include "session.h"
#include "worker_process.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* The parent holds the other end of the control socket: when it is gone, so are we, whatever the device is doing. */
static void *follow_parent(void *arg)
{
    (void)arg;
    char byte;
    ssize_t n;
    do
        n = read(RRTO_WORKER_CONTROL_FD, &byte, 1);
    while (n != 0);
    rrto_info("rrtod is gone: ending");
    _exit(3);
}

static int parse(struct rrto_worker *worker, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char name[64], why[200];
        const char *equals = strchr(argv[i], '=');
        if (!equals)
            return RRTO_INVALID;
        snprintf(name, sizeof name, "%.*s", (int)(equals - argv[i]), argv[i]);
        if (strcmp(name, "hello-flags") == 0) {
            worker->hello_flags = (uint32_t)strtoul(equals + 1, NULL, 10);
        } else if (strcmp(name, "hello-minor") == 0) {
            worker->hello_minor = (uint32_t)strtoul(equals + 1, NULL, 10);
        } else if (strcmp(name, "session") == 0) {
            static char log_name[40];
            snprintf(log_name, sizeof log_name, "rrto-worker %.20s", equals + 1);
            rrto_log_set_name(log_name);
        } else if (rrto_options_set(&worker->options, name, equals + 1, why, sizeof why) != RRTO_OK) {
            rrto_error("%s", why);
            return RRTO_INVALID;
        }
    }
    worker->plain = worker->hello_flags & RRTO_HELLO_PLAIN;
    return rrto_compute_parse(worker->options.compute, &worker->compute) ? RRTO_OK : RRTO_INVALID;
}

/* Before the sandbox closes the files. */
static int open_answers(struct rrto_worker *worker)
{
    char why[300];
    rrto_answers_init(&worker->kept);
    bool real = worker->compute.mode == RRTO_COMPUTE_REAL;
    if (!*worker->options.answers || rrto_answers_open(&worker->kept, worker->options.answers, real, why, sizeof why))
        return RRTO_OK;
    rrto_error("%s", why);
    return RRTO_INVALID;
}

static void set_log_level(const char *name)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, levels[i]) == 0)
            rrto_log_set_level((enum rrto_log_level)i);
    }
}

/* The worker needs nothing more from the system than it has. */
static void drop_powers(void)
{
    struct rlimit none = {0, 0};
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none); /* a core would hold the client's data */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the whole process group; rrtod decides */
    signal(SIGHUP, SIG_IGN);
}

/* A client that vanished without a word (power, network) is noticed within a minute and a half. On a unix socket this
 * does nothing. */
static void keep_alive(int fd)
{
    int on = 1, idle_s = 30, interval_s = 10, count = 6;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void enter_context(void *arg)
{
    struct rrto_worker *worker = arg;
    (void)worker->driver.cuCtxSetCurrent(worker->context);
}

int main(int argc, char **argv)
{
    static struct rrto_worker worker;
    rrto_log_set_name("rrto-worker");
    rrto_options_init(&worker.options);
    if (argc < 2 || parse(&worker, argc, argv) != RRTO_OK) {
        fprintf(stderr, "rrto-worker: rrtod starts this program; see rrtod --help\n");
        return 2;
    }
    if (rrto_text_open(&worker.text) != RRTO_OK) {
        rrto_error("no pipes or threads are left for what kernels print");
        return 1;
    }
    set_log_level(worker.options.log);
    if (open_answers(&worker) != RRTO_OK)
        return 2;
    drop_powers();
    pthread_t thread;
    if (pthread_create(&thread, NULL, follow_parent, NULL) != 0)
        return 1;
    worker.vendor = calloc(1, sizeof *worker.vendor);
    if (!worker.vendor)
        return 1;
    rrto_conn_init_socket(&worker.conn, RRTO_WORKER_CONN_FD);
    keep_alive(RRTO_WORKER_CONN_FD);
    rrto_objects_init(&worker.objects);
    int status = rrto_worker_greet(&worker);
    if (status != RRTO_OK) {
        rrto_text_close(&worker.text);
        _exit(status == RRTO_CLOSED || status == RRTO_TRUNCATED ? 0 : 1);
    }
    if (worker.options.sandbox)
        rrto_sandbox_enter();
    rrto_reader_init(&worker.reader, &worker.conn);
    rrto_staging_init(&worker.staging, &worker.driver, worker.options.staging);
    rrto_results_init(&worker.results, &worker.conn, worker.results_past_bytes, worker.results_stress);
    if (rrto_outbox_start(&worker.outbox, &worker.conn, worker.options.staging, enter_context, &worker) != RRTO_OK ||
        rrto_completion_init(&worker.completion, &worker.driver, worker.context, &worker.outbox) != RRTO_OK) {
        rrto_error("out of memory or threads");
        return 1;
    }
    worker.outbox.results = worker.results.on ? &worker.results : NULL;
    worker.completion.text = &worker.text;
    rrto_text_attach(&worker.text, &worker.outbox, worker.hello_minor >= RRTO_WIRE_MINOR_TEXT);
    status = rrto_worker_run(&worker);
    rrto_text_close(&worker.text);
    /* The driver's own clean-up may wait for kernels; the system frees everything. */
    _exit(status);
}
