/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the environment table once. Strings are copied: the application may change its environment at any time. */
#include "base/config.h"

#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_BYTES = 16384, NAME_BYTES = 64 };

static struct rrto_config config;
static char text[TEXT_BYTES];
static size_t text_used;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const names[] = {
#define X(field, name, type, def, help) name,
    RRTO_CONFIG_LIST(X)
#undef X
};
enum { N_NAMES = sizeof names / sizeof names[0] };

#define X(constant, name) name,
static const char *const disable_names[] = {RRTO_DISABLE_LIST(X, X)};
static const char *const enable_names[] = {RRTO_ENABLE_LIST(X, X)};
#undef X
enum {
    N_DISABLE_NAMES = sizeof disable_names / sizeof disable_names[0],
    N_ENABLE_NAMES = sizeof enable_names / sizeof enable_names[0],
};

static bool parse_UINT(const char *s, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9' || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*s - '0');
    }
    *ret_value = value;
    return true;
}

static bool parse_STRING(const char *s, const char **ret_value)
{
    size_t n = strlen(s) + 1;
    if (n > TEXT_BYTES - text_used)
        return false;
    *ret_value = memcpy(text + text_used, s, n);
    text_used += n;
    return true;
}

static bool parse_LIST(const char *s, const char **ret_value)
{
    return parse_STRING(s, ret_value);
}

__attribute__((unused)) static bool parse_BOOL(const char *s, bool *ret_value)
{
    *ret_value = strcmp(s, "1") == 0 || strcmp(s, "yes") == 0 || strcmp(s, "true") == 0;
    return *ret_value || strcmp(s, "0") == 0 || strcmp(s, "no") == 0 || strcmp(s, "false") == 0 || !*s;
}

/* Levenshtein distance of two short names; the row is reused. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t row[NAME_BYTES + 1];
    if (n_a > NAME_BYTES || n_b > NAME_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n_b];
}

static const char *closest(const char *name, size_t n)
{
    size_t best = 4; /* farther than three letters is no guess */
    const char *guess = NULL;
    for (size_t i = 0; i < N_NAMES; i++) {
        size_t d = distance(name, n, names[i], strlen(names[i]));
        if (d < best) {
            best = d;
            guess = names[i];
        }
    }
    return guess;
}

static bool known(const char *name, size_t n)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return true;
    return false;
}

/* items: the names that the list may hold; all_items: the same in one text. */
static void warn_about_unknown_items(const char *variable, const char *list, const char *const *items, size_t n_items,
                                     const char *all_items)
{
    while (list && *list) {
        size_t n = strcspn(list, ",");
        bool found = n == 0;
        for (size_t i = 0; !found && i < n_items; i++)
            found = strlen(items[i]) == n && memcmp(items[i], list, n) == 0;
        if (!found)
            rrto_warn("%s: there is no '%.*s'; there are %s", variable, (int)n, list, all_items);
        list += n + (list[n] == ',');
    }
}

static void warn_about_unknown_names(void)
{
    for (char **entry = environ; entry && *entry; entry++) {
        if (strncmp(*entry, "RRTO_", 5) != 0)
            continue;
        size_t n = strcspn(*entry, "=");
        if (known(*entry, n))
            continue;
        const char *guess = closest(*entry, n);
        if (guess)
            rrto_warn("unknown variable %.*s; did you mean %s?", (int)n, *entry, guess);
        else
            rrto_warn("unknown variable %.*s (see docs/environment.md)", (int)n, *entry);
    }
}

#define type_name_STRING "text"
#define type_name_LIST "list"
#define type_name_UINT "number"
#define type_name_BOOL "yes or no"

static void read_environment(void)
{
    /* Under rrto run the warnings have been given once already, by rrto itself. */
    const char *run_dir = getenv("RRTO_RUN_DIR");
    bool first = !run_dir || !*run_dir;
#define X(field, name, type, def, help)                                                                                \
    {                                                                                                                  \
        const char *value = getenv(name);                                                                              \
        if (!parse_##type(value ? value : (def), &config.field)) {                                                     \
            if (first)                                                                                                 \
                rrto_warn("%s=%s is not a valid %s: taking the default", name, value ? value : "", type_name_##type);  \
            parse_##type(def, &config.field);                                                                          \
        }                                                                                                              \
    }
    RRTO_CONFIG_LIST(X)
#undef X
    if (!first)
        return;
    warn_about_unknown_names();
    warn_about_unknown_items("RRTO_DISABLE", config.disable, disable_names, N_DISABLE_NAMES, RRTO_DISABLE_NAMES);
    warn_about_unknown_items("RRTO_ENABLE", config.enable, enable_names, N_ENABLE_NAMES, RRTO_ENABLE_NAMES);
}

const struct rrto_config *rrto_config_get(void)
{
    pthread_once(&once, read_environment);
    return &config;
}

static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    while (list && *list) {
        size_t m = strcspn(list, ",");
        if (m == n && memcmp(list, name, n) == 0)
            return true;
        list += m + (list[m] == ',');
    }
    return false;
}

bool rrto_config_disabled(enum rrto_disable what)
{
    return listed(rrto_config_get()->disable, disable_names[what]);
}

bool rrto_config_enabled(enum rrto_enable what)
{
    return listed(rrto_config_get()->enable, enable_names[what]);
}

void rrto_config_each(void (*fn)(void *arg, const char *name, const char *type, const char *def, const char *help),
                      void *arg)
{
#define X(field, name, type, def, help) fn(arg, name, #type, def, help);
    RRTO_CONFIG_LIST(X)
#undef X
}
