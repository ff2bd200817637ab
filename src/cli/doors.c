/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the doors and makes the loader's variables out of them. */
#include "cli/doors.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* libnvidia-ml is opened by name at run time; librrto-dlopen.so keeps programs from opening a vendor's copy of the
 * others by path. */
const char *const rrto_doors_names[] = {
    "libcudart.so.13", "libcuda.so.1",      "libcublas.so.13",   "libcublasLt.so.13",
    "libcudnn.so.9",   "libnvidia-ml.so.1", "librrto-dlopen.so", NULL,
};

/* Appends "separator text"; false when it does not fit. */
static bool append(char *out, size_t n_out, const char *separator, const char *text)
{
    size_t n = strlen(out), m = strlen(separator), k = strlen(text);
    if (n + m + k + 1 > n_out)
        return false;
    memcpy(out + n, separator, m);
    memcpy(out + n + m, text, k + 1);
    return true;
}

static bool own_folder(char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (n <= 0)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

bool rrto_doors_program(const char *name, char *out, size_t n_out)
{
    char folder[PATH_MAX];
    if (!own_folder(folder) || n_out == 0)
        return false;
    *out = '\0';
    return append(out, n_out, "", folder) && append(out, n_out, "/", name);
}

bool rrto_doors_share(const char *name, char *out, size_t n_out)
{
    char folder[PATH_MAX];
    if (!own_folder(folder) || n_out == 0)
        return false;
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    *out = '\0';
    return append(out, n_out, "", folder) && append(out, n_out, "/share/rrto/", name);
}

bool rrto_doors_folder(char *out, size_t n_out)
{
    char folder[PATH_MAX];
    if (!own_folder(folder) || n_out == 0)
        return false;
    char *slash = strrchr(folder, '/'); /* .../bin becomes .../lib/rrto */
    if (!slash)
        return false;
    *slash = '\0';
    *out = '\0';
    return append(out, n_out, "", folder) && append(out, n_out, "/", "lib/rrto");
}

bool rrto_doors_preload(const char *existing, char *out, size_t n_out, char *ret_why, size_t n_why)
{
    char folder[PATH_MAX], path[PATH_MAX];
    bool fits = n_out > 0 && rrto_doors_folder(folder, sizeof folder);
    *out = '\0';
    if (fits && strpbrk(folder, ": ")) {
        snprintf(ret_why, n_why, "rrto is installed in '%s': the loader cannot preload from a path with ':' or a blank",
                 folder);
        return false;
    }
#ifdef RRTO_SANITIZER_LIBRARY
    fits = fits && append(out, n_out, "", RRTO_SANITIZER_LIBRARY); /* a sanitized library wants it loaded first */
#endif
    for (size_t i = 0; rrto_doors_names[i] && fits; i++) {
        int n = snprintf(path, sizeof path, "%s/doors/%s", folder, rrto_doors_names[i]);
        if (n < 0 || (size_t)n >= sizeof path || access(path, R_OK) != 0) {
            snprintf(ret_why, n_why, "%s/doors/%s is missing: the installation is not complete", folder,
                     rrto_doors_names[i]);
            return false;
        }
        fits = append(out, n_out, *out ? ":" : "", path);
    }
    if (fits && existing && *existing && strncmp(existing, out, strlen(out)) != 0)
        fits = append(out, n_out, ":", existing);
    else if (fits && existing && strncmp(existing, out, strlen(out)) == 0)
        fits = append(out, n_out, "", existing + strlen(out)); /* already there: rrto run inside rrto run */
    if (!fits)
        snprintf(ret_why, n_why, "the paths of the preloaded libraries are too long");
    return fits;
}

bool rrto_doors_library_path(const char *existing, char *out, size_t n_out)
{
    char folder[PATH_MAX];
    if (n_out == 0 || !rrto_doors_folder(folder, sizeof folder))
        return false;
    *out = '\0';
    if (!append(out, n_out, "", folder) || !append(out, n_out, "/", "fallback"))
        return false;
    return !existing || !*existing || append(out, n_out, ":", existing);
}
