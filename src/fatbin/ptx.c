/* SPDX-License-Identifier: Apache-2.0 */
/* PTX text: entry names, parameter layout (natural alignment, in order), module-scope variables. Bodies are skipped:
 * nothing here compiles. */
#include "internal.h"

#include <stdlib.h>

/* Of one module: a short text may ask for a lot. */
enum { MAX_INITIAL_BYTES = 64 << 20 };

struct reader {
    const char *at, *end;
};

/* A token: a word (letters, digits, . _ $ % +-), or one character. Empty at the end. */
struct token {
    const char *text;
    size_t n;
};

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '$' || c == '%' || c == '-' || c == '+';
}

static void blank_skip(struct reader *reader)
{
    while (reader->at < reader->end) {
        const char *at = reader->at;
        size_t left = (size_t)(reader->end - at);
        if (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r' || *at == 0) {
            reader->at++;
        } else if (left >= 2 && at[0] == '/' && at[1] == '/') {
            const char *line = memchr(at, '\n', left);
            reader->at = line ? line : reader->end;
        } else if (left >= 2 && at[0] == '/' && at[1] == '*') {
            for (at += 2; at + 1 < reader->end && !(at[0] == '*' && at[1] == '/'); at++)
                ;
            reader->at = at + 2 < reader->end ? at + 2 : reader->end;
        } else {
            return;
        }
    }
}

static struct token token_next(struct reader *reader)
{
    blank_skip(reader);
    struct token token = {.text = reader->at};
    if (reader->at == reader->end)
        return token;
    if (*reader->at == '"') {
        do
            reader->at++;
        while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\n');
        if (reader->at < reader->end)
            reader->at++;
    } else if (word_char(*reader->at)) {
        while (reader->at < reader->end && word_char(*reader->at))
            reader->at++;
    } else {
        reader->at++;
    }
    token.n = (size_t)(reader->at - token.text);
    return token;
}

static bool token_is(struct token token, const char *text)
{
    return token.n == strlen(text) && memcmp(token.text, text, token.n) == 0;
}

/* Decimal or 0x; false when it is not a number. Floats of the form 0fXXXXXXXX and 0dXXXXXXXXXXXXXXXX give their bits.
 */
