/* SPDX-License-Identifier: Apache-2.0 */
/* rrto run: looks at the command, prepares the environment, starts a private server when none is named, runs the
 * command, writes the report, and ends as the command did. */
#include "base/clock.h"
#include "base/config.h"
#include "base/status.h"
#include "cli/cli.h"
#include "cli/doors.h"
#include "cli/private_server.h"
#include "cli/run_folder.h"
#include "cli/target.h"
#include "replay/mode.h"
#include "report/inferences.h"
#include "report/report.h"
#include "wire/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
    const char *server, *mode, *report, *inferences, *compute, *answers, *sched;
    char **command;
    char folder[128];
    struct rrto_private_server private_server;
    sigset_t old_mask;
};

static const char help_text[] =
    "Usage: rrto run [OPTION]... [--] COMMAND [ARGUMENT]...\n\n"
    "Runs COMMAND with its CUDA calls executed by an rrtod.\n\n"
    "  --server HOST:PORT|unix:PATH  where the rrtod listens (RRTO_SERVER). Without one a private rrtod is\n"
    "                                started: with the GPU that is there, else with the soft GPU\n"
    "  --mode MODE      replay (default), async, percall, percall-device or plain (RRTO_MODE)\n"
    "  --report FILE    write what the run has cost, as JSON (RRTO_REPORT)\n"
    "  --inferences FILE  write a line of JSON for each inference: its time, where it went, what it moved\n"
    "  --compute real|skip|MS  what the private rrtod does instead of computing: for measurements\n"
    "  --answers FILE   keep the small results that the program reads; with --compute: hand out those of FILE\n"
    "  --sched adversarial:SEED  the soft GPU runs work as early or as late as it may: for tests\n"
    "  --help\n\n"
    "Ends as COMMAND does; 125: rrto itself failed, 126: COMMAND cannot be executed, 127: it is not found.\n"
    "docs/environment.md lists the variables that fine-tune it.";

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, struct run *run)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},
        {"mode", required_argument, NULL, 'm'},
        {"report", required_argument, NULL, 'r'},
        {"inferences", required_argument, NULL, 'i'},
        {"compute", required_argument, NULL, 'c'},
        {"answers", required_argument, NULL, 'k'},
        {"sched", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const struct rrto_config *config = rrto_config_get();
    run->server = config->server;
    run->mode = config->mode;
    run->report = config->report;
    for (int option; (option = getopt_long(argc, argv, "+:h", options, NULL)) != -1;) {
        switch (option) {
        case 's':
            run->server = optarg;
            break;
        case 'm':
            run->mode = optarg;
            break;
        case 'r':
            run->report = optarg;
            break;
        case 'i':
            run->inferences = optarg;
            break;
        case 'c':
            run->compute = optarg;
            break;
        case 'k':
            run->answers = optarg;
            break;
        case 'a':
            run->sched = optarg;
            break;
        case 'h':
            puts(help_text);
            return 0;
        default:
            return rrto_cli_bad_option(argv, option);
        }
    }
    run->command = argv + optind;
    if (!*run->command)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "run: a command is missing; see rrto run --help");
    return -1;
}

/* Before the run, not after it. Returns -1 to go on. */
static int check_writable(const char *what, const char *path)
{
    char copy[PATH_MAX];
    if (!*path)
        return -1;
    snprintf(copy, sizeof copy, "%s", path);
    const char *folder = dirname(copy);
    if (access(folder, W_OK) == 0)
        return -1;
    return rrto_cli_say(RRTO_CLI_RUN_FAILED, "the %s cannot be written to %s: %s: %s", what, path, folder,
                        strerror(errno));
}

