/* SPDX-License-Identifier: Apache-2.0 */
/* An rrtod for one rrto run. */
#include "cli/private_server.h"

#include "cli/doors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READY_FD = 3, START_TIMEOUT_MS = 20000, STOP_TIMEOUT_MS = 3000 };

/* In the child. Its own session: Ctrl-C in the terminal is for the application, which may still need its server. */
static void become_server(const char *program, const char *const *arguments, int ready_fd, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    setsid();
    int null_fd = open("/dev/null", O_RDWR);
    dup2(null_fd, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    if (ready_fd == READY_FD)
        fcntl(ready_fd, F_SETFD, 0);
    else
        dup2(ready_fd, READY_FD);
    for (int fd = READY_FD + 1; fd < 256; fd++) /* what the caller's shell left open is none of the server's business */
        close(fd);
    execv(program, (char *const *)arguments);
    _exit(127);
}

bool rrto_private_server_start(struct rrto_private_server *server, const char *folder, const char *device,
                               const char *compute, const char *answers, const char *sched, char *ret_why, size_t n_why)
{
    char program[PATH_MAX], ready[16];
    int fds[2];
    server->pid = 0;
    if (!rrto_doors_program("rrtod", program, sizeof program) || access(program, X_OK) != 0) {
        snprintf(ret_why, n_why, "rrtod is missing beside rrto: name a server with --server");
        return false;
    }
    snprintf(server->address, sizeof server->address, "unix:%s/rrtod.sock", folder);
    snprintf(ready, sizeof ready, "%d", READY_FD);
    const char *arguments[20] = {program,      "--listen", server->address,      "--device", device,
                                 "--ready-fd", ready,      "--exit-with-parent", "--log",    "warn"};
    size_t n = 10;
    if (compute) {
        arguments[n++] = "--compute";
        arguments[n++] = compute;
    }
    if (answers) {
        arguments[n++] = "--answers";
        arguments[n++] = answers;
    }
    if (sched) {
        arguments[n++] = "--sched";
        arguments[n++] = sched;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        snprintf(ret_why, n_why, "no pipe: %s", strerror(errno));
        return false;
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_server(program, arguments, fds[1], parent);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        snprintf(ret_why, n_why, "rrtod could not be started: %s", strerror(errno));
        return false;
    }
    server->pid = pid;
    /* It writes its address once it listens; it closes the pipe without a word when it fails. */
    struct pollfd ready_poll = {.fd = fds[0], .events = POLLIN};
    char line[256];
    int polled;
    do
        polled = poll(&ready_poll, 1, START_TIMEOUT_MS);
    while (polled < 0 && errno == EINTR);
    bool listens = polled == 1 && read(fds[0], line, sizeof line) > 0;
    close(fds[0]);
    if (!listens) {
        snprintf(ret_why, n_why,
                 polled == 0 ? "the private rrtod did not get ready in %d s" : "the private rrtod did not start",
                 START_TIMEOUT_MS / 1000);
        rrto_private_server_stop(server);
    }
    return listens;
}

void rrto_private_server_stop(struct rrto_private_server *server)
{
    if (server->pid == 0)
        return;
    kill(server->pid, SIGTERM);
    for (int waited_ms = 0; waitpid(server->pid, NULL, WNOHANG) == 0; waited_ms += 5) {
        if (waited_ms >= STOP_TIMEOUT_MS) {
            kill(server->pid, SIGKILL);
            waitpid(server->pid, NULL, 0);
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    server->pid = 0;
}
