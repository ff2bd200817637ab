/* SPDX-License-Identifier: Apache-2.0 */
/* rrto doctor: what would be preloaded, which libraries a program would get, whether the server answers and how fast,
 * and what a report says about unsupported calls. Exit status 0 when everything is in order. */
#include "base/config.h"
#include "base/status.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/doors.h"
#include "cli/ping.h"
#include "energy/sensor.h"

#include <dirent.h>
#include <dlfcn.h>
#include <getopt.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_PINGS = 21, OPTION_PROBE = 256 };

static const char help_text[] =
    "Usage: rrto doctor [--server HOST:PORT|unix:PATH] [--report FILE]\n\n"
    "Says what rrto preloads, which libraries a program gets under it, whether the server (RRTO_SERVER) answers and "
    "how\n"
    "fast; with --report, which unsupported calls a run has made. Exit status 1 when something is not in order.";

/* Runs in a child under the preloads: opens each library by name, as a program would, and says where it came from. */
static int probe(int n, char **names)
{
    for (int i = 0; i < n; i++) {
        void *library = dlopen(names[i], RTLD_LAZY | RTLD_LOCAL);
        struct link_map *map = NULL;
        if (library && dlinfo(library, RTLD_DI_LINKMAP, &map) == 0)
            printf("  %-24s %s\n", names[i], map->l_name);
        else
            printf("  %-24s not found\n", names[i]);
    }
    return 0;
}

/* The libraries of the fallback folder: its regular names, without links for development. */
static size_t fallback_names(const char *names[], size_t max)
{
    char folder[PATH_MAX];
    size_t n = 0;
    if (!rrto_doors_folder(folder, sizeof folder - 10))
        return 0;
    DIR *directory = opendir(strcat(folder, "/fallback"));
    for (struct dirent *entry; directory && n < max && (entry = readdir(directory));)
        if (strstr(entry->d_name, ".so."))
            names[n++] = strdup(entry->d_name);
    if (directory)
        closedir(directory);
    return n;
}

/* Starts this program again as the probe, with the environment that rrto run would give it. */
static bool run_probe(const char *preload, const char *library_path)
{
    const char *arguments[64] = {"rrto", "doctor", "--probe"};
    size_t n = 3;
    for (size_t i = 0; rrto_doors_names[i]; i++)
        if (strncmp(rrto_doors_names[i], "librrto-", 8) != 0)
            arguments[n++] = rrto_doors_names[i];
    fallback_names(arguments + n, 40);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setenv("LD_PRELOAD", preload, 1);
        setenv("LD_LIBRARY_PATH", library_path, 1);
        execv("/proc/self/exe", (char *const *)arguments);
        _exit(127);
    }
    int status;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool examine_libraries(void)
{
    static char preload[RRTO_DOORS_MAX_BYTES], library_path[RRTO_DOORS_MAX_BYTES];
    char why[PATH_MAX + 256], folder[PATH_MAX];
    const char *now = getenv("LD_PRELOAD");
    rrto_doors_folder(folder, sizeof folder);
    printf("installation: %s\n", folder);
    printf("preloaded in this shell: %s\n",
           now && strstr(now, folder) ? "yes" : "no (rrto run does it for its command)");
    if (!rrto_doors_preload(NULL, preload, sizeof preload, why, sizeof why)) {
        printf("doors: NOT IN ORDER: %s\n", why);
        return false;
    }
    rrto_doors_library_path(NULL, library_path, sizeof library_path);
    puts("under rrto run a program that asks for these libraries gets:");
    if (run_probe(preload, library_path))
        return true;
    puts("  NOT IN ORDER: a program with the doors preloaded does not start");
    return false;
}

