/* SPDX-License-Identifier: Apache-2.0 */
/* rrtod: the server. Reads its options, listens, and leaves the rest to sessions.c; each client gets a process of its
 * own (rrto-worker). */
#include "base/log.h"
#include "base/status.h"
#include "base/version.h"
#include "listen.h"
#include "notify.h"
#include "options.h"
#include "sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

static const char usage[] = "usage: rrtod [--config FILE] [--listen ADDRESS]... [OPTION]...\n"
                            "Serves this machine's GPU (or a soft one) to rrto clients.\n\n"
                            "  --config FILE              read options from FILE (name = value) first\n"
                            "  --check-config             check the options and exit\n"
                            "  --dump-config              print the options as a configuration file and exit\n"
                            "  --version                  print the version and exit\n"
                            "  --help                     print this text and exit\n";

static int complain(const char *text)
{
    fprintf(stderr, "rrtod: %s\n", text);
    return EXIT_USAGE;
}

enum what { SERVE, CHECK, DUMP, QUIT };

/* The configuration file comes first, wherever it stands: flags go over it. */
static int parse(int argc, char **argv, struct rrto_options *options, enum what *ret_what, char *why, size_t n_why)
{
    *ret_what = SERVE;
    for (int i = 1; i < argc; i++) {
        const char *file = NULL;
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            file = argv[++i];
        else if (strncmp(argv[i], "--config=", 9) == 0)
            file = argv[i] + 9;
        if (file && rrto_options_load(options, file, why, n_why) != RRTO_OK)
            return EXIT_USAGE;
    }
    bool listens = false;
    for (int i = 1; i < argc; i++) {
        char name[64];
        if (strncmp(argv[i], "--", 2) != 0 || !argv[i][2]) {
            snprintf(why, n_why, "'%.80s' is no option; try rrtod --help", argv[i]);
            return EXIT_USAGE;
        }
        const char *equals = strchr(argv[i], '='), *value = equals ? equals + 1 : NULL;
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - argv[i] - 2) : 60, argv[i] + 2);
        if (strcmp(name, "help") == 0 || strcmp(name, "version") == 0) {
            if (name[0] == 'h') {
                fputs(usage, stdout);
                rrto_options_help(stdout);
            } else {
                printf("rrtod %s (build %s)\n", rrto_version(), rrto_build_id());
            }
            *ret_what = QUIT;
            return 0;
        }
        if (strcmp(name, "check-config") == 0 || strcmp(name, "dump-config") == 0) {
            *ret_what = name[0] == 'c' ? CHECK : DUMP;
            continue;
        }
        bool is_flag = strcmp(name, "stdio") == 0 || strcmp(name, "exit-with-parent") == 0;
        if (!value && !is_flag && i + 1 < argc)
            value = argv[++i];
        if (strcmp(name, "config") == 0) {
            if (value)
                continue;
            snprintf(why, n_why, "config needs a value (FILE)");
            return EXIT_USAGE;
        }
        if (strcmp(name, "listen") == 0 && !listens) {
            listens = true; /* --listen replaces what the file says */
            options->listen[0] = '\0';
        }
        if (rrto_options_set(options, name, value, why, n_why) != RRTO_OK)
            return EXIT_USAGE;
    }
    return rrto_options_check(options, why, n_why) == RRTO_OK ? 0 : EXIT_USAGE;
}

static void set_log_level(const char *name)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, levels[i]) == 0)
            rrto_log_set_level((enum rrto_log_level)i);
    }
}

/* ../lib/rrto/rrto-worker, seen from this program. */
static bool find_worker(char *out, size_t n_out)
{
    ssize_t n = readlink("/proc/self/exe", out, n_out - 1);
    if (n <= 0)
        return false;
    out[n] = '\0';
    for (int i = 0; i < 2; i++) { /* the program's name, then bin */
        char *slash = strrchr(out, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
    size_t length = strlen(out);
    return (size_t)snprintf(out + length, n_out - length, "/lib/rrto/rrto-worker") < n_out - length;
}

static bool follow_parent(void)
{
    pid_t parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGINT) != 0)
        return false;
    return getppid() == parent; /* it may have died in between */
}

/* Every address on a line, then the descriptor is closed: whoever waits for it sees the end. */
static void tell_ready(const struct rrto_options *options, const struct rrto_listener *listeners, size_t n_listeners)
{
    if (*options->ready_fd) {
        int fd = (int)strtol(options->ready_fd, NULL, 10);
        for (size_t i = 0; i < n_listeners; i++)
            dprintf(fd, "%s\n", listeners[i].address);
        close(fd);
    }
    rrto_notify("READY=1");
}

static int serve(const struct rrto_options *options, const char *worker_path)
{
    struct rrto_listener listeners[RRTO_LISTEN_MAX];
    size_t n_listeners = 0;
    char why[500], address[300];
    const char *at = options->listen;
    if (!*at && !options->stdio) {
        rrto_listen_default(address, sizeof address);
        at = address;
        if (rrto_listen_open(address, listeners, &n_listeners, why, sizeof why) != RRTO_OK) {
            rrto_error("%s", why);
            return 1;
        }
        at = "";
    }
    while (rrto_options_next(&at, address, sizeof address)) {
        if (rrto_listen_open(address, listeners, &n_listeners, why, sizeof why) != RRTO_OK) {
            rrto_error("%s", why);
            while (n_listeners)
                rrto_listen_close(&listeners[--n_listeners]);
            return 1;
        }
    }
    uv_loop_t loop;
    struct rrto_sessions *sessions = NULL;
    if (uv_loop_init(&loop) == 0)
        sessions = rrto_sessions_create(&loop, options, worker_path, listeners, n_listeners);
    if (!sessions) {
        rrto_error("out of memory");
        return 1;
    }
    if (options->stdio) {
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 5);
        int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (nothing >= 0)
            (void)dup2(nothing, STDIN_FILENO);
        rrto_sessions_adopt(sessions, fd);
    }
    for (size_t i = 0; i < n_listeners; i++)
        rrto_info("listening on %s", listeners[i].address);
    tell_ready(options, listeners, n_listeners);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    rrto_debug("bye");
    return rrto_sessions_destroy(sessions);
}

int main(int argc, char **argv)
{
    struct rrto_options options;
    enum what what;
    char why[500] = "", worker_path[4096];
    rrto_log_set_name("rrtod");
    rrto_options_init(&options);
    int status = parse(argc, argv, &options, &what, why, sizeof why);
    if (status != 0) {
        complain(why);
    } else if (what == DUMP) {
        rrto_options_dump(&options, stdout);
    } else if (what == SERVE) {
        set_log_level(options.log);
        signal(SIGPIPE, SIG_IGN);
        if (options.exit_with_parent && !follow_parent()) {
            rrto_info("the parent is gone");
        } else if (!find_worker(worker_path, sizeof worker_path) || access(worker_path, X_OK) != 0) {
            rrto_error("the worker program %s is missing; is the installation complete?", worker_path);
            status = 1;
        } else {
            status = serve(&options, worker_path);
        }
    }
    rrto_options_fini(&options);
    return status;
}
