/* SPDX-License-Identifier: Apache-2.0 */
/* Elementwise kernels: vectorized, unrolled (with conversions chosen at run time) and strided. All read blocks of
 * packed elements in the functor's class, run the functor's row and write the block back.
 *
 * Parameters (PyTorch's CUDALoops.cuh): vectorized (n, functor, pointers); unrolled (n, functor, pointers, calculators,
 * loader types, storer type); strided (n, lambda object { OffsetCalculator, pointers, functor, [types] }), where
 * pointer 0 is the output. */
#include "body.h"

enum { FORM_PACKED, FORM_PACKED_CAST, FORM_STRIDED, FORM_STRIDED_CAST };
/* numbers[] of the body */
enum { FORM, AT_FUNCTOR, AT_POINTERS, AT_INPUT_TYPES, AT_OUTPUT_TYPE };

uint32_t offsets_get(const struct offsets *offsets, uint32_t arg, uint64_t index)
{
    uint32_t sum = 0;
    for (uint32_t dim = 0; dim < offsets->n_dims; dim++) {
        uint32_t divisor, stride;
        memcpy(&divisor, offsets->at + 4 + 12 * (size_t)dim, 4);
        memcpy(&stride, offsets->at + OFFSETS_STRIDES + 4 * ((size_t)dim * offsets->n_args + arg), 4);
        if (!divisor)
            divisor = 1;
        sum += (uint32_t)(index % divisor) * stride;
        index /= divisor;
    }
    return sum;
}

/* Length and stride of the innermost dimension. */
static void innermost(const struct offsets *offsets, uint32_t arg, uint64_t *ret_length, uint32_t *ret_stride)
{
    uint32_t divisor = 1;
    *ret_stride = 0;
    if (offsets->n_dims) {
        memcpy(&divisor, offsets->at + 4, 4);
        memcpy(ret_stride, offsets->at + OFFSETS_STRIDES + 4 * (size_t)arg, 4);
    }
    *ret_length = offsets->n_dims == 1 || !divisor ? UINT64_MAX : offsets->n_dims ? divisor : UINT64_MAX;
}

/* Calls for each run along the innermost dimension. */
#define EACH_RUN(offsets, arg, start, n, body)                                                                         \
    uint64_t length;                                                                                                   \
    uint32_t stride;                                                                                                   \
    innermost(offsets, arg, &length, &stride);                                                                         \
    const ptrdiff_t step = (ptrdiff_t)(int32_t)stride * (ptrdiff_t)unit;                                               \
    for (size_t done = 0, run; done < n; done += run) {                                                                \
        uint64_t left = length - (start + done) % length;                                                              \
        run = left < n - done ? (size_t)left : n - done;                                                               \
        const ptrdiff_t offset = (ptrdiff_t)offsets_get(offsets, arg, start + done) * (ptrdiff_t)unit;                 \
        body;                                                                                                          \
    }

void offsets_gather(const struct offsets *offsets, uint32_t arg, uint64_t start, size_t n, const uint8_t *from,
                    size_t bytes, size_t unit, void *to)
{
    EACH_RUN(offsets, arg, start, n, elements_gather((uint8_t *)to + done * bytes, from + offset, step, bytes, run))
}

void offsets_scatter(const struct offsets *offsets, uint32_t arg, uint64_t start, size_t n, uint8_t *to, size_t bytes,
                     size_t unit, const void *from)
{
    EACH_RUN(offsets, arg, start, n,
             elements_scatter(to + offset, step, (const uint8_t *)from + done * bytes, bytes, run))
}

static bool bind_functor(struct kernel_body *body, struct part text, unsigned n_pointers)
{
    return functor_find(text, &body->functor) && body->functor.n_inputs + 1 == n_pointers;
}

/* "std::array<char*, 3ul>" */
static unsigned count_pointers(const struct kernel_name *name)
{
    struct part arguments[2];
    for (unsigned i = 0; i < name->n_args; i++)
        if (part_is(part_base(name->args[i]), "array") || part_is(part_base(name->args[i]), "Array"))
            return part_template(name->args[i], arguments, 2) == 2 ? (unsigned)part_number(arguments[1], 0) : 0;
    return 0;
}

