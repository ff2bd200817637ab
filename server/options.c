/* SPDX-License-Identifier: Apache-2.0 */
/* The options table at work. */
#include "options.h"

#include "base/status.h"
#include "wire/connect.h"

#include <ini.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum type { STRING, LIST, UINT, BYTES, FLAG };

static const struct option {
    const char *name;
    enum type type;
    size_t offset;
    const char *def, *metavar, *help;
} table[] = {
#define X(field, name, type, def, metavar, help) {name, type, offsetof(struct rrto_options, field), def, metavar, help},
    RRTO_OPTIONS(X)
#undef X
};
enum { N_OPTIONS = sizeof table / sizeof *table };

const char *const rrto_library_subfolders[] = {"",
                                               "/nvidia/cu13/lib",
                                               "/nvidia/cublas/lib",
                                               "/nvidia/cudnn/lib",
                                               "/nvidia/cuda_nvrtc/lib",
                                               "/nvidia/nvjitlink/lib",
                                               NULL};

static void *field_of(const struct rrto_options *options, const struct option *option)
{
    return (char *)(uintptr_t)options + option->offset;
}

static const struct option *find(const char *name)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

static bool parse_uint(const char *text, bool with_suffix, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(value, 10u, &value) || __builtin_add_overflow(value, (unsigned)(*at - '0'), &value))
            return false;
    }
    if (at == text)
        return false;
    if (with_suffix && *at) {
        const char *suffixes = "KMGT", *found = strchr(suffixes, *at);
        if (!found || __builtin_mul_overflow(value, (uint64_t)1024 << (10 * (found - suffixes)), &value))
            return false;
        at++;
    }
    *ret_value = value;
    return !*at;
}

static bool parse_flag(const char *text, bool *ret_value)
{
    bool yes = strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;
    bool no = strcasecmp(text, "no") == 0 || strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0;
    *ret_value = yes;
    return yes || no;
}

static char *list_append(char *list, const char *value)
{
    char *joined = NULL;
    if (!list || !*list)
        joined = strdup(value);
    else if (asprintf(&joined, "%s\n%s", list, value) < 0)
        joined = NULL;
    free(list);
    return joined;
}

int rrto_options_set(struct rrto_options *options, const char *name, const char *value, char *why, size_t n_why)
{
    const struct option *option = find(name);
    if (!option) {
        snprintf(why, n_why, "there is no option '%.80s'", name);
        return RRTO_NOT_FOUND;
    }
    if (!value && option->type != FLAG) {
        snprintf(why, n_why, "%s needs a value (%s)", name, option->metavar);
        return RRTO_INVALID;
    }
    void *field = field_of(options, option);
    const char *wanted = NULL;
    switch (option->type) {
    case STRING:
        free(*(char **)field);
        *(char **)field = strdup(value);
        break;
    case LIST:
        if (*value)
            *(char **)field = list_append(*(char **)field, value);
        break;
    case UINT:
        if (!parse_uint(value, false, field))
            wanted = "a number";
        break;
    case BYTES:
        if (!parse_uint(value, true, field))
            wanted = "a number of bytes, such as 4G";
        break;
    case FLAG:
        if (!parse_flag(value ? value : "yes", field))
            wanted = "yes or no";
        break;
    }
    if (wanted) {
        snprintf(why, n_why, "%s: '%.80s' is not %s", name, value ? value : "", wanted);
        return RRTO_INVALID;
    }
    if ((option->type == STRING || (option->type == LIST && *value)) && !*(char **)field) {
        snprintf(why, n_why, "out of memory");
        return RRTO_NO_MEMORY;
    }
    return RRTO_OK;
}

void rrto_options_init(struct rrto_options *options)
{
    char why[200];
    memset(options, 0, sizeof *options);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (table[i].type == LIST)
            *(char **)field_of(options, &table[i]) = strdup("");
        (void)rrto_options_set(options, table[i].name, table[i].def, why, sizeof why);
    }
}

void rrto_options_fini(struct rrto_options *options)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (table[i].type == STRING || table[i].type == LIST)
            free(*(char **)field_of(options, &table[i]));
    }
    memset(options, 0, sizeof *options);
}

struct load {
    struct rrto_options *options;
    char why[300];
    int status;
};

static int load_line(void *arg, const char *section, const char *name, const char *value)
{
    struct load *load = arg;
    if (*section && strcmp(section, "rrtod") != 0) {
        snprintf(load->why, sizeof load->why, "there is no section [%.80s]; use [rrtod] or none", section);
        load->status = RRTO_INVALID;
        return 0;
    }
    load->status = rrto_options_set(load->options, name, value, load->why, sizeof load->why);
    return load->status == RRTO_OK;
}

int rrto_options_load(struct rrto_options *options, const char *path, char *why, size_t n_why)
{
    struct load load = {.options = options};
    FILE *file = fopen(path, "re");
    if (!file) {
        snprintf(why, n_why, "cannot read the configuration %.200s: %m", path);
        return RRTO_IO;
    }
    int line = ini_parse_file(file, load_line, &load);
    fclose(file);
    if (line == 0)
        return RRTO_OK;
    snprintf(why, n_why, "%.200s:%d: %s", path, line < 0 ? 0 : line,
             load.why[0] ? load.why : "expected 'name = value', a [section] or a comment");
    return load.status ? load.status : RRTO_INVALID;
}

