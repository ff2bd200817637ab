/* SPDX-License-Identifier: Apache-2.0 */
/* Each thing that a worker is not to do, tried in a child that has entered the sandbox; and what a driver needs. */
#include "sandbox.h"

#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the sandbox is made of, asked for in another way. */
static bool kernel_has_it(void)
{
    unsigned action = SECCOMP_RET_ERRNO;
    return syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >= 1 &&
           syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static char folder[] = "/tmp/rrto-sandbox-XXXXXX";

/* The errno of an attempt; 0: it went well. */
#define ATTEMPT(call) (errno = 0, (call) < 0 ? errno : 0)

static int try_start_program(void)
{
    char *const arguments[] = {"true", NULL};
    return ATTEMPT(execv("/bin/true", arguments));
}
static int try_network(void)
{
    return ATTEMPT(socket(AF_INET, SOCK_STREAM, 0));
}
static int try_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/nobody"};
    return ATTEMPT(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address));
}
static int try_ptrace(void)
{
    return ATTEMPT(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}
static int try_make_file(void)
{
    return ATTEMPT(openat(AT_FDCWD, "new", O_WRONLY | O_CREAT, 0600));
}
static int try_write_file(void)
{
    return ATTEMPT(open("old", O_WRONLY));
}
static int try_remove_file(void)
{
    return ATTEMPT(unlink("old"));
}
static int try_read_file(void)
{
    return ATTEMPT(open("old", O_RDONLY));
}
static int try_device(void)
{
    return ATTEMPT(open("/dev/null", O_RDWR));
}
static int try_memory_file(void)
{
    int fd = memfd_create("memory", 0);
    return fd < 0 ? errno : ATTEMPT(ftruncate(fd, 4096));
}
static int try_socket_pair(void)
{
    int pair[2];
    return ATTEMPT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}
static int try_executable_memory(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : 0;
}
static void *nothing(void *unused)
{
    return unused;
}
static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);
    return error ? error : pthread_join(thread, NULL);
}

/* A thread that was there before (a driver has some) must not do either what the filter refuses. */
static atomic_int go, answer;
static void *try_later(void *unused)
{
    (void)unused;
    while (!atomic_load(&go))
        usleep(100);
    atomic_store(&answer, ATTEMPT(socket(AF_INET, SOCK_STREAM, 0)));
    return NULL;
}
static pthread_t earlier;
static int try_earlier_thread(void)
{
    atomic_store(&go, 1);
    pthread_join(earlier, NULL);
    return atomic_load(&answer);
}

static const struct {
    const char *what;
    int (*attempt)(void);
    int expected;
} attempts[] = {
    {"start a program", try_start_program, EPERM},
    {"open a network socket", try_network, EACCES},
    {"connect", try_connect, ECONNREFUSED},
    {"look into another process", try_ptrace, EPERM},
    {"make a file", try_make_file, EACCES},
    {"write a file", try_write_file, EACCES},
    {"remove a file", try_remove_file, EACCES},
    {"open a network socket in an earlier thread", try_earlier_thread, EACCES},
    {"read a file", try_read_file, 0},
    {"open a device", try_device, 0},
    {"make a file in memory", try_memory_file, 0},
    {"make a pair of sockets", try_socket_pair, 0},
    {"map executable memory", try_executable_memory, 0},
    {"start a thread", try_thread, 0},
};

/* In the child. */
static int try(unsigned i)
{
    pthread_create(&earlier, NULL, try_later, NULL);
    if (chdir(folder) != 0)
        return 1;
    rrto_sandbox_enter();
    if (prctl(PR_GET_SECCOMP) != 2 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 3;
    int error = attempts[i].attempt();
    if (error != attempts[i].expected)
        dprintf(STDERR_FILENO, "%s: %s, not %s\n", attempts[i].what, strerror(error), strerror(attempts[i].expected));
    return error == attempts[i].expected ? 0 : 2;
}

static void what_is_left(void **state)
{
    (void)state;
    if (!kernel_has_it()) {
        print_message("this kernel has no Landlock or no seccomp\n");
        skip();
    }
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/old", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    int failures = 0;
    for (unsigned i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit(try(i));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        failures += WEXITSTATUS(status) != 0;
    }
    unlink(path);
    rmdir(folder);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
