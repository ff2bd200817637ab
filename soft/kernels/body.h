/* SPDX-License-Identifier: Apache-2.0 */
/* Families: a family binds a name (types, functor, numbers out of its template arguments) once, and runs launches. */
#ifndef SOFT_KERNELS_BODY_H
#define SOFT_KERNELS_BODY_H

#include "functors.h"
#include "kernels.h"
#include "name.h"

#include <string.h>

enum { BODY_MAX = 8 };

struct kernel_body {
    const struct family *family;
    uint32_t n_params, param_bytes;
    /* What bind found; each family says what it keeps where. */
    enum type types[BODY_MAX];
    long numbers[BODY_MAX];
    struct functor functor;
};

struct family {
    const char *name;
    /* Fills body from the name; false when this family cannot run that instance. NULL: the first template argument is
     * types[0]. */
    bool (*bind)(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image);
    int (*run)(const struct kernel_body *body, const struct kernel_launch *launch);
    long variant;      /* for rows that share functions */
    uint32_t n_params; /* that a launch must have at least */
};

/* For a step of a chain whose last kernel does all of its work. */
bool bind_nothing(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image);
int run_nothing(const struct kernel_body *body, const struct kernel_launch *launch);

/* One table per file, ended by a row without a name. */
extern const struct family families_elementwise[], families_reduce[], families_softmax[], families_norm[],
    families_pool[], families_copy[], families_index[], families_sort[], families_select[], families_attention[],
    families_examples[], families_random[], families_dropout[], families_backward[], families_attention_backward[],
    families_foreach[], families_detection[];

/* The k-th kernel parameter, of type T. */
#define PARAM(launch, k, T)                                                                                            \
    ({                                                                                                                 \
        T param_value;                                                                                                 \
        memcpy(&param_value, (launch)->params + (launch)->image->offsets[k], sizeof param_value);                      \
        param_value;                                                                                                   \
    })
/* A T at an offset of the parameter block. */
#define FIELD(launch, offset, T)                                                                                       \
    ({                                                                                                                 \
        T field_value;                                                                                                 \
        memcpy(&field_value, (launch)->params + (offset), sizeof field_value);                                         \
        field_value;                                                                                                   \
    })
/* The k-th parameter as a pointer, as an integer of its own size. */
static inline uint8_t *param_pointer(const struct kernel_launch *launch, uint32_t k)
{
    return PARAM(launch, k, uint8_t *);
}
static inline int64_t param_integer(const struct kernel_launch *launch, uint32_t k)
{
    return launch->image->sizes[k] == 8   ? PARAM(launch, k, int64_t)
           : launch->image->sizes[k] == 4 ? PARAM(launch, k, int32_t)
                                          : PARAM(launch, k, uint8_t);
}
static inline double param_real(const struct kernel_launch *launch, uint32_t k)
{
    return launch->image->sizes[k] == 8 ? PARAM(launch, k, double) : (double)PARAM(launch, k, float);
}

/* PyTorch's OffsetCalculator: u32 dims, 25 x (u32 divisor, u32, u32), 25 x n_args u32 strides; the first dimension is
 * the fastest. */
enum { OFFSETS_MAX_DIMS = 25, OFFSETS_STRIDES = 304 };
struct offsets {
    const uint8_t *at;
    uint32_t n_dims, n_args;
};
static inline struct offsets offsets_read(const uint8_t *at, uint32_t n_args)
{
    struct offsets offsets = {.at = at, .n_args = n_args};
    memcpy(&offsets.n_dims, at, 4);
    if (offsets.n_dims > OFFSETS_MAX_DIMS)
        offsets.n_dims = OFFSETS_MAX_DIMS;
    return offsets;
}
static inline uint32_t offsets_bytes(uint32_t n_args)
{
    return OFFSETS_STRIDES + 4 * OFFSETS_MAX_DIMS * (n_args ? n_args : 1);
}
/* Offset of element `index` for one argument, in the calculator's units. Signed strides are sums modulo 2^32. */
uint32_t offsets_get(const struct offsets *offsets, uint32_t arg, uint64_t index);
/* n elements of `bytes` bytes, from element `start` on, packed; unit: what a stride counts, in bytes. */
void offsets_gather(const struct offsets *offsets, uint32_t arg, uint64_t start, size_t n, const uint8_t *from,
                    size_t bytes, size_t unit, void *to);
void offsets_scatter(const struct offsets *offsets, uint32_t arg, uint64_t start, size_t n, uint8_t *to, size_t bytes,
                     size_t unit, const void *from);

/* Elements of a type as a class: in place when the type is the class's own, else converted into `scratch` (BLOCK
 * elements at most). */
static inline const void *load_block(enum class class, enum type type, const void *from, size_t n, void *scratch)
{
    if (type_is_native(type) && type_class(type) == class)
        return from;
    type_load(class, type)(scratch, from, n);
    return scratch;
}
/* Rows of any length, for families that work on whole rows: n floats (doubles when the type is double). */
static inline void load_f32(float *to, enum type type, const void *from, size_t n)
{
    type_load(CLASS_F32, type)(to, from, n);
}
static inline void store_f32(enum type type, void *to, const float *from, size_t n)
{
    type_store(type, CLASS_F32)(to, from, n);
}
static inline double element_f64(enum type type, const uint8_t *base, int64_t index)
{
    return type_scalar_f64(type, base + index * (int64_t)type_bytes(type));
}
static inline int64_t element_i64(enum type type, const uint8_t *base, int64_t index)
{
    return type_scalar_i64(type, base + index * (int64_t)type_bytes(type));
}
static inline void element_put_f64(enum type type, uint8_t *base, int64_t index, double value)
{
    type_store(type, CLASS_F64)(base + index * (int64_t)type_bytes(type), &value, 1);
}
static inline void element_put_i64(enum type type, uint8_t *base, int64_t index, int64_t value)
{
    type_store(type, CLASS_I64)(base + index * (int64_t)type_bytes(type), &value, 1);
}

#endif
