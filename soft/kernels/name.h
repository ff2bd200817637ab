/* SPDX-License-Identifier: Apache-2.0 */
/* Demangled kernel names in a form that survives versions: no name spaces, no "(anonymous namespace)", no numbers of
 * inner lambdas in the text. */
#ifndef SOFT_KERNELS_NAME_H
#define SOFT_KERNELS_NAME_H

#include "types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a name; the text belongs to the kernel_name. */
struct part {
    const char *text;
    size_t n;
};

enum { NAME_MAX_ARGS = 16 };

struct kernel_name {
    char *text; /* from malloc */
    struct part family;
    unsigned n_args; /* template arguments */
    struct part args[NAME_MAX_ARGS];
};

/* false when it is no C++ name, or memory is short. Plain C names are their own family. */
bool name_parse(const char *mangled, struct kernel_name *ret);
void name_fini(struct kernel_name *name);

bool part_is(struct part part, const char *text);
bool part_contains(struct part part, const char *text);
/* The number that a part is ("4", "2ul", "-1"), or fallback. */
long part_number(struct part part, long fallback);
/* The type that a part names, or TYPE_NONE. */
enum type part_type(struct part part);
/* Last component of a qualified name, before any < or (. */
struct part part_base(struct part part);
/* Splits what stands between the brackets that follow the base name; returns their number. */
unsigned part_template(struct part part, struct part *ret, unsigned max);
/* The parameter types of the innermost lambda of a functor ("...::{lambda(float, float)#1}"); 0 when it is none. */
unsigned part_lambda(struct part part, struct part *ret, unsigned max);
/* The number of the k-th argument-less lambda on the way ("{lambda()#2}": 2), 0 when there is none. */
unsigned part_lambda_number(struct part part, unsigned k);

/* The number of the innermost lambda itself ("{lambda(float)#4}": 4), 0 when the part is none. */
unsigned part_own_number(struct part part);

#endif