static bool bind_packed(struct kernel_body *body, const struct kernel_name *name, const struct rrto_kernel_image *image)
{
    bool vectorized = part_is(name->family, "vectorized_elementwise_kernel"), cast = false;
    if (name->n_args < 3 || image->n_params < 3)
        return false;
    for (unsigned i = 1; i < name->n_args; i++) {
        struct part base = part_base(name->args[i]);
        if (part_is(base, "LoadWithCast"))
            cast = true;
        else if (part_is(base, "OffsetCalculator"))
            return false;
    }
    if (cast && image->n_params < 7)
        return false;
    body->numbers[FORM] = cast ? FORM_PACKED_CAST : FORM_PACKED;
    body->numbers[AT_FUNCTOR] = image->offsets[1];
    body->numbers[AT_POINTERS] = image->offsets[2];
    if (cast) {
        body->numbers[AT_INPUT_TYPES] = image->offsets[5];
        body->numbers[AT_OUTPUT_TYPE] = image->offsets[6];
    }
    return bind_functor(body, name->args[vectorized ? 1 : 0], count_pointers(name));
}

static bool bind_strided(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    struct part base = name->n_args == 3 ? part_base(name->args[2]) : (struct part){"", 0}, arguments[1];
    bool cast = part_is(base, "gpu_kernel_impl");
    if ((!cast && !part_is(base, "gpu_kernel_impl_nocast")) || image->n_params != 2 ||
        !part_template(name->args[2], arguments, 1) || !functor_find(arguments[0], &body->functor))
        return false;
    struct functor *functor = &body->functor;
    uint32_t n_pointers = functor->n_inputs + 1, alignment = functor->alignment ? functor->alignment : 1;
    uint32_t pointers = (image->offsets[1] + offsets_bytes(n_pointers) + 7) & ~7u, object = pointers + 8 * n_pointers;
    object = (object + alignment - 1) & ~(alignment - 1);
    body->numbers[FORM] = cast ? FORM_STRIDED_CAST : FORM_STRIDED;
    body->numbers[AT_POINTERS] = pointers;
    body->numbers[AT_FUNCTOR] = object;
    uint32_t object_bytes = functor->n_bytes ? functor->n_bytes : 1;
    if (!functor->n_bytes && cast) {
        /* An empty functor takes 1 byte, an empty lambda for host and device 8: the size of the whole object tells. */
        uint32_t wide = ((object + 8 + n_pointers + 7) & ~7u) + 8;
        if (image->offsets[1] + image->sizes[1] == wide)
            object_bytes = 8;
    }
    body->numbers[AT_OUTPUT_TYPE] = object + object_bytes;
    body->numbers[AT_INPUT_TYPES] = object + object_bytes + 1;
    return object + object_bytes + (cast ? n_pointers : 0) <= image->offsets[1] + image->sizes[1];
}

/* Working memory of one launch. */
struct blocks {
    _Alignas(64) uint8_t packed[FUNCTOR_MAX_INPUTS][BLOCK * 8]; /* gathered, in the memory's type */
    uint8_t through[BLOCK * 8];                                 /* in the functor's type, when the memory's differs */
    uint8_t inputs[FUNCTOR_MAX_INPUTS][BLOCK * 8];              /* in the functor's class */
    uint8_t bound[BLOCK * 8];
    uint8_t output[BLOCK * 8], stored[BLOCK * 8];
};

static void fill_bound(const struct functor *functor, const struct scalar *value, uint8_t *to)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (functor->class == CLASS_F32)
            ((float *)to)[i] = value->f32;
        else if (functor->class == CLASS_F64)
            ((double *)to)[i] = value->f64;
        else
            ((int64_t *)to)[i] = value->i64;
}

/* One input block in the functor's class: memory type -> functor's type -> class. */
static const void *input_block(struct blocks *blocks, const struct functor *functor, unsigned i, enum type memory,
                               const void *from, size_t n)
{
    enum type type = functor->inputs[i];
    if (memory == type)
        return load_block(functor->class, type, from, n, blocks->inputs[i]);
    enum class class = type_class(memory);
    const void *loaded = load_block(class, memory, from, n, blocks->inputs[i]);
    type_store(type, class)(blocks->through, loaded, n);
    type_load(functor->class, type)(blocks->inputs[i], blocks->through, n);
    return blocks->inputs[i];
}