static bool examine_server(const char *server, int timeout_ms)
{
    static struct rrto_ping_result result;
    char why[512];
    if (!*server) {
        puts("server: none named (--server, RRTO_SERVER): rrto run starts a private one");
        return true;
    }
    printf("server: %s\n", server);
    int status = rrto_ping(server, timeout_ms, N_PINGS, &result, why, sizeof why);
    if (status != RRTO_OK) {
        printf("  NOT IN ORDER: %s\n", why);
        return false;
    }
    const struct rrto_control_welcome *welcome = &result.welcome;
    printf("  device: %s%s\n", welcome->device_name,
           welcome->soft ? " (the soft GPU: computes on the server's CPU)" : "");
    printf("  compute: %s\n", welcome->compute);
    printf("  memory for a session: %lu MiB\n", (unsigned long)(welcome->total_memory >> 20));
    printf("  driver %d.%d, cuBLAS %lu, cuBLASLt %lu, cuDNN %lu (0: not there)\n", welcome->driver_version / 1000,
           welcome->driver_version % 1000 / 10, (unsigned long)welcome->cublas_version,
           (unsigned long)welcome->cublaslt_version, (unsigned long)welcome->cudnn_version);
    printf("  session opened in %.2f ms, round trip %.3f ms (median of %d)\n", (double)result.connect_ns / 1e6,
           (double)result.round_trip_ns / 1e6, N_PINGS);
    return true;
}

/* What a measurement of energy on this machine would use. Having none is nothing out of order. */
static void examine_energy(void)
{
    struct rrto_energy_sensor *sensor;
    char why[2048];
    enum rrto_status status = rrto_energy_open_any(NULL, &sensor, why, sizeof why);
    if (status == RRTO_OK) {
        const char *caveat = rrto_energy_sensor_caveat(sensor);
        printf("energy: %s, read every %lu ms%s%s%s\n", rrto_energy_sensor_name(sensor),
               (unsigned long)(rrto_energy_sensor_period_ns(sensor) / 1000000), *caveat ? " (" : "", caveat,
               *caveat ? ")" : "");
        rrto_energy_close(sensor);
    } else {
        printf("energy: %s: %s\n",
               status == RRTO_REFUSED ? "a sensor that may not be read, or tells nothing now" : "no sensor", why);
    }
}

/* The report's top-level "unsupported" object is written one name a line. */
static bool examine_report(const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "re");
    bool inside = false, any = false;
    if (!file) {
        printf("report: %s cannot be read\n", path);
        return false;
    }
    while (fgets(line, sizeof line, file)) {
        char name[256];
        unsigned long count;
        if (strncmp(line, "  \"unsupported\": {", 18) == 0)
            inside = !strchr(line, '}');
        else if (strncmp(line, "  }", 3) == 0)
            inside = false;
        else if (inside && sscanf(line, " \"%255[^\"]\": %lu", name, &count) == 2) {
            if (!any)
                puts("unsupported calls that the run has made:");
            printf("  %-40s %lu\n", name, count);
            any = true;
        }
    }
    fclose(file);
    if (!any)
        printf("unsupported calls in %s: none\n", path);
    return true;
}

int rrto_cli_doctor(int argc, char **argv)
{
    static const struct option options[] = {
        {"server", required_argument, NULL, 's'},
        {"report", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {"probe", no_argument, NULL, OPTION_PROBE},
        {NULL, 0, NULL, 0},
    };
    const char *server = rrto_config_get()->server, *report = NULL;
    for (int option; (option = getopt_long(argc, argv, "+:h", options, NULL)) != -1;) {
        if (option == 'h') {
            puts(help_text);
            return 0;
        } else if (option == OPTION_PROBE) {
            return probe(argc - optind, argv + optind);
        } else if (option == 's') {
            server = optarg;
        } else if (option == 'r') {
            report = optarg;
        } else {
            return rrto_cli_bad_option(argv, option);
        }
    }
    if (optind < argc)
        return rrto_cli_say(RRTO_CLI_WRONG_USE, "doctor takes no arguments; see rrto doctor --help");
    printf("rrto %s (%s)\n", rrto_version(), rrto_build_id());
    bool in_order = examine_libraries();
    in_order &= examine_server(server, (int)rrto_config_get()->connect_timeout_ms);
    examine_energy();
    if (report)
        in_order &= examine_report(report);
    return in_order ? 0 : RRTO_CLI_FAILED;
}
