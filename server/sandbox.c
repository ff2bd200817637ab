/* SPDX-License-Identifier: Apache-2.0 */
/* A seccomp filter over what is called, and Landlock over which files are written. A list of what is refused, not of
 * what is allowed: which calls the vendor's driver makes is its own affair and changes with its versions. */
#include "sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- calls
 * ----------------------------------------------------------------------------------------------------------------------
 */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#define X32_BIT 0x40000000u

/* Older headers do not know all of them; numbers from 424 on are the same everywhere. */
static const int refused[] = {
    /* other programs and processes; tkill takes any thread's number, and the C library has no use for it */
    __NR_execve, __NR_execveat, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_kcmp, __NR_tkill,
    424 /* pidfd_send_signal */, 434 /* pidfd_open */, 438 /* pidfd_getfd */, 440 /* process_madvise */,
    448 /* process_mrelease */,
#ifdef __x86_64__
    __NR_fork, __NR_vfork, __NR_ioperm, __NR_iopl,
#endif
    /* files other than by their names, which Landlock judges */
    __NR_open_by_handle_at,
    /* the system */
    __NR_mount, __NR_umount2, __NR_pivot_root, __NR_chroot, 428 /* open_tree */, 429 /* move_mount */, 430 /* fsopen */,
    431 /* fsconfig */, 432 /* fsmount */, 433 /* fspick */, 442 /* mount_setattr */, __NR_setns, __NR_unshare,
    __NR_kexec_load, __NR_kexec_file_load, __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_reboot,
    __NR_swapon, __NR_swapoff, __NR_acct, __NR_settimeofday, __NR_clock_settime, __NR_adjtimex, __NR_clock_adjtime,
    __NR_sethostname, __NR_setdomainname, __NR_syslog, __NR_quotactl, __NR_vhangup, __NR_fanotify_init,
    /* wide surfaces of the kernel that no driver of a GPU needs */
    __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_add_key, __NR_request_key, __NR_keyctl,
    425 /* io_uring_setup */, 426 /* io_uring_enter */, 427 /* io_uring_register */,
    /* being a server */
    __NR_bind, __NR_listen};

/* Calls whose first argument names a process: this one, and for some 0, which is this one, too. */
static const struct {
    int number;
    bool zero;
} own_process[] = {
    {__NR_kill, false}, /* 0: the process group */
    {__NR_tgkill, false},   {__NR_rt_sigqueueinfo, false}, {__NR_rt_tgsigqueueinfo, false},
    {__NR_prlimit64, true}, {__NR_migrate_pages, true},    {__NR_move_pages, true},
};
enum {
    N_REFUSED = sizeof refused / sizeof refused[0],
    N_OWN = sizeof own_process / sizeof own_process[0],
    N_FILTER = 2 * N_REFUSED + 6 * N_OWN + 40
};

#ifdef ARCHITECTURE
static void add(struct sock_filter *filter, unsigned short *n, struct sock_filter row)
{
    filter[(*n)++] = row;
}

/* If the loaded word equals `value`, the call fails with `error`. */
static void refuse_if(struct sock_filter *filter, unsigned short *n, uint32_t value, int error)
{
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    add(filter, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error));
}

static void load(struct sock_filter *filter, unsigned short *n, size_t offset)
{
    add(filter, n, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* The lower half of an argument: the kernel takes no more of an int. */
static size_t argument(unsigned i)
{
    return offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);
}

static void end(struct sock_filter *filter, unsigned short *n, uint32_t action)
{
    add(filter, n, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Each of the following begins with the number of the call and goes on behind itself with it, if it is another one. */

static void own_process_only(struct sock_filter *filter, unsigned short *n, int number, bool zero)
{
    uint32_t own = (uint32_t)getpid();
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 5));
    load(filter, n, argument(0));
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own, 2, 0));
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, zero ? 0 : own, 1, 0));
    end(filter, n, SECCOMP_RET_ERRNO | EPERM);
    end(filter, n, SECCOMP_RET_ALLOW);
}

/* What clone3 is asked for stands in memory, out of reach: as if the kernel did not have it, and the C library asks in
 * the older way. */
