/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a program of the build folder and reads what it prints. */
#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void bench_path(const char *name, char *out, size_t n_out)
{
    char own[4000];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    own[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2; i++) { /* the name, then the folder */
        char *slash = strrchr(own, '/');
        if (!slash)
            exit(1);
        *slash = '\0';
    }
    if ((size_t)snprintf(out, n_out, "%s/%s", own, name) >= n_out)
        exit(1);
}

void bench_run(const char *const *argv, bool (*take)(void *data, const char *line), void *data)
{
    int ends[2], status = -1;
    char line[512];
    if (pipe(ends) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execv(argv[0], (char *const *)argv);
        perror(argv[0]);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = child > 0 ? fdopen(ends[0], "r") : NULL;
    while (output && fgets(line, sizeof line, output))
        if (!take(data, line) && !strstr(line, "no server named"))
            fputs(line, stderr);
    if (output)
        fclose(output);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        for (size_t i = 0; argv[i]; i++)
            fprintf(stderr, "%s ", argv[i]);
        fprintf(stderr, "failed\n");
        exit(1);
    }
}

int bench_compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}
