# SPDX-License-Identifier: Apache-2.0
"""client_entries.c: the tables of entries by library, and the functions that cuGetProcAddress names, by version."""

from .client import served
from .text import banner


def entries_c(api):
    libraries = [d.library.name for d in served(api)]
    out = [banner("The tables that doors ask for."), '#include "api/entry.h"', "", "#include <stdint.h>", "#include <string.h>", ""]
    for name in libraries:
        out += [f"extern const struct rrto_entry rrto_entries_{name}[];", f"extern const size_t rrto_n_entries_{name};"]
    out += ["", "struct version {", "    const char *symbol;", "    int since;", "    const char *function;", "};",
            "/* By symbol, then ascending; the last row that is not newer than what was asked for decides. */", "static const struct version versions[] = {"]
    rows = [(symbol, since, function) for d in api.descriptions for symbol, pairs, _ in d.versions for since, function in pairs]
    out += [f'    {{"{s}", {v}, "{f}"}},' for s, v, f in rows] + ["    {NULL, 0, NULL},", "};", ""]
    out += ["bool rrto_client_entries(const char *library, const struct rrto_entry **ret_entries, size_t *ret_n)", "{"]
    for name in libraries:
        out += [f'    if (strcmp(library, "{name}") == 0) {{', f"        *ret_entries = rrto_entries_{name};", f"        *ret_n = rrto_n_entries_{name};",
                "        return true;", "    }"]
    out += ["    return false;", "}", "", ENTRY_FIND]
    return "\n".join(out)


ENTRY_FIND = """\
void (*rrto_entry_find(const char *library, const char *name))(void)
{
    const struct rrto_entry *entries;
    size_t low = 0, high;
    if (!rrto_client_entries(library, &entries, &high))
        return NULL;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, entries[middle].name);
        if (order == 0)
            return entries[middle].function;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

enum { NAME_BYTES = 128 };

/* symbol + suffix; the empty name when that is too long. */
static const char *join(char name[NAME_BYTES], const char *symbol, const char *suffix)
{
    size_t n = strlen(symbol), n_suffix = strlen(suffix);
    name[0] = 0;
    if (n + n_suffix < NAME_BYTES) {
        memcpy(name, symbol, n);
        memcpy(name + n, suffix, n_suffix + 1);
    }
    return name;
}

/* A function by its whole name, or its variant for per-thread default streams. */
static void (*find_variant(const char *name, bool per_thread))(void)
{
    char variant[NAME_BYTES];
    void (*found)(void) = per_thread ? rrto_entry_find("driver", join(variant, name, "_ptsz")) : NULL;
    if (!found && per_thread)
        found = rrto_entry_find("driver", join(variant, name, "_ptds"));
    return found ? found : rrto_entry_find("driver", name);
}

void (*rrto_entry_find_driver(const char *symbol, int version, bool per_thread, bool *ret_known))(void)
{
    void (*found)(void) = NULL;
    *ret_known = false;
    for (const struct version *row = versions; row->symbol; row++)
        if (strcmp(row->symbol, symbol) == 0) {
            *ret_known = true;
            if (row->since <= version)
                found = find_variant(row->function, per_thread);
        }
    if (*ret_known)
        return found;
    /* Every other function with a suffix has had it since CUDA 11 or before. */
    static const char *const suffixes[] = {"_v3", "_v2", ""};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0] && !found; i++) {
        char name[NAME_BYTES];
        found = find_variant(join(name, symbol, suffixes[i]), per_thread);
    }
    *ret_known = found != NULL;
    return found;
}
"""