static void threads_only(struct sock_filter *filter, unsigned short *n)
{
    refuse_if(filter, n, 435 /* clone3 */, ENOSYS);
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4));
    load(filter, n, argument(0));
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0));
    end(filter, n, SECCOMP_RET_ERRNO | EPERM);
    end(filter, n, SECCOMP_RET_ALLOW);
}

/* Of sockets, only those within the machine, and only those that have to be connected: datagrams go to any address. */
static void sockets(struct sock_filter *filter, unsigned short *n, int number)
{
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 7));
    load(filter, n, argument(0));
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 3));
    load(filter, n, argument(1));
    add(filter, n, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 15)); /* without SOCK_CLOEXEC ... */
    add(filter, n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 0, 1));
    end(filter, n, SECCOMP_RET_ERRNO | EACCES);
    end(filter, n, SECCOMP_RET_ALLOW);
}

static int filter_calls(void)
{
    struct sock_filter filter[N_FILTER];
    unsigned short n = 0;
    load(filter, &n, offsetof(struct seccomp_data, arch));
    /* Calls of another architecture have other numbers: there are none. */
    add(filter, &n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    end(filter, &n, SECCOMP_RET_ERRNO | ENOSYS);
    load(filter, &n, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    add(filter, &n, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
    end(filter, &n, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    for (size_t i = 0; i < N_REFUSED; i++)
        refuse_if(filter, &n, (uint32_t)refused[i], EPERM);
    /* As if nobody listened: a driver that looks for a daemon of its vendor does without. */
    refuse_if(filter, &n, __NR_connect, ECONNREFUSED);
    for (size_t i = 0; i < N_OWN; i++)
        own_process_only(filter, &n, own_process[i].number, own_process[i].zero);
    threads_only(filter, &n);
    sockets(filter, &n, __NR_socket);
    sockets(filter, &n, __NR_socketpair);
    end(filter, &n, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = n, .filter = filter};
    /* All threads: the driver has some by now. Where one of them has a filter of its own: this thread and those to
     * come. */
    long result = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (result > 0) {
        rrto_warn("thread %ld has a filter of its own: only later threads lose what the worker does not need", result);
        result = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    }
    return result == 0 ? 0 : errno;
}
#else
static int filter_calls(void)
{
    return ENOSYS;
}
#endif

/* --- files
 * ----------------------------------------------------------------------------------------------------------------------
 */

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1u << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1u << 14)
#endif
#define WRITING LANDLOCK_ACCESS_FS_WRITE_FILE
#define MAKING                                                                                                         \
    (LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                   \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                        \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static int allow_writing_below(int rules, const char *folder, uint64_t access)
{
    struct landlock_path_beneath_attr beneath = {.allowed_access = access,
                                                 .parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (beneath.parent_fd < 0)
        return 0; /* what is not there needs no rule */
    long result = syscall(__NR_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
    int error = result == 0 ? 0 : errno;
    close(beneath.parent_fd);
    return error;
}

static int restrict_files(void)
{
    long version = syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return errno;
    uint64_t writing = WRITING | (version >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
    struct landlock_ruleset_attr attr = {.handled_access_fs =
                                             writing | MAKING | (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0)};
    int rules = (int)syscall(__NR_landlock_create_ruleset, &attr, sizeof attr.handled_access_fs, 0);
    if (rules < 0)
        return errno;
    /* The driver's devices, and the names of this process's threads. */
    int error = allow_writing_below(rules, "/dev", writing);
    if (!error)
        error = allow_writing_below(rules, "/proc/self", writing);
    if (!error && syscall(__NR_landlock_restrict_self, rules, 0) != 0)
        error = errno;
    close(rules);
    return error;
}

void rrto_sandbox_enter(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        rrto_warn("the worker keeps the right to new privileges: %s", strerror(errno));
    int error = restrict_files();
    if (error)
        rrto_info("the worker may write files: the kernel has no Landlock (%s)", strerror(error));
    error = filter_calls();
    if (error)
        rrto_info("the worker may make every system call: no seccomp filter (%s)", strerror(error));
}