static bool token_number(struct token token, uint64_t *ret)
{
    size_t i = 0;
    bool negative = token.n > 0 && token.text[0] == '-';
    uint64_t base = 10, value = 0;
    i += negative;
    if (token.n > i + 2 && token.text[i] == '0' && strchr("xXfFdD", token.text[i + 1])) {
        base = 16;
        i += 2;
    }
    if (i >= token.n)
        return false;
    for (; i < token.n; i++) {
        char c = token.text[i];
        uint64_t digit = c >= '0' && c <= '9'   ? (uint64_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint64_t)(c - 'A' + 10)
                                                : 99;
        if (digit >= base) {
            if (c == 'U' && i + 1 == token.n)
                break;
            return false;
        }
        if (value > (UINT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *ret = negative ? 0 - value : value;
    return true;
}

/* Bytes of ".u32", ".b8", ".f16x2" ...; 0 when it is no type. */
static uint32_t type_bytes(struct token token)
{
    if (token.n < 3 || token.text[0] != '.' || !strchr("busf", token.text[1]))
        return token_is(token, ".pred") ? 1 : 0;
    struct token digits = {token.text + 2, token.n - 2};
    bool pair = digits.n > 2 && memcmp(digits.text + digits.n - 2, "x2", 2) == 0;
    if (pair)
        digits.n -= 2;
    uint64_t bits;
    if (!token_number(digits, &bits) || bits < 8 || bits > 128 || bits % 8)
        return 0;
    return (uint32_t)bits / 8 * (pair ? 2 : 1);
}

/* One declaration after its state space: ".align 8 .b8 name[24]" or ".u64 .ptr .global .align 4 name". Stops before , )
 * ; = or the end. */
struct declaration {
    struct token name;
    uint64_t n_elements;
    uint32_t element_bytes, alignment;
};

static int declaration_read(struct reader *reader, struct declaration *ret)
{
    struct declaration declaration = {.n_elements = 1};
    uint32_t alignment = 0;
    bool pointer = false;
    for (;;) {
        struct reader before = *reader;
        struct token token = token_next(reader);
        if (token.n == 0)
            return RRTO_INVALID;
        if (strchr(",);={", token.text[0])) {
            *reader = before;
            break;
        }
        uint64_t number;
        if (token_is(token, ".align")) {
            if (!token_number(token_next(reader), &number) || number == 0 || number > 1024 || number & (number - 1))
                return RRTO_INVALID;
            if (!pointer) /* after .ptr it is the alignment of what is pointed to */
                alignment = (uint32_t)number;
        } else if (token_is(token, ".ptr")) {
            pointer = true;
        } else if (token_is(token, "[")) {
            token = token_next(reader);
            if (token_is(token, "]"))
                continue; /* the size is that of the initial data, or of a flexible shared array */
            if (!token_number(token, &number) || number > RRTO_MODULE_MAX_BYTES ||
                declaration.n_elements * number > RRTO_MODULE_MAX_BYTES)
                return RRTO_INVALID;
            declaration.n_elements *= number;
            if (!token_is(token_next(reader), "]"))
                return RRTO_INVALID;
        } else if (token.text[0] != '.') {
            declaration.name = token;
        } else if (type_bytes(token)) {
            declaration.element_bytes = type_bytes(token);
        } else if (token_is(token, ".v2") || token_is(token, ".v4")) {
            declaration.n_elements *= token_is(token, ".v2") ? 2 : 4;
        }
    }
    if (declaration.name.n == 0 || declaration.element_bytes == 0)
        return RRTO_INVALID;
    declaration.alignment = alignment ? alignment : declaration.element_bytes;
    *ret = declaration;
    return RRTO_OK;
}

/* Skips a {...} whose opening brace has been read. */
static void body_skip(struct reader *reader)
{
    for (unsigned depth = 1; depth;) {
        struct token token = token_next(reader);
        if (token.n == 0)
            return;
        if (token_is(token, "{"))
            depth++;
        else if (token_is(token, "}"))
            depth--;
    }
}

static int params_read(struct reader *reader, struct module_builder *builder, struct rrto_kernel_image *kernel)
{
    uint32_t *layout = rrto_module_alloc(builder, sizeof(uint32_t) * 2), n = 0, capacity = 1;
    uint64_t end = 0;
    if (!layout)
        return RRTO_NO_MEMORY;
    for (;;) {
        struct token token = token_next(reader);
        if (token_is(token, ")"))
            break;
        if (token_is(token, ","))
            continue;
        struct declaration declaration;
        if (!token_is(token, ".param"))
            return RRTO_INVALID;
        int status = declaration_read(reader, &declaration);
        if (status)
            return status;
        if (n == RRTO_MODULE_MAX_PARAMS)
            return RRTO_TOO_LARGE;
        if (n == capacity) {
            uint32_t *grown = rrto_module_alloc(builder, sizeof(uint32_t) * 4 * capacity);
            if (!grown)
                return RRTO_NO_MEMORY;
            memcpy(grown, layout, sizeof(uint32_t) * n);
            memcpy(grown + 2 * (size_t)capacity, layout + capacity, sizeof(uint32_t) * n);
            layout = grown;
            capacity *= 2;
        }
        uint64_t offset = (end + declaration.alignment - 1) & ~((uint64_t)declaration.alignment - 1);
        end = offset + declaration.n_elements * declaration.element_bytes;
        if (end > RRTO_MODULE_MAX_BYTES)
            return RRTO_TOO_LARGE;
        layout[n] = (uint32_t)offset;
        layout[capacity + n] = (uint32_t)(end - offset);
        n++;
    }
    kernel->n_params = n;
    kernel->offsets = layout;
    kernel->sizes = layout + capacity;
    kernel->param_bytes = (uint32_t)end;
    return RRTO_OK;
}

/* After ".entry": name, parameters, performance directives, then the body (or ; for a declaration). */
static int entry_read(struct reader *reader, struct module_builder *builder)
{
    static const uint32_t none[1];
    struct token name = token_next(reader);
    if (name.n == 0 || !word_char(name.text[0]))
        return RRTO_INVALID;
    struct rrto_kernel_image kernel = {.offsets = none, .sizes = none};
    if (!(kernel.name = rrto_module_string(builder, name.text, name.n)))
        return RRTO_NO_MEMORY;
    for (;;) {
        struct token token = token_next(reader);
        if (token.n == 0)
            return RRTO_INVALID;
        if (token_is(token, ";"))
            return RRTO_OK;
        if (token_is(token, "{"))
            break;
        if (token_is(token, "(")) {
            int status = params_read(reader, builder, &kernel);
            if (status)
                return status;
        } else if (token_is(token, ".maxntid")) {
            uint64_t total = 1, number;
            struct reader before;
            do {
                if (!token_number(token_next(reader), &number) || number > 1024)
                    return RRTO_INVALID;
                total *= number;
                before = *reader;
            } while (total <= 1 << 20 && token_is(token_next(reader), ","));
            *reader = before;
            kernel.max_threads = (uint32_t)total;
        }
    }
    body_skip(reader);
    struct rrto_kernel_image *row = rrto_module_add_kernel(builder);
    if (!row)
        return RRTO_NO_MEMORY;
    *row = kernel;
    return RRTO_OK;
}

/* Initial data after "=": numbers, possibly in (nested) braces. Symbol addresses count as zeroes. */
static int initial_read(struct reader *reader, const struct declaration *declaration, uint8_t *data, uint64_t n_bytes)
{
    uint64_t at = 0;
    for (;;) {
        struct reader before = *reader;
        struct token token = token_next(reader);
        if (token.n == 0)
            return RRTO_INVALID;
        if (token_is(token, ";")) {
            *reader = before;
            return RRTO_OK;
        }
        uint64_t number = 0;
        if (!word_char(token.text[0]))
            continue;
        (void)token_number(token, &number);
        uint32_t bytes = declaration->element_bytes < 8 ? declaration->element_bytes : 8;
        if (data && range_in(at, bytes, n_bytes))
            memcpy(data + at, &number, bytes);
        at += declaration->element_bytes;
    }
}

/* After ".global" or ".const" at module scope. */
static int variable_read(struct reader *reader, struct module_builder *builder, bool constant)
{
    struct declaration declaration;
    int status = declaration_read(reader, &declaration);
    if (status)
        return status;
    struct rrto_global_image *global = rrto_module_add_global(builder);
    if (!global || !(global->name = rrto_module_string(builder, declaration.name.text, declaration.name.n)))
        return RRTO_NO_MEMORY;
    global->n_bytes = declaration.n_elements * declaration.element_bytes;
    global->constant = constant;
    if (global->n_bytes > RRTO_MODULE_MAX_BYTES)
        return RRTO_TOO_LARGE;
    if (!token_is(token_next(reader), "="))
        return RRTO_OK;
    builder->initial_bytes += global->n_bytes;
    if (builder->initial_bytes > MAX_INITIAL_BYTES)
        return RRTO_TOO_LARGE;
    uint8_t *data = builder->keep_data ? rrto_module_alloc(builder, (size_t)global->n_bytes) : NULL;
    if (builder->keep_data && !data)
        return RRTO_NO_MEMORY;
    global->initial = data;
    return initial_read(reader, &declaration, data, global->n_bytes);
}

int rrto_ptx_parse(const char *text, size_t n, struct module_builder *builder)
{
    struct reader reader = {text, text + n};
    struct token token;
    bool version = false, external = false;
    while ((token = token_next(&reader)).n) {
        int status = RRTO_OK;
        if (token_is(token, ".version"))
            version = true;
        else if (token_is(token, ".extern"))
            external = true;
        else if (token_is(token, ".visible") || token_is(token, ".weak") || token_is(token, ";"))
            external = false;
        else if (token_is(token, "{"))
            body_skip(&reader);
        else if (token_is(token, ".target")) {
            struct token target = token_next(&reader);
            uint64_t number;
            struct token digits = {target.text + 3, target.n > 3 ? target.n - 3 : 0};
            if (digits.n && strchr("af", digits.text[digits.n - 1]))
                digits.n--;
            if (target.n > 3 && memcmp(target.text, "sm_", 3) == 0 && token_number(digits, &number) && number < 1000)
                builder->capability = (uint32_t)number;
        } else if (token_is(token, ".entry"))
            status = entry_read(&reader, builder);
        else if ((token_is(token, ".global") || token_is(token, ".const")) && !external)
            status = variable_read(&reader, builder, token_is(token, ".const"));
        if (status)
            return status;
    }
    return version ? RRTO_OK : RRTO_INVALID;
}