/* Where the functor may write: straight to memory when that is of the class's own type. Else output_put converts. */
static void output_put(struct blocks *blocks, const struct functor *functor, enum type memory, void *to,
                       const void *computed, size_t n)
{
    if (to == computed)
        return;
    if (memory == functor->out) {
        type_store(memory, functor->class)(to, computed, n);
        return;
    }
    enum class class = type_class(functor->out);
    type_store(functor->out, functor->class)(blocks->through, computed, n);
    type_load(class, functor->out)(blocks->output, blocks->through, n);
    type_store(memory, class)(to, blocks->output, n);
}

static int run_elementwise(const struct kernel_body *body, const struct kernel_launch *launch)
{
    const struct functor *functor = &body->functor;
    const uint8_t *params = launch->params;
    bool cast = body->numbers[FORM] == FORM_PACKED_CAST || body->numbers[FORM] == FORM_STRIDED_CAST;
    bool strided = body->numbers[FORM] == FORM_STRIDED || body->numbers[FORM] == FORM_STRIDED_CAST;
    unsigned n_inputs = functor->n_inputs;
    int64_t n = param_integer(launch, 0);
    enum type types[FUNCTOR_MAX_INPUTS + 1] = {functor->out};
    uint8_t *pointers[FUNCTOR_MAX_INPUTS + 1];
    memcpy(pointers, params + body->numbers[AT_POINTERS], 8 * (n_inputs + 1));
    memcpy(types + 1, functor->inputs, sizeof functor->inputs);
    if (cast) {
        types[0] = params[body->numbers[AT_OUTPUT_TYPE]];
        for (unsigned i = 0; i < n_inputs; i++)
            types[i + 1] = params[body->numbers[AT_INPUT_TYPES] + (long)i];
    }
    for (unsigned i = 0; i <= n_inputs; i++)
        if (!type_bytes(types[i]))
            return -1;
    struct scalar state[FUNCTOR_MAX_STATE + 1];
    functor_state(functor, params + body->numbers[AT_FUNCTOR], state);
    struct offsets offsets = {0};
    if (strided)
        offsets = offsets_read(params + launch->image->offsets[1], n_inputs + 1);
    struct blocks blocks;
    if (functor->bound)
        fill_bound(functor, &state[functor->n_members - 1], blocks.bound);
    size_t out_bytes = type_bytes(types[0]);
    bool direct =
        !strided && types[0] == functor->out && type_is_native(types[0]) && type_class(types[0]) == functor->class;
    for (int64_t at = 0; at < n; at += BLOCK) {
        size_t count = n - at < BLOCK ? (size_t)(n - at) : BLOCK;
        const void *inputs[FUNCTOR_MAX_INPUTS];
        for (unsigned i = 0; i < n_inputs; i++) {
            size_t bytes = type_bytes(types[i + 1]);
            const uint8_t *from = pointers[i + 1] + (size_t)at * bytes;
            if (strided)
                offsets_gather(&offsets, i + 1, (uint64_t)at, count, pointers[i + 1], bytes, 1,
                               (void *)(from = blocks.packed[i]));
            inputs[i] = input_block(&blocks, functor, i, types[i + 1], from, count);
        }
        if (functor->bound) {
            inputs[1] = functor->bound == 1 ? inputs[0] : blocks.bound;
            inputs[0] = functor->bound == 1 ? blocks.bound : inputs[0];
        }
        uint8_t *to = strided ? blocks.stored : pointers[0] + (size_t)at * out_bytes;
        void *computed = direct ? to : blocks.output;
        for (unsigned i = n_inputs + (functor->bound > 0); i < FUNCTOR_MAX_INPUTS; i++)
            inputs[i] = i ? inputs[0] : computed;
        functor->run(computed, inputs, count, state);
        output_put(&blocks, functor, types[0], to, computed, count);
        if (strided)
            offsets_scatter(&offsets, 0, (uint64_t)at, count, pointers[0], out_bytes, 1, to);
    }
    return 0;
}

const struct family families_elementwise[] = {
    {.name = "vectorized_elementwise_kernel", .bind = bind_packed, .run = run_elementwise, .n_params = 3},
    {.name = "unrolled_elementwise_kernel", .bind = bind_packed, .run = run_elementwise, .n_params = 3},
    {.name = "elementwise_kernel", .bind = bind_strided, .run = run_elementwise, .n_params = 2},
    {0},
};
