/* SPDX-License-Identifier: Apache-2.0 */
/* nonzero, as PyTorch makes it with CUB: count the elements that are not zero, write their positions, turn positions
 * into indices. Each kernel does the work of its whole grid; the states that blocks would exchange are not looked at.
 *
 * A transform_iterator<NonZeroOp<T>, T const *> is a pointer and the empty functor. */
#include "body.h"

/* types[0]: the element; NONE when the input is i32 counts */
static bool bind_nonzero(struct kernel_body *body, const struct kernel_name *name,
                         const struct rrto_kernel_image *image)
{
    static const char op[] = "NonZeroOp<";
    (void)image;
    for (unsigned i = 0; i < name->n_args; i++) {
        const char *at = memmem(name->args[i].text, name->args[i].n, op, sizeof op - 1);
        struct part element[1];
        if (at && part_template((struct part){at, name->args[i].n - (size_t)(at - name->args[i].text)}, element, 1)) {
            body->types[0] = part_type(element[0]);
            return type_bytes(body->types[0]) > 0;
        }
    }
    body->types[0] = TYPE_NONE;
    /* The second step of a count: partial sums, int to int. */
    return name->n_args > 5 && part_is(name->args[1], "int*") && part_is(name->args[2], "int*") &&
           part_is(part_base(name->args[4]), "plus");
}

static bool is_nonzero(const struct kernel_body *body, const uint8_t *from, int64_t i)
{
    return type_class(body->types[0]) == CLASS_I64 ? element_i64(body->types[0], from, i) != 0
                                                   : element_f64(body->types[0], from, i) != 0;
}

static int64_t count(const struct kernel_body *body, const uint8_t *from, int64_t n)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += body->types[0] == TYPE_NONE ? element_i64(TYPE_I32, from, i) : is_nonzero(body, from, i);
    return sum;
}

/* (input, output, n, -, initial, -) */
static int run_count(const struct kernel_body *body, const struct kernel_launch *launch)
{
    element_put_i64(TYPE_I32, param_pointer(launch, 1), 0,
                    PARAM(launch, 4, int32_t) + count(body, param_pointer(launch, 0), param_integer(launch, 2)));
    return 0;
}

/* (input, a partial sum per block, n, ...): the first block's is the whole */
static int run_partial_count(const struct kernel_body *body, const struct kernel_launch *launch)
{
    for (uint32_t block = 0; block < launch->grid[0]; block++)
        element_put_i64(TYPE_I32, param_pointer(launch, 1), block,
                        block ? 0 : count(body, param_pointer(launch, 0), param_integer(launch, 2)));
    return 0;
}

/* (first position, flags, positions, their number, state, -, -, n, ...) */
static int run_positions(const struct kernel_body *body, const struct kernel_launch *launch)
{
    int64_t first = PARAM(launch, 0, int64_t), n = param_integer(launch, 7), found = 0;
    for (int64_t i = 0; i < n; i++)
        if (is_nonzero(body, param_pointer(launch, 1), i))
            element_put_i64(TYPE_I64, param_pointer(launch, 2), found++, first + i);
    element_put_i64(TYPE_I32, param_pointer(launch, 3), 0, found);
    return 0;
}

/* write_indices(positions and output, i64 sizes[25], dims, n, number that is right or NULL, filling) */
static int run_indices(const struct kernel_body *body, const struct kernel_launch *launch)
{
    (void)body;
    int64_t *at = (int64_t *)param_pointer(launch, 0), sizes[25], n = param_integer(launch, 3);
    const int64_t *total = (const int64_t *)param_pointer(launch, 4);
    int dims = PARAM(launch, 2, int);
    memcpy(sizes, launch->params + launch->image->offsets[1], sizeof sizes);
    if (dims < 0 || dims > 25)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        int64_t position = at[i];
        for (int dim = dims - 1; dim >= 0; dim--) {
            if (total && i >= *total) {
                if (dim > 0)
                    at[i + dim * n] = param_integer(launch, 5);
                continue;
            }
            int64_t size = sizes[dim] ? sizes[dim] : 1;
            at[i + dim * n] = position % size;
            position /= size;
        }
    }
    return 0;
}

const struct family families_select[] = {
    {.name = "EmptyKernel", .bind = bind_nothing, .run = run_nothing}, /* CUB asks for its attributes */
    {.name = "DeviceCompactInitKernel", .bind = bind_nothing, .run = run_nothing, .n_params = 3},
    {.name = "DeviceReduceSingleTileKernel", .bind = bind_nonzero, .run = run_count, .n_params = 6},
    {.name = "DeviceReduceKernel", .bind = bind_nonzero, .run = run_partial_count, .n_params = 3},
    {.name = "DeviceSelectSweepKernel", .bind = bind_nonzero, .run = run_positions, .n_params = 8},
    {.name = "write_indices", .bind = bind_nothing, .run = run_indices, .n_params = 6},
    {0},
};
