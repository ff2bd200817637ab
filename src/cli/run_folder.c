/* SPDX-License-Identifier: Apache-2.0 */
/* The private folder of one rrto run. */
#include "cli/run_folder.h"

#include "report/inferences.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FOLDER_BYTES = 80 }; /* a socket in it has to fit 107 bytes */

bool rrto_run_folder_create(char *out, size_t n_out)
{
    const char *bases[] = {getenv("XDG_RUNTIME_DIR"), "/tmp"};
    for (size_t i = 0; i < 2; i++) {
        if (!bases[i] || bases[i][0] != '/' || strlen(bases[i]) + 16 > MAX_FOLDER_BYTES)
            continue;
        snprintf(out, n_out, "%s/rrto-XXXXXX", bases[i]);
        if (mkdtemp(out)) /* 0700 */
            return true;
    }
    return false;
}

static int remove_entry(const char *path, const struct stat *stat_buffer, int type, struct FTW *place)
{
    (void)stat_buffer;
    (void)type;
    (void)place;
    remove(path);
    return 0;
}

void rrto_run_folder_destroy(const char *folder)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static struct rrto_counters *read_one(const char *folder, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct rrto_counters *counters = malloc(sizeof *counters);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    size_t n = 0;
    ssize_t got = 1;
    while (fd >= 0 && counters && n < sizeof *counters && got > 0) {
        got = read(fd, (char *)counters + n, sizeof *counters - n);
        n += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0)
        close(fd);
    if (counters && rrto_counters_valid(counters, n))
        return counters;
    free(counters);
    return NULL;
}

static int is_counters_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return strncmp(entry->d_name, "client-", 7) == 0 && n > 9 && strcmp(entry->d_name + n - 9, ".counters") == 0;
}

struct rrto_counters **rrto_run_folder_read(const char *folder, size_t *ret_n)
{
    struct dirent **entries;
    int n_entries = scandir(folder, &entries, is_counters_file, alphasort);
    *ret_n = 0;
    if (n_entries < 0)
        return NULL;
    struct rrto_counters **processes = calloc((size_t)n_entries + 1, sizeof *processes);
    for (int i = 0; i < n_entries; i++) {
        struct rrto_counters *one = processes ? read_one(folder, entries[i]->d_name) : NULL;
        if (one)
            processes[(*ret_n)++] = one;
        free(entries[i]);
    }
    free(entries);
    return processes;
}

/* The records that lie beside a counters file, mapped; *ret_n: bytes. NULL when there are none. */
static const struct rrto_inferences *map_inferences(const char *folder, const char *counters_name, size_t *ret_n)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%.*s.inferences", folder, (int)(strlen(counters_name) - 9), counters_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat about;
    void *at = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &about) == 0 && about.st_size > 0) {
        *ret_n = (size_t)about.st_size;
        at = mmap(NULL, *ret_n, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    if (fd >= 0)
        close(fd);
    if (at == MAP_FAILED)
        return NULL;
    if (rrto_inferences_valid(at, *ret_n))
        return at;
    munmap(at, *ret_n);
    return NULL;
}

static void write_one(struct rrto_json *json, const char *folder, const char *counters_name)
{
    size_t n;
    struct rrto_counters *counters = read_one(folder, counters_name);
    const struct rrto_inferences *inferences = counters ? map_inferences(folder, counters_name, &n) : NULL;
    if (counters)
        rrto_inferences_write(json, counters, inferences);
    if (inferences)
        munmap((void *)(uintptr_t)inferences, n);
    free(counters);
}

bool rrto_run_folder_write_inferences(const char *folder, const char *path)
{
    struct dirent **entries;
    struct rrto_json json;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    rrto_json_init(&json, fd);
    json.compact = true;
    int n_entries = scandir(folder, &entries, is_counters_file, alphasort);
    for (int i = 0; i < n_entries; i++) {
        write_one(&json, folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (n_entries >= 0)
        free(entries);
    bool written = rrto_json_finish(&json);
    int error = errno;
    written = close(fd) == 0 && written;
    errno = error;
    return written;
}

void rrto_run_folder_free(struct rrto_counters **processes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(processes[i]);
    free(processes);
}
