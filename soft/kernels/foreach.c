/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on lists of tensors, as optimisers make them: multi_tensor_apply_kernel<metadata<depth>, functor<T, depth,
 * lists read, list written>, op, scalar> (metadata, functor, op, scalar).
 *
 * Metadata: addresses[depth][T], i64 counts[T], tensor of each block [B], i32 chunk of each block [B], ...; with 110,
 * 64, 48, 36 or 30 tensors for depth 1 to 5, 320 blocks and u8 tensor numbers; or 7 times as many of each and u16,
 * where parameters may have more than 4 KiB. */
#include "body.h"

enum { CHUNK = 65536, BLOCKS = 320, MANY = 7 };
enum form { LIST_ALPHA, SCALAR, POINTWISE };
enum op { ADD, SUBTRACT, MULTIPLY, DIVIDE };
enum { FORM, OP, DEPTH, WRITTEN }; /* numbers; types[0]: element */

static bool bind_foreach(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    static const char *const forms[] = {"BinaryOpListAlphaFunctor", "BinaryOpScalarFunctor",
                                        "PointwiseOpScalarFunctor"};
    static const char *const ops[] = {"plus", "minus", "multiplies", "divides"};
    struct part arguments[4];
    (void)image;
    if (name->n_args < 4 || part_template(name->args[1], arguments, 4) != 4 ||
        !part_is(part_base(name->args[0]), "TensorListMetadata"))
        return false;
    size_t form = 0, op = 0;
    while (form < 3 && !part_is(part_base(name->args[1]), forms[form]))
        form++;
    while (op < 4 && !part_is(part_base(name->args[2]), ops[op]))
        op++;
    body->types[0] = part_type(arguments[0]);
    body->numbers[FORM] = (long)form;
    body->numbers[OP] = (long)op;
    body->numbers[DEPTH] = part_number(arguments[1], 0);
    body->numbers[WRITTEN] = part_number(arguments[3], -1);
    return form < 3 && op < 4 &&
           (body->types[0] == TYPE_FLOAT || body->types[0] == TYPE_HALF || body->types[0] == TYPE_BFLOAT16) &&
           body->numbers[DEPTH] >= 1 && body->numbers[DEPTH] <= 4 && body->numbers[WRITTEN] >= 0 &&
           body->numbers[WRITTEN] < body->numbers[DEPTH];
}

static float apply(enum op op, float a, float b)
{
    return op == ADD ? a + b : op == SUBTRACT ? a - b : op == MULTIPLY ? a * b : a / b;
}

static int run_foreach(const struct kernel_body *body, const struct kernel_launch *launch)
{
    static const uint32_t most_tensors[] = {110, 64, 48, 36, 30};
    enum type type = body->types[0];
    enum op op = (enum op)body->numbers[OP];
    long depth = body->numbers[DEPTH];
    bool large = launch->image->sizes[0] > 4096;
    uint32_t factor = large ? MANY : 1, n_tensors = most_tensors[depth - 1] * factor, n_blocks = BLOCKS * factor,
             counts = (uint32_t)depth * n_tensors * 8, tensors = counts + n_tensors * 8,
             chunks = tensors + n_blocks * (large ? 2 : 1);
    const uint8_t *metadata = launch->params + launch->image->offsets[0];
    float scalar = PARAM(launch, 3, float);
    if (chunks + 4 * n_blocks > launch->image->sizes[0] || launch->grid[0] > n_blocks)
        return -1;
    for (uint32_t block = 0; block < launch->grid[0]; block++) {
        uint32_t tensor =
            large ? (uint32_t)type_scalar_i64(TYPE_U16, metadata + tensors + 2 * block) : metadata[tensors + block];
        int64_t first = CHUNK * type_scalar_i64(TYPE_I32, metadata + chunks + 4 * block);
        if (tensor >= n_tensors)
            return -1;
        int64_t n = type_scalar_i64(TYPE_I64, metadata + counts + 8 * tensor);
        uint8_t *lists[4] = {0};
        for (long i = 0; i < depth; i++)
            memcpy(&lists[i], metadata + ((size_t)i * n_tensors + tensor) * 8, 8);
        for (int64_t i = first; i < n && i < first + CHUNK; i++) {
            float a = (float)element_f64(type, lists[0], i), result;
            if (body->numbers[FORM] == SCALAR)
                result = apply(op, a, scalar);
            else if (body->numbers[FORM] == LIST_ALPHA)
                result = apply(op, a, scalar * (float)element_f64(type, lists[1], i));
            else
                result = a + scalar * apply(op, (float)element_f64(type, lists[1], i),
                                            (float)element_f64(type, lists[2], i));
            element_put_f64(type, lists[body->numbers[WRITTEN]], i, (double)result);
        }
    }
    return 0;
}

const struct family families_foreach[] = {
    {.name = "multi_tensor_apply_kernel", .bind = bind_foreach, .run = run_foreach, .n_params = 4},
    {0},
};