bool rrto_compute_parse(const char *text, struct rrto_compute *ret_compute)
{
    struct rrto_compute compute = {.mode = RRTO_COMPUTE_REAL};
    if (strcmp(text, "skip") == 0) {
        compute.mode = RRTO_COMPUTE_SKIP;
    } else if (strcmp(text, "real") != 0) {
        char *end;
        double ms = *text >= '0' && *text <= '9' ? strtod(text, &end) : -1;
        if (!(ms >= 0 && ms <= 60000) || *end)
            return false;
        compute.mode = RRTO_COMPUTE_TIMED;
        compute.time_ns = (uint64_t)llround(ms * 1e6);
    }
    *ret_compute = compute;
    return true;
}

bool rrto_options_next(const char **at, char *out, size_t n_out)
{
    if (!*at || !**at)
        return false;
    const char *end = strchrnul(*at, '\n');
    snprintf(out, n_out, "%.*s", (int)(end - *at), *at);
    *at = *end ? end + 1 : end;
    return true;
}

int rrto_options_check(const struct rrto_options *options, char *why, size_t n_why)
{
    char address[300];
    const char *at = options->listen;
    while (rrto_options_next(&at, address, sizeof address)) {
        struct rrto_address parsed;
        int status = rrto_address_parse(address, &parsed, why, n_why);
        if (status != RRTO_OK)
            return status;
        if (parsed.kind == RRTO_ADDRESS_FD) {
            snprintf(why, n_why, "listen: '%s' is no address to listen on; write HOST:PORT or unix:PATH", address);
            return RRTO_INVALID;
        }
    }
    uint64_t number;
    struct rrto_compute compute;
    if (strcmp(options->device, "auto") != 0 && strcmp(options->device, "soft") != 0 &&
        (!parse_uint(options->device, false, &number) || number > 1000)) {
        snprintf(why, n_why, "device: '%.80s' is not auto, soft or a number", options->device);
        return RRTO_INVALID;
    }
    if (!rrto_compute_parse(options->compute, &compute)) {
        snprintf(why, n_why, "compute: '%.80s' is not real, skip or milliseconds (at most 60000)", options->compute);
        return RRTO_INVALID;
    }
    static const char sched[] = "adversarial:";
    if (*options->sched && (strncmp(options->sched, sched, sizeof sched - 1) != 0 ||
                            !parse_uint(options->sched + sizeof sched - 1, false, &number))) {
        snprintf(why, n_why, "sched: '%.80s' is not adversarial:SEED, SEED being a number", options->sched);
        return RRTO_INVALID;
    }
    if (options->ready_fd[0] && (!parse_uint(options->ready_fd, false, &number) || number > 1 << 20)) {
        snprintf(why, n_why, "ready-fd: '%.80s' is not a descriptor", options->ready_fd);
        return RRTO_INVALID;
    }
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    bool known = false;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        known = known || strcmp(options->log, levels[i]) == 0;
    if (!known) {
        snprintf(why, n_why, "log: '%.80s' is not error, warn, info or debug", options->log);
        return RRTO_INVALID;
    }
    if (options->sessions == 0 || options->sessions > 10000 || options->pending == 0 || options->pending > 10000 ||
        options->hello_timeout_ms == 0 || options->hello_timeout_ms > 3600000 || options->drain_ms > 3600000 ||
        options->soft_threads == 0 || options->soft_threads > 256 || options->staging < 1 << 20) {
        snprintf(why, n_why,
                 "sessions and pending are 1 to 10000, timeouts up to 3600000, soft-threads 1 to 256, staging at "
                 "least 1M");
        return RRTO_INVALID;
    }
    return RRTO_OK;
}

char *rrto_options_get(const struct rrto_options *options, const char *name)
{
    const struct option *option = find(name);
    if (!option)
        return NULL;
    const void *field = field_of(options, option);
    char *text = NULL;
    switch (option->type) {
    case STRING:
    case LIST:
        return strdup(*(char *const *)field);
    case UINT:
    case BYTES:
        return asprintf(&text, "%llu", (unsigned long long)*(const uint64_t *)field) < 0 ? NULL : text;
    case FLAG:
        return strdup(*(const bool *)field ? "yes" : "no");
    }
    return NULL;
}

void rrto_options_dump(const struct rrto_options *options, FILE *out)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        fprintf(out, "%s# %s\n", i ? "\n" : "", table[i].help);
        if (table[i].type == LIST) {
            char value[4096];
            const char *at = *(char **)field_of(options, &table[i]);
            if (!*at)
                fprintf(out, "# %s =\n", table[i].name);
            while (rrto_options_next(&at, value, sizeof value))
                fprintf(out, "%s = %s\n", table[i].name, value);
            continue;
        }
        char *value = rrto_options_get(options, table[i].name);
        fprintf(out, *value ? "%s = %s\n" : "# %s =%s\n", table[i].name, value);
        free(value);
    }
}

void rrto_options_help(FILE *out)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char flag[60];
        snprintf(flag, sizeof flag, "--%s %s", table[i].name, table[i].metavar);
        fprintf(out, "  %-26s %s", flag, table[i].help);
        if (table[i].type != FLAG && *table[i].def)
            fprintf(out, " (default %s)", table[i].def);
        fputc('\n', out);
    }
}
