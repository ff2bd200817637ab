/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout that yields its mask: y = x * kept / p, kept by the device's own random numbers.
 *
 * fused_dropout_kernel_vec<T, accumulator, I, dims, vector, mask> and fused_dropout_kernel<T, accumulator, I, dims,
 * dims, mask> (TensorInfo x, y, mask, n, p that an element is kept, { seed, offset, within, captured }). */
#include "philox.h"
#include "tensor.h"

#include <stdlib.h>

enum { VECTOR }; /* numbers: elements that a thread takes at once, 0: strided */

static bool bind_dropout(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    bool vectorized = part_is(name->family, "fused_dropout_kernel_vec");
    if (name->n_args < 6 || image->sizes[5] != 32)
        return false;
    body->types[0] = part_type(name->args[0]);
    body->types[1] = part_type(name->args[5]);
    body->numbers[VECTOR] = vectorized ? part_number(name->args[4], 0) : 0;
    /* Two at a time, or four; wider ones (for half) draw in another order. */
    return type_bytes(body->types[0]) && type_bytes(body->types[1]) == 1 && part_type(name->args[1]) == TYPE_FLOAT &&
           (!vectorized || body->numbers[VECTOR] == 2 || body->numbers[VECTOR] == 4);
}

/* What one draw of four words decides: element `first` and those that follow at `step`. */
struct draw {
    int64_t first, step, n;
    uint32_t words[4];
};

static void dropout_draw(const struct kernel_body *body, const struct tensor tensors[3], const struct draw *draw,
                         int64_t n, float p)
{
    const float scale = 1 / p;
    for (int64_t k = 0; k < draw->n; k++) {
        int64_t i = draw->first + k * draw->step;
        if (i >= n)
            return;
        float kept = philox_uniform(draw->words[k]) < p;
        float x = (float)element_f64(body->types[0], tensors[0].data, tensor_offset(&tensors[0], i));
        element_put_f64(body->types[0], tensors[1].data, tensor_offset(&tensors[1], i), (double)(x * kept * scale));
        element_put_i64(body->types[1], tensors[2].data, tensor_offset(&tensors[2], i), kept != 0);
    }
}

static int run_dropout(const struct kernel_body *body, const struct kernel_launch *launch)
{
    struct tensor tensors[3] = {tensor_read(launch, 0), tensor_read(launch, 1), tensor_read(launch, 2)};
    int64_t n = param_integer(launch, 3), vector = body->numbers[VECTOR],
            threads = (int64_t)launch->grid[0] * launch->block[0], per_round = threads * (vector ? vector : 4);
    uint32_t state = launch->image->offsets[5];
    uint64_t seed, offset;
    philox_state(launch->params + state, &seed, &offset);
    for (int64_t round = 0; round * per_round < n; round++)
        for (int64_t thread = 0; thread < threads; thread++) {
            struct draw draw = {.first = round * per_round + (vector ? thread * vector : thread),
                                .step = vector ? 1 : threads,
                                .n = vector ? vector : 4};
            if (draw.first >= n)
                break;
            philox(seed, offset / 4 + (uint64_t)round, (uint64_t)thread, draw.words);
            dropout_draw(body, tensors, &draw, n, PARAM(launch, 4, float));
        }
    return 0;
}

const struct family families_dropout[] = {
    {.name = "fused_dropout_kernel_vec", .bind = bind_dropout, .run = run_dropout, .n_params = 6},
    {.name = "fused_dropout_kernel", .bind = bind_dropout, .run = run_dropout, .n_params = 6},
    {0},
};
