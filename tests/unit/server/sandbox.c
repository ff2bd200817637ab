/* SPDX-License-Identifier: Apache-2.0 */
/* Each thing that a worker is not to do, tried in a child that has entered the sandbox; and what a driver needs. */
#include "sandbox.h"

#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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
static int try_other_memory(void)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
    return ATTEMPT(open(path, O_RDWR));
}
static int try_others_name(void)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)getppid());
    return ATTEMPT(open(path, O_WRONLY));
}
static int try_own_name(void)
{
    return pthread_setname_np(pthread_self(), "name") || ATTEMPT(open("/proc/self/comm", O_WRONLY));
}
static int try_read_process(void)
{
    char byte;
    struct iovec local = {&byte, 1}, remote = {&byte, 1};
    return ATTEMPT(process_vm_readv(getppid(), &local, 1, &remote, 1, 0));
}
static int try_kill(void)
{
    return ATTEMPT(kill(getppid(), 0));
}
static int try_kill_group(void)
{
    return ATTEMPT(kill(0, 0));
}
static int try_kill_all(void)
{
    return ATTEMPT(kill(-1, 0));
}
static int try_tkill(void)
{
    return ATTEMPT(syscall(__NR_tkill, getppid(), 0));
}
static int try_tgkill(void)
{
    return ATTEMPT(syscall(__NR_tgkill, getppid(), getppid(), 0));
}
static int try_queue_signal(void)
{
    return ATTEMPT(sigqueue(getppid(), 0, (union sigval){0}));
}
static int try_queue_signal_for_thread(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    return ATTEMPT(syscall(__NR_rt_tgsigqueueinfo, getppid(), getppid(), SIGURG, &info));
}
static int try_pidfd(void)
{
    return ATTEMPT(syscall(434 /* pidfd_open */, getppid(), 0));
}
static int pidfd_of_parent = -1; /* from before */
static int try_pidfd_signal(void)
{
    return ATTEMPT(syscall(424 /* pidfd_send_signal */, pidfd_of_parent, 0, NULL, 0));
}
static int try_limit_other(void)
{
    return ATTEMPT(prlimit(getppid(), RLIMIT_CORE, NULL, &(struct rlimit){0}));
}
static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}
static int try_vfork(void)
{
    pid_t pid = (pid_t)syscall(__NR_clone, SIGCHLD | CLONE_VFORK, NULL, NULL, NULL, 0);
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}
static int try_clone3(void)
{
    uint64_t arguments[11] = {0};
    pid_t pid = (pid_t)syscall(435 /* clone3 */, arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}
static int try_datagram(void)
{
    return ATTEMPT(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}
static int try_datagram_pair(void)
{
    int pair[2];
    return ATTEMPT(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
}
static int try_bind(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    return ATTEMPT(bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(sa_family_t)));
}
static int try_listen(void)
{
    return ATTEMPT(listen(socket(AF_UNIX, SOCK_STREAM, 0), 1));
}
/* Calls that would fail for want of sensible arguments, but not with EPERM, or only root may make. */
static int try_handle(void)
{
    return ATTEMPT(syscall(__NR_open_by_handle_at, AT_FDCWD, NULL, 0));
}
static int try_key(void)
{
    return ATTEMPT(syscall(__NR_keyctl, 0 /* get the keyring of */, -3 /* the session */, 0));
}
static int try_add_key(void)
{
    return ATTEMPT(syscall(__NR_add_key, NULL, NULL, NULL, 0, 0));
}
static int try_perf(void)
{
    return ATTEMPT(syscall(__NR_perf_event_open, NULL, 0, -1, -1, 0));
}
static int try_bpf(void)
{
    return ATTEMPT(syscall(__NR_bpf, 0, NULL, 0));
}
static int try_mount(void)
{
    return ATTEMPT(syscall(__NR_mount, NULL, NULL, NULL, 0, NULL));
}
static int try_userfaultfd(void)
{
    return ATTEMPT(syscall(__NR_userfaultfd, -1));
}
static int try_io_uring(void)
{
    return ATTEMPT(syscall(425 /* io_uring_setup */, 0, NULL));
}
static int try_unshare(void)
{
    return ATTEMPT(unshare(0));
}
static int try_own_signals(void)
{
    return ATTEMPT(kill(getpid(), 0)) || raise(SIGURG) != 0 || pthread_kill(pthread_self(), SIGURG) != 0 ||
           ATTEMPT(sigqueue(getpid(), SIGURG, (union sigval){0}));
}
static int try_own_limits(void)
{
    struct rlimit limit;
    return ATTEMPT(prlimit(0, RLIMIT_CORE, NULL, &limit)) || ATTEMPT(getrlimit(RLIMIT_STACK, &limit));
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
    {"trace another process", try_ptrace, EPERM},
    {"read another process", try_read_process, EPERM},
    {"open another process's memory", try_other_memory, EACCES},
    {"rename another process", try_others_name, EACCES},
    {"send a signal to another process", try_kill, EPERM},
    {"send a signal to the process group", try_kill_group, EPERM},
    {"send a signal to all processes", try_kill_all, EPERM},
    {"send a signal to any thread", try_tkill, EPERM},
    {"send a signal to a thread of another process", try_tgkill, EPERM},
    {"queue a signal for another process", try_queue_signal, EPERM},
    {"queue a signal for a thread of another process", try_queue_signal_for_thread, EPERM},
    {"have a descriptor of another process", try_pidfd, EPERM},
    {"send a signal by a descriptor from before", try_pidfd_signal, EPERM},
    {"ask for another process's limits", try_limit_other, EPERM},
    {"fork", try_fork, EPERM},
    {"vfork", try_vfork, EPERM},
    {"fork in a way that cannot be looked at", try_clone3, ENOSYS},
    {"open a socket for datagrams", try_datagram, EACCES},
    {"make a pair of sockets for datagrams", try_datagram_pair, EACCES},
    {"bind", try_bind, EPERM},
    {"listen", try_listen, EPERM},
    {"open a file by its handle", try_handle, EPERM},
    {"use a keyring", try_key, EPERM},
    {"add a key", try_add_key, EPERM},
    {"count events of the processor", try_perf, EPERM},
    {"use BPF", try_bpf, EPERM},
    {"mount", try_mount, EPERM},
    {"handle page faults", try_userfaultfd, EPERM},
    {"use io_uring", try_io_uring, EPERM},
    {"enter a name space", try_unshare, EPERM},
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
    {"name a thread", try_own_name, 0},
    {"send itself signals", try_own_signals, 0},
    {"ask for its own limits", try_own_limits, 0},
};

/* In the child. */
static int try(unsigned i)
{
    pidfd_of_parent = (int)syscall(434 /* pidfd_open */, getppid(), 0);
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
