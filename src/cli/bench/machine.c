/* SPDX-License-Identifier: Apache-2.0 */
/* The machine that the figures are of. What it does not tell is null. */
#include "cli/bench/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { LINE_BYTES = 256 };

/* What stands behind the colon of the first line that begins with `key`, as in "MemTotal:  123 kB". */
static bool find_line(const char *path, const char *key, char ret_value[LINE_BYTES])
{
    char line[LINE_BYTES];
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        size_t n = strlen(key);
        if (!colon || strncmp(line, key, n) != 0 || strspn(line + n, " \t") != (size_t)(colon - line) - n)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        snprintf(ret_value, LINE_BYTES, "%.*s", (int)strcspn(colon, "\n"), colon);
        found = *ret_value != '\0';
    }
    if (file)
        fclose(file);
    return found;
}

static json_t *text(const char *value)
{
    json_t *string = json_string(value);
    return string ? string : json_null(); /* not UTF-8 */
}

json_t *rrto_bench_json_machine(void)
{
    char line[LINE_BYTES];
    struct utsname about;
    json_t *object = json_object();
    const bool named = uname(&about) == 0;
    const long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    json_object_set_new(object, "system", named ? text(about.sysname) : json_null());
    json_object_set_new(object, "release", named ? text(about.release) : json_null());
    json_object_set_new(object, "architecture", named ? text(about.machine) : json_null());
    json_object_set_new(object, "cpu", find_line("/proc/cpuinfo", "model name", line) ? text(line) : json_null());
    json_object_set_new(object, "n_cpus", n_cpus > 0 ? json_integer(n_cpus) : json_null());
    double kib = find_line("/proc/meminfo", "MemTotal", line) ? strtod(line, NULL) : 0;
    json_object_set_new(object, "memory_gib",
                        kib > 0 && isfinite(kib) ? json_real(round(kib / (1 << 20) * 10) / 10) : json_null());
    return object;
}
