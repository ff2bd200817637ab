/* SPDX-License-Identifier: Apache-2.0 */
/* Which names dlopen is redirected for: PyTorch opens vendor libraries by absolute path, and "libcuda.so.1" and
 * "libnvidia-ml.so.1" by name. A name that is exactly one of ours, with or without a folder before it, becomes the door
 * beside this library; every other name, NULL included, goes on untouched. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "gen/door_names.h"

#pragma GCC poison malloc calloc realloc free printf fprintf abort exit

enum { N_DOORS = sizeof doors / sizeof doors[0], MAX_PATH = 4096, MAX_NAME = 32 };

__attribute__((visibility("hidden"))) void *rrto_dlopen_real;
__attribute__((visibility("hidden"))) const char *rrto_dlopen_redirect(const char *file);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char folder[MAX_PATH]; /* of this library, with the slash; empty when it is not known */
static char paths[N_DOORS][MAX_PATH + MAX_NAME];

static void *real_or_failure(void)
{
    return NULL;
}

static void init(void)
{
    Dl_info info;
    void *real = dlsym(RTLD_NEXT, "dlopen");
    if (!real)
        real = (void *)real_or_failure;
    if (dladdr((void *)&rrto_dlopen_real, &info) && info.dli_fname) {
        const char *slash = strrchr(info.dli_fname, '/');
        size_t n = slash ? (size_t)(slash - info.dli_fname) + 1 : 0;
        if (n && n < sizeof folder)
            memcpy(folder, info.dli_fname, n);
        for (size_t i = 0; n && i < N_DOORS; i++) {
            if (strlen(doors[i].door) >= MAX_NAME)
                continue;
            memcpy(paths[i], folder, n);
            strcpy(paths[i] + n, doors[i].door);
        }
    }
    rrto_dlopen_real = real;
}

const char *rrto_dlopen_redirect(const char *file)
{
    int saved_errno = errno;
    pthread_once(&once, init);
    errno = saved_errno;
    if (!file)
        return NULL;
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    for (size_t i = 0; i < N_DOORS; i++)
        if (strcmp(name, doors[i].name) == 0 && paths[i][0])
            return paths[i];
    return file;
}
