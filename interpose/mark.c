/* SPDX-License-Identifier: Apache-2.0 */
/* rrto_mark() of include/rrto/rrto.h, for whoever looks it up in the process. Nothing is opened for it: before the
 * first CUDA call there is no client library, and nothing to mark. */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#pragma GCC poison malloc calloc realloc free printf fprintf abort exit

__attribute__((visibility("default"))) void rrto_mark(void);

typedef void function(void);

/* Looked up once; a client library is never unloaded. */
static function *find(void)
{
    static function *found;
    function *mark = __atomic_load_n(&found, __ATOMIC_ACQUIRE);
    if (mark)
        return mark;
    void *client = dlopen("librrto-client.so", RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
    void *symbol = client ? dlsym(client, "rrto_client_mark") : NULL;
    memcpy(&mark, &symbol, sizeof mark);
    __atomic_store_n(&found, mark, __ATOMIC_RELEASE);
    return mark;
}

void rrto_mark(void)
{
    int saved_errno = errno;
    function *mark = find();
    errno = saved_errno;
    if (mark)
        mark();
}