/* Options that make no sense, alone or together. Returns -1 to go on. */
static int check(struct run *run)
{
    const struct rrto_mode *mode = rrto_mode_find(run->mode);
    char why[512];
    struct rrto_address address;
    if (!mode)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "run: there is no mode '%s'; see rrto run --help", run->mode);
    if (mode->soft_server && *run->server) {
        rrto_cli_say(0, "mode %s computes on this machine: ignoring server %s", run->mode, run->server);
        run->server = "";
    }
    if (*run->server && rrto_address_parse(run->server, &address, why, sizeof why) != RRTO_OK)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "run: %s", why);
    if (*run->server && (run->compute || run->answers || run->sched))
        return rrto_cli_say(RRTO_CLI_WRONG_USE,
                            "run: --%s is for the private server; give it to the rrtod at %s instead",
                            run->compute   ? "compute"
                            : run->answers ? "answers"
                                           : "sched",
                            run->server);
    int status = check_writable("report", run->report);
    return status < 0 && run->inferences ? check_writable("list of inferences", run->inferences) : status;
}

static int check_target(const char *command)
{
    char why[PATH_MAX + 256];
    switch (rrto_target_inspect(command, why, sizeof why)) {
    case RRTO_TARGET_FINE:
        return -1;
    case RRTO_TARGET_STATIC:
        rrto_cli_say(0, "%s", why);
        return -1;
    case RRTO_TARGET_NOT_FOUND:
        return rrto_cli_say(RRTO_CLI_NOT_FOUND, "%s", why);
    default:
        return rrto_cli_say(RRTO_CLI_NOT_EXECUTABLE, "%s", why);
    }
}

static bool prepare_environment(const struct run *run, char *why, size_t n_why)
{
    static char preload[RRTO_DOORS_MAX_BYTES], library_path[RRTO_DOORS_MAX_BYTES];
    if (!rrto_doors_preload(getenv("LD_PRELOAD"), preload, sizeof preload, why, n_why))
        return false;
    if (!rrto_doors_library_path(getenv("LD_LIBRARY_PATH"), library_path, sizeof library_path)) {
        snprintf(why, n_why, "LD_LIBRARY_PATH is too long");
        return false;
    }
    unsetenv("RRTO_REPORT"); /* written here, for all processes together */
    char capacity[24];
    snprintf(capacity, sizeof capacity, "%d", RRTO_INFERENCES_CAPACITY);
    if (!run->inferences)
        unsetenv("RRTO_INFERENCES");
    else if (rrto_config_get()->inferences == 0 && setenv("RRTO_INFERENCES", capacity, 1) != 0)
        return false;
    return setenv("LD_PRELOAD", preload, 1) == 0 && setenv("LD_LIBRARY_PATH", library_path, 1) == 0 &&
           setenv("RRTO_RUN_DIR", run->folder, 1) == 0 && setenv("RRTO_MODE", run->mode, 1) == 0 &&
           setenv("RRTO_SERVER", *run->server ? run->server : run->private_server.address, 1) == 0;
}

static bool start_server(struct run *run, char *why, size_t n_why)
{
    bool soft = rrto_mode_find(run->mode)->soft_server;
    if (!rrto_private_server_start(&run->private_server, run->folder, soft || run->sched ? "soft" : "auto",
                                   run->compute, run->answers, run->sched, why, n_why))
        return false;
    rrto_cli_say(0,
                 soft ? "computing on the soft GPU in a private rrtod"
                      : "no server named: a private rrtod serves this run (a GPU if there is one, else the soft GPU)");
    return true;
}

/* Forks and executes the command. Returns its pid; or -1 with errno when it could not be executed. */
static pid_t start_command(const struct run *run)
{
    int fds[2], error = 0;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
        execvp(run->command[0], run->command);
        error = errno;
        ssize_t written = write(fds[1], &error, sizeof error);
        _exit(written == sizeof error ? RRTO_CLI_NOT_EXECUTABLE : RRTO_CLI_RUN_FAILED);
    }
    close(fds[1]);
    if (pid > 0 && read(fds[0], &error, sizeof error) == sizeof error) { /* EOF: the exec has closed it */
        waitpid(pid, NULL, 0);
        errno = error;
        pid = -1;
    }
    close(fds[0]);
    return pid;
}

