/* SPDX-License-Identifier: Apache-2.0 */
/* What a door asks the client library for: the functions behind a library's symbols. */
#ifndef RRTO_API_ENTRY_H
#define RRTO_API_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

struct rrto_entry {
    const char *name;
    void (*function)(void);
};

/* The entries of a library ("cudart", "cublas" ...), sorted by name, valid for the life of the process. The one
 * function that librrto-client.so exports. false for an unknown library. Any thread. */
__attribute__((visibility("default"))) bool rrto_client_entries(const char *library,
                                                                const struct rrto_entry **ret_entries, size_t *ret_n);

/* The entry of one symbol, or NULL. */
void (*rrto_entry_find(const char *library, const char *name))(void);

/* The driver function that cuGetProcAddress would name for a symbol without suffix ("cuMemAlloc") at a CUDA version
 * (12000), or NULL: ret_known then tells whether a later version would have it. per_thread: the variant for per-thread
 * default streams, where the function has one. */
void (*rrto_entry_find_driver(const char *symbol, int version, bool per_thread, bool *ret_known))(void);

#endif
