/* SPDX-License-Identifier: Apache-2.0 */
/* Parses demangled names by brackets and commas. */
#include "name.h"

#include <stdlib.h>
#include <string.h>

/* From libstdc++, callable from C. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length, int *status);

bool part_is(struct part part, const char *text)
{
    return part.n == strlen(text) && memcmp(part.text, text, part.n) == 0;
}

bool part_contains(struct part part, const char *text)
{
    return memmem(part.text, part.n, text, strlen(text)) != NULL;
}

/* Removes every occurrence of `what`, in place. */
static void text_remove(char *text, const char *what)
{
    size_t n = strlen(what);
    char *at = text;
    while ((at = strstr(at, what)))
        memmove(at, at + n, strlen(at + n) + 1);
}

static bool opens(char c)
{
    return c == '<' || c == '(' || c == '{' || c == '[';
}

static bool closes(char c)
{
    return c == '>' || c == ')' || c == '}' || c == ']';
}

/* Position of the bracket that closes the one at i, or n. */
static size_t closing(struct part part, size_t i)
{
    int depth = 0;
    for (; i < part.n; i++) {
        if (opens(part.text[i]))
            depth++;
        else if (closes(part.text[i]) && !(part.text[i] == '>' && i > 0 && part.text[i - 1] == '-') && --depth == 0)
            return i;
    }
    return part.n;
}

/* Splits [from, to) at its top-level commas. */
static unsigned split(struct part part, size_t from, size_t to, struct part *ret, unsigned max)
{
    unsigned n = 0;
    size_t start = from;
    for (size_t i = from; i <= to; i++) {
        if (i < to && opens(part.text[i]))
            i = closing((struct part){part.text, to}, i);
        if (i < to && part.text[i] != ',')
            continue;
        while (start < i && part.text[start] == ' ')
            start++;
        size_t end = i < to ? i : to;
        while (end > start && part.text[end - 1] == ' ')
            end--;
        if (end > start && n < max)
            ret[n++] = (struct part){part.text + start, end - start};
        start = i + 1;
    }
    return n;
}

struct part part_base(struct part part)
{
    size_t start = 0, i = 0;
    for (; i < part.n && part.text[i] != '<' && part.text[i] != '(' && part.text[i] != '{'; i++)
        if (part.text[i] == ':' || part.text[i] == ' ')
            start = i + 1;
    return (struct part){part.text + start, i - start};
}

unsigned part_template(struct part part, struct part *ret, unsigned max)
{
    struct part base = part_base(part);
    size_t at = (size_t)(base.text - part.text) + base.n;
    if (at >= part.n || part.text[at] != '<')
        return 0;
    return split(part, at + 1, closing(part, at), ret, max);
}

static const char lambda_open[] = "{lambda(";

/* Where the last lambda that stands at the part's own level begins (that is the functor), or n. */
static size_t lambda_find(struct part part)
{
    size_t found = part.n;
    for (size_t i = 0; i < part.n; i++) {
        if (part.n - i > sizeof lambda_open && memcmp(part.text + i, lambda_open, sizeof lambda_open - 1) == 0)
            found = i;
        if (opens(part.text[i]))
            i = closing(part, i);
    }
    return found;
}

unsigned part_own_number(struct part part)
{
    size_t found = lambda_find(part);
    if (found == part.n)
        return 0;
    const char *end = memchr(part.text + found, '#', part.n - found);
    size_t close = closing(part, found);
    while (end && (size_t)(end - part.text) < close) {
        const char *next = memchr(end + 1, '#', part.n - (size_t)(end + 1 - part.text));
        if (!next || (size_t)(next - part.text) > close)
            return (unsigned)strtoul(end + 1, NULL, 10);
        end = next;
    }
    return 0;
}

unsigned part_lambda(struct part part, struct part *ret, unsigned max)
{
    size_t found = lambda_find(part);
    if (found == part.n)
        return 0;
    size_t open = found + sizeof lambda_open - 2;
    return split(part, open + 1, closing(part, open), ret, max);
}

unsigned part_lambda_number(struct part part, unsigned k)
{
    static const char text[] = "{lambda()#";
    const char *at = part.text, *end = part.text + part.n;
    for (;; at++) {
        at = memmem(at, (size_t)(end - at), text, sizeof text - 1);
        if (!at)
            return 0;
        if (k-- == 0)
            return (unsigned)strtoul(at + sizeof text - 1, NULL, 10);
    }
}

long part_number(struct part part, long fallback)
{
    char digits[24], *end;
    if (part.n == 0 || part.n >= sizeof digits)
        return fallback;
    memcpy(digits, part.text, part.n);
    digits[part.n] = 0;
    if (strcmp(digits, "true") == 0 || strcmp(digits, "false") == 0)
        return digits[0] == 't';
    long value = strtol(digits, &end, 10);
    return end == digits || strspn(end, "ul") != strlen(end) ? fallback : value;
}

enum type part_type(struct part part)
{
    static const struct {
        const char *name;
        enum type type;
    } names[] = {
        {"float", TYPE_FLOAT},
        {"long", TYPE_I64},
        {"double", TYPE_DOUBLE},
        {"bool", TYPE_BOOL},
        {"c10::Half", TYPE_HALF},
        {"c10::BFloat16", TYPE_BFLOAT16},
        {"int", TYPE_I32},
        {"unsigned char", TYPE_U8},
        {"signed char", TYPE_I8},
        {"short", TYPE_I16},
        {"unsigned short", TYPE_U16},
        {"unsigned int", TYPE_U32},
        {"unsigned long", TYPE_U64},
        {"long long", TYPE_I64},
        {"char", TYPE_I8},
        {"OpaqueType<1>", TYPE_U8},
        {"OpaqueType<2>", TYPE_U16},
        {"OpaqueType<4>", TYPE_U32},
        {"OpaqueType<8>", TYPE_U64},
        {"OpaqueType<1u>", TYPE_U8},
        {"OpaqueType<2u>", TYPE_U16},
        {"OpaqueType<4u>", TYPE_U32},
        {"OpaqueType<8u>", TYPE_U64},
    };
    if (part.n > 6 && memcmp(part.text + part.n - 6, " const", 6) == 0)
        part.n -= 6;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (part_is(part, names[i].name))
            return names[i].type;
    return TYPE_NONE;
}

bool name_parse(const char *mangled, struct kernel_name *ret)
{
    *ret = (struct kernel_name){0};
    int status;
    ret->text = strncmp(mangled, "_Z", 2) == 0 ? __cxa_demangle(mangled, NULL, NULL, &status) : strdup(mangled);
    if (!ret->text)
        return false;
    static const char *const noise[] = {
        "(anonymous namespace)::", "at::native::", "at::cuda::detail::", "::operator()() const"};
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++)
        text_remove(ret->text, noise[i]);
    struct part whole = {ret->text, strlen(ret->text)};
    if (strncmp(whole.text, "void ", 5) == 0)
        whole = (struct part){whole.text + 5, whole.n - 5};
    ret->family = part_base(whole);
    ret->n_args = part_template(whole, ret->args, NAME_MAX_ARGS);
    return true;
}

void name_fini(struct kernel_name *name)
{
    free(name->text);
}