/* The signals that a user or a supervisor sends to end, or to talk to, the command. */
static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static void block_signals(struct run *run)
{
    sigset_t set;
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaddset(&set, forwarded[i]);
    sigprocmask(SIG_BLOCK, &set, &run->old_mask);
}

/* Waits for the command and passes signals on meanwhile. The terminal's own (si_code SI_KERNEL) have reached the
 * command already: it is in the same process group. */
static int wait_for_command(pid_t pid)
{
    sigset_t set;
    int status;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaddset(&set, forwarded[i]);
    for (;;) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return status;
        siginfo_t info;
        int number = sigwaitinfo(&set, &info);
        if (number > 0 && number != SIGCHLD && info.si_code != SI_KERNEL)
            kill(pid, number);
    }
}

static void write_report(const struct run *run, int wait_status, uint64_t wall_ns)
{
    if (run->inferences && !rrto_run_folder_write_inferences(run->folder, run->inferences))
        rrto_cli_say(0, "the inferences could not be written to %s: %s", run->inferences, strerror(errno));
    if (!*run->report)
        return;
    struct rrto_report_end end = {
        .wall_ns = wall_ns,
        .exit_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0,
        .signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0,
        .mode = run->mode,
        .server = *run->server ? run->server : run->private_server.address,
    };
    size_t n;
    struct rrto_counters **processes = rrto_run_folder_read(run->folder, &n);
    int status = rrto_report_write(run->report, &end, (const struct rrto_counters *const *)processes, n);
    if (status != RRTO_OK)
        rrto_cli_say(0, "the report could not be written to %s: %s", run->report,
                     status == RRTO_IO ? strerror(errno) : rrto_status_text(status));
    rrto_run_folder_free(processes, n);
}

/* Ends as the command did: with its status, or by its signal (without a second core file). */
static int end_as(int wait_status, const struct run *run)
{
    if (!WIFSIGNALED(wait_status))
        return WEXITSTATUS(wait_status);
    int number = WTERMSIG(wait_status);
    sigset_t set;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number); /* pending when blocked */
    sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return 128 + number;
}

static int run_command(struct run *run)
{
    char why[PATH_MAX + 256] = "the environment could not be set";
    if (!*run->server && !start_server(run, why, sizeof why))
        return rrto_cli_say(RRTO_CLI_RUN_FAILED, "%s", why);
    if (!prepare_environment(run, why, sizeof why))
        return rrto_cli_say(RRTO_CLI_RUN_FAILED, "%s", why);
    uint64_t start_ns = rrto_now_ns();
    pid_t pid = start_command(run);
    if (pid < 0)
        return rrto_cli_say(errno == ENOENT ? RRTO_CLI_NOT_FOUND : RRTO_CLI_NOT_EXECUTABLE,
                            "'%s' could not be executed: %s", run->command[0], strerror(errno));
    int wait_status = wait_for_command(pid);
    write_report(run, wait_status, rrto_now_ns() - start_ns);
    rrto_private_server_stop(&run->private_server);
    rrto_run_folder_destroy(run->folder);
    *run->folder = '\0';
    return end_as(wait_status, run);
}

int rrto_cli_run(int argc, char **argv)
{
    static struct run run;
    int status = parse(argc, argv, &run);
    if (status < 0)
        status = check(&run);
    if (status < 0)
        status = check_target(run.command[0]);
    if (status >= 0)
        return status;
    if (!rrto_run_folder_create(run.folder, sizeof run.folder))
        return rrto_cli_say(RRTO_CLI_RUN_FAILED, "no private folder could be made in XDG_RUNTIME_DIR or /tmp: %s",
                            strerror(errno));
    block_signals(&run);
    status = run_command(&run);
    rrto_private_server_stop(&run.private_server);
    if (*run.folder)
        rrto_run_folder_destroy(run.folder);
    return status;
}
