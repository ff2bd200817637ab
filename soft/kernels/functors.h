/* SPDX-License-Identifier: Apache-2.0 */
/* Functors: what an elementwise kernel computes per element. A functor is a row; see functors.def. */
#ifndef SOFT_KERNELS_FUNCTORS_H
#define SOFT_KERNELS_FUNCTORS_H

#include "name.h"
#include "types.h"

enum { NO_OUTER = 255 };
enum { FUNCTOR_MAX_INPUTS = 6, FUNCTOR_MAX_STATE = 6 };

/* A member of the functor object (a captured scalar), in every class. */
struct scalar {
    int64_t i64;
    float f32;
    double f64;
};

/* n elements: packed inputs and output of the functor's class. The output may be one of the inputs. */
typedef void (*functor_run)(void *out, const void *const *in, size_t n, const struct scalar *state);

struct functor_row {
    const char *name; /* base name of the functor, or of the function whose lambda it is */
    uint8_t n_inputs;
    uint8_t own,
        outer; /* number of the innermost, or of the first argument-less lambda; 0 = any; NO_OUTER = there is none */
    char out;  /* type of the result: 0 that of the first input, 'l' of the last one, 'o' op-math type of the
                * first, 'b' bool, 'h' half, 'B' bfloat16,
              'x' the second template argument */
    const char
        *state; /* members: o op-math type of T, t T, x second template argument, i int32, l int64, d double, b bool */
    functor_run run[CLASS_N];
};

/* A functor in a kernel's name, resolved. */
struct functor {
    const struct functor_row *row;
    functor_run run;
    enum class class;
    unsigned n_inputs; /* arrays; one less than the row's when a scalar is bound */
    enum type inputs[FUNCTOR_MAX_INPUTS], out;
    unsigned bound;              /* 1 or 2: that input of the row is a scalar of the wrapper; 0 none */
    uint32_t n_bytes, alignment; /* of the functor object; n_bytes 0: an empty one, 1 or 8 bytes */
    unsigned n_members;          /* the row's, then the bound scalar */
    struct {
        enum type type;
        uint32_t offset;
    } members[FUNCTOR_MAX_STATE + 1];
};

bool functor_find(struct part text, struct functor *ret);
/* Reads the members of a functor object. */
void functor_state(const struct functor *functor, const uint8_t *object,
                   struct scalar *ret /* FUNCTOR_MAX_STATE + 1 */);

/* Runs on n packed elements of the functor's class; `bound_value`, of BLOCK elements of that class, holds the bound
 * scalar. */
enum { BLOCK = 512 };

#endif
