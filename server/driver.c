/* SPDX-License-Identifier: Apache-2.0 */
#include "driver.h"

#include "base/log.h"
#include "base/status.h"
#include "options.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rrto_driver_soft_folder(char *out, size_t n_out)
{
    ssize_t n = readlink("/proc/self/exe", out, n_out - 1);
    if (n <= 0)
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    size_t length = (size_t)(slash - out);
    return (size_t)snprintf(slash, n_out - length, "/soft") < n_out - length;
}

static void *open_in(const char *folder, const char *below, const char *soname)
{
    char path[4400];
    snprintf(path, sizeof path, "%s%s/%s", folder, below, soname);
    if (access(path, R_OK) != 0)
        return NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (library)
        rrto_debug("loaded %s", path);
    else
        rrto_warn("%s cannot be loaded: %s", path, dlerror());
    return library;
}

void *rrto_driver_open(const char *soname, const char *folders, char *why, size_t n_why)
{
    char folder[4096];
    const char *at = folders;
    while (rrto_options_next(&at, folder, sizeof folder)) {
        for (const char *const *below = rrto_library_subfolders; *below; below++) {
            void *library = open_in(folder, *below, soname);
            if (library)
                return library;
        }
    }
    void *library = dlopen(soname, RTLD_NOW | RTLD_GLOBAL);
    if (library) {
        rrto_debug("loaded %s", soname);
        return library;
    }
    const char *error = dlerror();
    static const char *const usual[] = {"/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/usr/local/cuda/lib64"};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        library = open_in(usual[i], "", soname);
        if (library)
            return library;
    }
    snprintf(why, n_why, "%s is not there (%.200s); name its folder with the option 'libraries'", soname,
             error ? error : "not found");
    return NULL;
}

static int resolve(struct rrto_driver *driver, char *why, size_t n_why)
{
    const char *missing = NULL;
#define X(name, required, parameters)                                                                                  \
    *(void **)&driver->name = dlsym(driver->library, #name);                                                           \
    if (required && !driver->name && !missing)                                                                         \
        missing = #name;
    RRTO_DRIVER_FUNCTIONS(X)
#undef X
    if (!missing)
        return RRTO_OK;
    snprintf(why, n_why, "the %s has no %s; a newer one is needed", driver->soft ? "soft driver" : "NVIDIA driver",
             missing);
    return RRTO_UNSUPPORTED;
}

static int start(struct rrto_driver *driver, int wanted, int *ret_device, char *why, size_t n_why)
{
    int status = resolve(driver, why, n_why), count = 0;
    if (status != RRTO_OK)
        return status;
    int error = driver->cuInit(0);
    if (error == RRTO_CU_SUCCESS)
        error = driver->cuDeviceGetCount(&count);
    if (error != RRTO_CU_SUCCESS) {
        char text[200];
        rrto_driver_describe(driver, error, text, sizeof text);
        snprintf(why, n_why, "the %s does not start: %s", driver->soft ? "soft driver" : "NVIDIA driver", text);
        return RRTO_NOT_FOUND;
    }
    if (wanted >= count) {
        snprintf(why, n_why, "there is no GPU number %d here; there are %d", wanted, count);
        return RRTO_NOT_FOUND;
    }
    if (driver->cuDeviceGet(ret_device, wanted) != RRTO_CU_SUCCESS) {
        snprintf(why, n_why, "GPU number %d cannot be used", wanted);
        return RRTO_NOT_FOUND;
    }
    return RRTO_OK;
}

static int load_soft(struct rrto_driver *driver, int *ret_device, char *why, size_t n_why)
{
    char path[4200];
    memset(driver, 0, sizeof *driver);
    driver->soft = true;
    if (!rrto_driver_soft_folder(path, 4096)) {
        snprintf(why, n_why, "the soft device's folder cannot be found");
        return RRTO_NOT_FOUND;
    }
    strcat(path, "/libcuda.so.1");
    driver->library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (!driver->library) {
        snprintf(why, n_why, "no soft device is installed (%.300s)", dlerror());
        return RRTO_NOT_FOUND;
    }
    return start(driver, 0, ret_device, why, n_why);
}

int rrto_driver_load(struct rrto_driver *driver, const char *device, const char *folders, int *ret_device, char *why,
                     size_t n_why)
{
    if (strcmp(device, "soft") == 0)
        return load_soft(driver, ret_device, why, n_why);
    bool any = strcmp(device, "auto") == 0;
    memset(driver, 0, sizeof *driver);
    driver->library = rrto_driver_open("libcuda.so.1", folders, why, n_why);
    int status = driver->library ? start(driver, any ? 0 : (int)strtol(device, NULL, 10), ret_device, why, n_why)
                                 : RRTO_NOT_FOUND;
    if (status == RRTO_OK || !any)
        return status;
    rrto_debug("no GPU (%s): the soft device", why);
    if (driver->library)
        dlclose(driver->library); /* or the soft libraries would find its symbols */
    return load_soft(driver, ret_device, why, n_why);
}

void rrto_driver_describe(const struct rrto_driver *driver, int code, char *out, size_t n_out)
{
    const char *name = NULL, *text = NULL;
    if (driver->cuGetErrorName)
        (void)driver->cuGetErrorName(code, &name);
    if (driver->cuGetErrorString)
        (void)driver->cuGetErrorString(code, &text);
    snprintf(out, n_out, "%s (%d): %s", name ? name : "error", code, text ? text : "no description");
}
