/* SPDX-License-Identifier: Apache-2.0 */
/* The one C function of a door: fills the door's slots from the client library, once. The generated assembly calls it
 * from the first function that is used. Laws of this room: libc only, no constructor, no allocation of its own, never
 * abort. */
#include "api/entry.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#pragma GCC poison malloc calloc realloc free printf fprintf abort exit

typedef void function(void);
typedef bool entries_function(const char *library, const struct rrto_entry **ret_entries, size_t *ret_n);

/* Generated: gen/door_<soname>.S */
extern function *rrto_door_slots[] __attribute__((visibility("hidden")));
extern const char rrto_door_names[]
    __attribute__((visibility("hidden"))); /* NUL-terminated names, sorted, one per slot */
extern const char rrto_door_failures[]
    __attribute__((visibility("hidden"))); /* one letter per slot: s(tatus), z(ero), t(ext) */
extern const char rrto_door_library[] __attribute__((visibility("hidden")));
extern const uint64_t rrto_door_n __attribute__((visibility("hidden")));
extern const uint32_t rrto_door_status __attribute__((visibility("hidden")));

__attribute__((visibility("hidden"))) void rrto_door_resolve(void);

static uint64_t fail_status(void)
{
    return rrto_door_status;
}

static uint64_t fail_zero(void)
{
    return 0;
}

static const char *fail_text(void)
{
    return "rrto: the client library is not there";
}

static void say(const char *what, const char *why)
{
    char line[600];
    size_t n = 0;
    const char *const parts[] = {"rrto: error: ", rrto_door_library, ": ", what, ": ", why, "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        for (const char *at = parts[i]; *at && n < sizeof line - 1; at++)
            line[n++] = *at;
    line[n - 1] = '\n';
    if (write(STDERR_FILENO, line, n) < 0)
        return; /* nobody to tell */
}

/* ../librrto-client.so, seen from the folder of this door. */
static void *open_client(const char **ret_why)
{
    static const char relative[] = "../librrto-client.so";
    char path[4096];
    Dl_info info;
    *ret_why = "where this door lies is unknown";
    if (!dladdr(rrto_door_names, &info) || !info.dli_fname)
        return NULL;
    const char *slash = strrchr(info.dli_fname, '/');
    size_t n = slash ? (size_t)(slash - info.dli_fname) + 1 : 0;
    if (n + sizeof relative > sizeof path)
        return NULL;
    memcpy(path, info.dli_fname, n);
    memcpy(path + n, relative, sizeof relative);
    void *client = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!client)
        *ret_why = dlerror();
    return client;
}

static void fill(void)
{
    const char *why = NULL;
    const struct rrto_entry *entries = NULL;
    size_t n_entries = 0;
    void *client = open_client(&why);
    if (!client) {
        say("cannot open the client library", why ? why : "no reason given");
    } else {
        entries_function *get = NULL;
        void *symbol = dlsym(client, "rrto_client_entries");
        memcpy(&get, &symbol, sizeof get);
        if (!get || !get(rrto_door_library, &entries, &n_entries)) {
            say("the client library does not know this library", "are both from one build?");
            n_entries = 0;
        }
    }
    /* Both lists are sorted: one walk. A symbol that the client lacks fails like the whole. */
    const char *name = rrto_door_names;
    size_t at = 0;
    for (uint64_t i = 0; i < rrto_door_n; i++, name += strlen(name) + 1) {
        while (at < n_entries && strcmp(entries[at].name, name) < 0)
            at++;
        function *target = NULL;
        if (at < n_entries && strcmp(entries[at].name, name) == 0)
            target = entries[at].function;
        else if (rrto_door_failures[i] == 't')
            target = (function *)fail_text;
        else if (rrto_door_failures[i] == 'z')
            target = (function *)fail_zero;
        else
            target = (function *)fail_status;
        __atomic_store_n(&rrto_door_slots[i], target, __ATOMIC_RELEASE);
    }
}

void rrto_door_resolve(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int saved_errno = errno;
    pthread_once(&once, fill);
    errno = saved_errno;
}
