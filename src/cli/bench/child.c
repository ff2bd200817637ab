/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/child.h"

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURN_MS = 100, STOP_MS = 5000, SHOWN_LINES = 15 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

void rrto_bench_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool rrto_bench_interrupted(void)
{
    return interrupted != 0;
}

double rrto_bench_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* In the child: does not return. */
static void become(char *const argv[], const char *const *environment, int out_fd, int error_fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(RRTO_CLI_RUN_FAILED);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    for (; environment && environment[0]; environment += 2)
        if (environment[1] ? setenv(environment[0], environment[1], 1) : unsetenv(environment[0]))
            _exit(RRTO_CLI_RUN_FAILED);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null_fd, STDIN_FILENO);
    dup2(out_fd, STDOUT_FILENO);
    dup2(out_fd, STDERR_FILENO);
    execvp(argv[0], argv);
    int error = errno;
    (void)!write(error_fd, &error, sizeof error);
    _exit(RRTO_CLI_NOT_EXECUTABLE);
}

bool rrto_bench_start(struct rrto_bench_child *child, char *const argv[], const char *const *environment,
                      const char *log)
{
    int fds[2], error = 0, out_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    *child = (struct rrto_bench_child){.log = log};
    if (out_fd < 0)
        return false;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        close(out_fd);
        return false;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(argv, environment, out_fd, fds[1], parent);
    close(out_fd);
    close(fds[1]);
    if (pid > 0 && read(fds[0], &error, sizeof error) == sizeof error) { /* else: the exec has closed it */
        waitpid(pid, NULL, 0);
        pid = -1;
        errno = error;
    }
    close(fds[0]);
    child->pid = pid > 0 ? pid : 0;
    return pid > 0;
}

/* Whether the log says where it listens. */
static bool find_address(struct rrto_bench_child *child)
{
    char line[400];
    FILE *file = fopen(child->log, "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file))
        found = strchr(line, '\n') && sscanf(line, "listening on %299s", child->address) == 1;
    if (file)
        fclose(file);
    return found;
}

bool rrto_bench_start_listening(struct rrto_bench_child *child, char *const argv[], const char *const *environment,
                                const char *log, double limit_s)
{
    if (!rrto_bench_start(child, argv, environment, log)) {
        rrto_cli_say(0, "bench: '%s' could not be executed: %s", argv[0], strerror(errno));
        return false;
    }
    for (double until = rrto_bench_seconds() + limit_s; rrto_bench_seconds() < until && !interrupted;) {
        if (find_address(child))
            return true;
        if (waitpid(child->pid, NULL, WNOHANG) != 0) {
            child->pid = 0;
            break;
        }
        pause_ms(10);
    }
    if (!interrupted)
        rrto_cli_say(0, "bench: '%s' does not listen; it said:", argv[0]);
    rrto_bench_stop(child);
    if (!interrupted)
        rrto_bench_show_log(log);
    return false;
}

int rrto_bench_wait(struct rrto_bench_child *child, double limit_s, void (*turn)(void *arg), void *arg)
{
    int status = 0;
    bool asked = false;
    for (double start = rrto_bench_seconds(); child->pid;) {
        pid_t ended = waitpid(child->pid, &status, WNOHANG);
        if (ended == child->pid || (ended < 0 && errno != EINTR)) {
            child->pid = 0;
            break;
        }
        if (!asked && (interrupted || (limit_s > 0 && rrto_bench_seconds() - start >= limit_s))) {
            kill(child->pid, SIGTERM);
            asked = true;
        }
        if (turn)
            turn(arg);
        pause_ms(TURN_MS);
    }
    return status;
}

void rrto_bench_stop(struct rrto_bench_child *child)
{
    if (!child->pid)
        return;
    kill(child->pid, SIGTERM);
    for (int waited_ms = 0; waitpid(child->pid, NULL, WNOHANG) == 0; waited_ms += 5) {
        if (waited_ms >= STOP_MS) {
            kill(child->pid, SIGKILL);
            waitpid(child->pid, NULL, 0);
            break;
        }
        pause_ms(5);
    }
    child->pid = 0;
}

void rrto_bench_show_log(const char *log)
{
    char lines[SHOWN_LINES][400];
    size_t n = 0;
    FILE *file = fopen(log, "re");
    while (file && fgets(lines[n % SHOWN_LINES], sizeof lines[0], file))
        n++;
    if (file)
        fclose(file);
    for (size_t i = n > SHOWN_LINES ? n - SHOWN_LINES : 0; i < n; i++)
        fprintf(stderr, "  %s", lines[i % SHOWN_LINES]);
}
