/* SPDX-License-Identifier: Apache-2.0 */
#include "worker_process.h"

#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

enum { MAX_ENVIRONMENT = 256, MAX_ARGUMENTS = 64 };

/* What would load other libraries into the worker than those it asks for, or configure rrto's client side. */
static bool is_dropped(const char *entry)
{
    static const char *const prefixes[] = {
        "LD_",         "RRTO_",   "PYTHON", "OPENBLAS_", "OMP_", "GOMP_",          "GOTO_NUM_", "KMP_",
        "NOTIFY_SOCK", "LISTEN_", "GCONV",  "MALLOC_",   "MKL_", "GLIBC_TUNABLES", "DNNL_",     "CUDNN_LOGDEST"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(entry, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return false;
}

/* The folders of `libraries`, with those below them that exist, colon separated. */
static char *library_path(const struct rrto_options *options)
{
    char *text = strdup("LD_LIBRARY_PATH="), folder[4096], path[4200];
    const char *at = options->libraries;
    size_t n_name = text ? strlen(text) : 0;
    while (text && rrto_options_next(&at, folder, sizeof folder)) {
        for (const char *const *below = rrto_library_subfolders; text && *below; below++) {
            char *longer = NULL;
            snprintf(path, sizeof path, "%s%s", folder, *below);
            if (**below && access(path, X_OK) != 0)
                continue;
            if (asprintf(&longer, "%s%s%s", text, text[n_name] ? ":" : "", path) < 0)
                longer = NULL;
            free(text);
            text = longer;
        }
    }
    if (text && !text[n_name]) {
        free(text);
        return NULL;
    }
    return text;
}

char **rrto_spawn_environment(const struct rrto_options *options, char *const *environment)
{
    char **out = calloc(MAX_ENVIRONMENT + 8, sizeof *out);
    size_t n = 0;
    bool has_connections = false;
    if (!out)
        return NULL;
    for (; *environment && n < MAX_ENVIRONMENT; environment++) {
        static const char connections[] = "CUDA_DEVICE_MAX_CONNECTIONS=";
        has_connections = has_connections || strncmp(*environment, connections, sizeof connections - 1) == 0;
        if (!is_dropped(*environment))
            out[n++] = strdup(*environment);
    }
    /* cuBLAS and cuDNN load parts of themselves by name. */
    char *path = library_path(options);
    if (path)
        out[n++] = path;
    /* The soft device's results must not depend on the machine's number of cores or newest instructions. */
    static const char *const threads[] = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"};
    for (size_t i = 0; i < 2; i++) {
        if (asprintf(&out[n], "%s=%llu", threads[i], (unsigned long long)options->soft_threads) > 0)
            n++;
    }
    if (*options->sched && asprintf(&out[n], "SOFT_GPU_SCHED=%s", options->sched) > 0)
        n++;
    /* Streams that a driver puts into one hardware queue wait for each other: the one that a gate holds back would hold
     * back others. 32 is the most there are. */
    if (!has_connections)
        out[n++] = strdup("CUDA_DEVICE_MAX_CONNECTIONS=32");
    /* What is not launched needs nothing to be launched. */
    if (strcmp(options->compute, "real") != 0)
        out[n++] = strdup("SOFT_GPU_BODILESS=1");
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        out[n++] = strdup("OPENBLAS_CORETYPE=Haswell");
#endif
    out[n] = NULL;
    return out;
}

static void free_strings(char **strings)
{
    for (char **at = strings; strings && *at; at++)
        free(*at);
    free(strings);
}

/* name=value for everything the worker needs to know. */
static char **worker_arguments(const char *worker_path, const struct rrto_options *options,
                               const struct rrto_hello *hello, uint64_t number)
{
    static const char *const handed_over[] = {"device",    "compute",      "answers", "memory", "staging",
                                              "libraries", "soft-threads", "log",     "sched",  "sandbox"};
    char **out = calloc(MAX_ARGUMENTS, sizeof *out);
    size_t n = 0;
    if (!out)
        return NULL;
    out[n++] = strdup(worker_path);
    for (size_t i = 0; i < sizeof handed_over / sizeof *handed_over; i++) {
        char *value = rrto_options_get(options, handed_over[i]), *line = NULL;
        if (value && asprintf(&line, "%s=%s", handed_over[i], value) > 0)
            out[n++] = line;
        free(value);
    }
    char *line = NULL;
    if (asprintf(&line, "hello-flags=%u", hello->flags) > 0)
        out[n++] = line;
    if (asprintf(&line, "hello-minor=%u", hello->minor) > 0)
        out[n++] = line;
    if (asprintf(&line, "session=%llu", (unsigned long long)number) > 0)
        out[n++] = line;
    return out;
}

static void process_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void process_ended(uv_process_t *process, int64_t exit_status, int signal_number)
{
    struct rrto_spawned *worker = process->data;
    close(worker->control);
    worker->ended(worker->arg, worker, exit_status, signal_number);
    uv_close((uv_handle_t *)process, process_closed);
}

int rrto_spawn_worker(uv_loop_t *loop, const char *worker_path, const struct rrto_options *options,
                      const struct rrto_hello *hello, int conn_fd,
                      void (*ended)(void *arg, struct rrto_spawned *worker, int64_t exit_status, int signal_number),
                      void *arg, struct rrto_spawned *worker, char *why, size_t n_why)
{
    int control[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
        snprintf(why, n_why, "cannot make a control socket for a worker: %m; raise the limit of open files");
        free(worker);
        return RRTO_IO;
    }
    char **arguments = worker_arguments(worker_path, options, hello, worker->number);
    char **environment = rrto_spawn_environment(options, environ);
    uv_stdio_container_t stdio[5] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD,
         .data.fd = STDERR_FILENO}, /* what a vendor library prints must not end in a protocol */
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = control[1]},
        {.flags = UV_INHERIT_FD, .data.fd = conn_fd},
    };
    uv_process_options_t process = {.file = worker_path,
                                    .args = arguments,
                                    .env = environment,
                                    .exit_cb = process_ended,
                                    .stdio = stdio,
                                    .stdio_count = 5};
    worker->process.data = worker;
    worker->control = control[0];
    worker->ended = ended;
    worker->arg = arg;
    int error = arguments && environment ? uv_spawn(loop, &worker->process, &process) : UV_ENOMEM;
    close(control[1]);
    free_strings(arguments);
    free_strings(environment);
    if (error != 0) {
        snprintf(why, n_why, "cannot start the worker %.120s: %s; is the installation complete?", worker_path,
                 uv_strerror(error));
        close(control[0]);
        uv_close((uv_handle_t *)&worker->process, process_closed);
        return RRTO_IO;
    }
    worker->pid = worker->process.pid;
    return RRTO_OK;
}
