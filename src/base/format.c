/* SPDX-License-Identifier: Apache-2.0 */
/* Formatting without stdio. */
#include "base/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct out {
    char *at, *end; /* end: where the NUL has to stand at the latest */
};

/* One parsed conversion: %[0][-][width][.precision]<size>letter. */
struct conversion {
    bool zero, left, has_precision, precision_given; /* given: as ".*", an int argument */
    size_t width, precision;
    int n_long; /* -2 char, -1 short, 0 int, 1 long (also z, j, t), 2 long long */
    char letter;
};

static void put(struct out *out, char c)
{
    if (out->at < out->end)
        *out->at++ = c;
}

static void put_padded(struct out *out, const struct conversion *conversion, const char *text, size_t n)
{
    size_t padding = conversion->width > n ? conversion->width - n : 0;
    bool zero = conversion->zero && !conversion->left && conversion->letter != 's';
    if (zero && n && *text == '-') {
        put(out, '-');
        text++;
        n--;
    }
    for (size_t i = 0; i < padding && !conversion->left; i++)
        put(out, zero ? '0' : ' ');
    for (size_t i = 0; i < n; i++)
        put(out, text[i]);
    for (size_t i = 0; i < padding && conversion->left; i++)
        put(out, ' ');
}

static void put_number(struct out *out, const struct conversion *conversion, uint64_t value, bool negative)
{
    char digits[24], *at = digits + sizeof digits;
    unsigned base = conversion->letter == 'x' || conversion->letter == 'p' ? 16 : 10;
    do
        *--at = "0123456789abcdef"[value % base];
    while (value /= base);
    if (conversion->letter == 'p') {
        *--at = 'x';
        *--at = '0';
    }
    if (negative)
        *--at = '-';
    put_padded(out, conversion, at, (size_t)(digits + sizeof digits - at));
}

static size_t parse_number(const char **format)
{
    size_t value = 0;
    while (**format >= '0' && **format <= '9')
        value = value * 10 + (size_t)(*(*format)++ - '0');
    return value < 4096 ? value : 4096;
}

static const char *parse(const char *format, struct conversion *ret_conversion)
{
    struct conversion c = {0};
    for (; *format == '0' || *format == '-'; format++) {
        c.zero |= *format == '0';
        c.left |= *format == '-';
    }
    c.width = parse_number(&format);
    if (*format == '.') {
        format++;
        c.has_precision = true;
        c.precision_given = *format == '*';
        if (c.precision_given)
            format++;
        else
            c.precision = parse_number(&format);
    }
    for (;; format++) {
        if (*format == 'l')
            c.n_long++;
        else if (*format == 'h')
            c.n_long--;
        else if (*format == 'z' || *format == 'j' || *format == 't')
            c.n_long = 1;
        else
            break;
    }
    c.letter = *format;
    *ret_conversion = c;
    return *format ? format + 1 : format;
}

static int64_t narrow_signed(int value, int n_long)
{
    return n_long == -1 ? (short)value : n_long == -2 ? (signed char)value : value;
}

static uint64_t narrow_unsigned(unsigned value, int n_long)
{
    return n_long == -1 ? (unsigned short)value : n_long == -2 ? (unsigned char)value : value;
}

size_t rrto_format_list(char *text, size_t capacity, const char *format, va_list list)
{
    if (capacity == 0)
        return 0;
    struct out out = {text, text + capacity - 1};
    while (*format) {
        if (*format != '%') {
            put(&out, *format++);
            continue;
        }
        const char *start = format;
        struct conversion c;
        format = parse(format + 1, &c);
        if (c.precision_given) {
            int precision = va_arg(list, int);
            c.precision = precision < 0 ? 0 : (size_t)precision;
        }
        switch (c.letter) {
        case 's': {
            const char *s = va_arg(list, const char *);
            s = s ? s : "(null)";
            put_padded(&out, &c, s, c.has_precision ? strnlen(s, c.precision) : strlen(s));
            break;
        }
        case 'c': {
            char one = (char)va_arg(list, int);
            put_padded(&out, &c, &one, 1);
            break;
        }
        case 'd':
        case 'i': {
            int64_t value = c.n_long >= 1 ? (int64_t)va_arg(list, long) : narrow_signed(va_arg(list, int), c.n_long);
            put_number(&out, &c, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = c.n_long >= 1 ? (uint64_t)va_arg(list, unsigned long)
                                           : narrow_unsigned(va_arg(list, unsigned), c.n_long);
            put_number(&out, &c, value, false);
            break;
        }
        case 'p':
            put_number(&out, &c, (uint64_t)(uintptr_t)va_arg(list, void *), false);
            break;
        case '%':
            put(&out, '%');
            break;
        default: /* not ours: show it as it stands */
            while (start < format)
                put(&out, *start++);
        }
    }
    *out.at = '\0';
    return (size_t)(out.at - text);
}

size_t rrto_format(char *out, size_t capacity, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t n = rrto_format_list(out, capacity, format, list);
    va_end(list);
    return n;
}
