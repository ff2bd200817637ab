/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel launches. */
#include "cuda/launch.h"

#include "base/config.h"
#include "base/log.h"
#include "base/status.h"
#include "cuda/device.h"
#include "cuda/error.h"
#include "cuda/graph/capture.h"
#include "cuda/host.h"
#include "cuda/module.h"
#include "cuda/stream.h"
#include "gen/issue_ops.h"
#include "replay/issue.h"

#include <string.h>

enum { MAX_ATTRIBUTES = 16, COOPERATIVE = 1 };
enum { ATTRIBUTE_MAX_THREADS = 0, ATTRIBUTE_STATIC_SHARED = 1, ATTRIBUTE_MAX_DYNAMIC_SHARED = 8 };

/* What every launch does, into the two functions that do it: then the description of the op stays in registers. */
#define ALWAYS_IN_LINE inline __attribute__((always_inline))

/* CUlaunchAttributeID */
enum {
    ID_IGNORE = 0,
    ID_COOPERATIVE = 2,
    ID_CLUSTER = 4,
    ID_CLUSTER_POLICY = 5,
    ID_SERIALIZATION = 6,
    ID_PRIORITY = 8
};
enum { ID_PROGRAMMATIC_EVENT = 7, ID_COMPLETION_EVENT = 12 };

static inline int32_t check_shape(const struct rrto_device_info *device, const struct rrto_function *function,
                                  const struct rrto_launch_shape *shape)
{
    const int32_t *attributes = device->attributes;
    uint64_t threads = 1;
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) { /* 0 is too many less one */
        if (shape->grid[i] - 1 >= (uint32_t)attributes[RRTO_DEVICE_MAX_GRID_X + i] ||
            shape->block[i] - 1 >= (uint32_t)attributes[RRTO_DEVICE_MAX_BLOCK_X + i])
            return RRTO_CUDA_INVALID_CONFIGURATION;
        threads *= shape->block[i];
    }
    if (threads > (uint64_t)attributes[RRTO_DEVICE_MAX_THREADS_PER_BLOCK])
        return RRTO_CUDA_INVALID_CONFIGURATION;
    if (threads > (uint64_t)function->attributes[ATTRIBUTE_MAX_THREADS])
        return RRTO_CUDA_OUT_OF_RESOURCES;
    if (shape->shared_bytes > (uint64_t)function->attributes[ATTRIBUTE_MAX_DYNAMIC_SHARED])
        return RRTO_CUDA_INVALID_VALUE;
    return RRTO_CUDA_SUCCESS;
}

/* A cooperative grid must be resident as a whole. */
static int32_t check_cooperative(const struct rrto_device_info *device, struct rrto_function *function,
                                 const struct rrto_launch_shape *shape)
{
    if (!rrto_device_value(device, RRTO_DEVICE_COOPERATIVE_LAUNCH))
        return RRTO_CUDA_NOT_SUPPORTED;
    int32_t per_multiprocessor = 0;
    int32_t threads = (int32_t)(shape->block[0] * shape->block[1] * shape->block[2]);
    int32_t result = rrto_function_occupancy(function, threads, shape->shared_bytes, 0, &per_multiprocessor);
    if (result)
        return result;
    uint64_t blocks = (uint64_t)shape->grid[0] * shape->grid[1] * shape->grid[2];
    uint64_t room = (uint64_t)per_multiprocessor * (uint64_t)device->attributes[RRTO_DEVICE_MULTIPROCESSORS];
    return blocks > room ? RRTO_CUDA_COOPERATIVE_TOO_LARGE : RRTO_CUDA_SUCCESS;
}

/* What travels of the attributes: what changes how the grid runs. Hints stay here, cooperative becomes a flag, events
 * cannot be offered. */
static int32_t pick_attributes(const struct rrto_launch *launch, struct rrto_launch_attribute *picked, uint32_t *ret_n,
                               uint32_t *flags)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < launch->n_attributes; i++) {
        const struct rrto_launch_attribute *attribute = &launch->attributes[i];
        int32_t value;
        memcpy(&value, attribute->value, sizeof value);
        switch (attribute->id) {
        case ID_COOPERATIVE:
            *flags |= value ? COOPERATIVE : 0;
            break;
        case ID_PROGRAMMATIC_EVENT:
        case ID_COMPLETION_EVENT:
            return RRTO_CUDA_NOT_SUPPORTED;
        case ID_CLUSTER:
        case ID_CLUSTER_POLICY:
        case ID_SERIALIZATION:
        case ID_PRIORITY:
            if (n == MAX_ATTRIBUTES)
                return RRTO_CUDA_INVALID_VALUE;
            /* Only the part of the union that the id gives meaning to: the rest is whatever was there. */
            memset(&picked[n], 0, sizeof picked[n]);
            picked[n].id = attribute->id;
            memcpy(picked[n].value, attribute->value, attribute->id == ID_CLUSTER ? 12 : 4);
            n++;
            break;
        default:
            break;
        }
    }
    *ret_n = n;
    return RRTO_CUDA_SUCCESS;
}

/* A page-locked host pointer means nothing to a GPU at the other end of a link. Only parameters that are one word are
 * looked at: words inside structures may be garbage that happens to look like one. */
static int32_t check_pointers(const struct rrto_function *function, const uint8_t *block)
{
    for (uint32_t i = 0; i < function->layout->n_params; i++) {
        if (function->layout->sizes[i] != sizeof(void *))
            continue;
        void *word;
        memcpy(&word, block + function->layout->offsets[i], sizeof word);
        if (rrto_host_find(word, NULL) && !rrto_config_enabled(RRTO_ENABLE_HOSTPOINTERS)) {
            rrto_error(
                "kernel %s is given page-locked host memory (%p), which a remote GPU cannot reach; copy it to the "
                "device (RRTO_ENABLE=hostpointers passes it on)",
                function->name, word);
            return RRTO_CUDA_INVALID_VALUE;
        }
    }
    return RRTO_CUDA_SUCCESS;
}

/* All of the op but its parameters. Returns a CUDA error. picked: where the attributes are put that travel. */
static ALWAYS_IN_LINE int32_t describe(struct rrto_function *function, const struct rrto_launch *launch,
                                       struct rrto_launch_attribute *picked, struct rrto_args_launch *ret_args)
{
    const struct rrto_launch_shape *shape = &launch->shape;
    int32_t result;
    *ret_args = (struct rrto_args_launch){
        .function = function->id,
        .grid_x = shape->grid[0],
        .grid_y = shape->grid[1],
        .grid_z = shape->grid[2],
        .block_x = shape->block[0],
        .block_y = shape->block[1],
        .block_z = shape->block[2],
        .shared_bytes = (uint32_t)shape->shared_bytes,
        .flags = launch->flags,
        .n_params = function->layout->param_bytes,
    };
    if (!rrto_stream_id(shape->stream, &ret_args->stream))
        return RRTO_CUDA_INVALID_HANDLE;
    if (launch->n_attributes) {
        uint32_t n_picked = 0;
        result = pick_attributes(launch, picked, &n_picked, &ret_args->flags);
        if (result)
            return result;
        ret_args->attributes = (const uint8_t *)picked;
        ret_args->n_attributes = n_picked * (uint32_t)sizeof picked[0];
    }
    return ret_args->flags & COOPERATIVE ? check_cooperative(rrto_session_device(), function, shape)
                                         : RRTO_CUDA_SUCCESS;
}

/* Nearly all parameters are pointers and 32-bit numbers. */
static inline void put_parameter(uint8_t *to, const void *from, uint32_t n)
{
    if (n == 8)
        memcpy(to, from, 8);
    else if (n == 4)
        memcpy(to, from, 4);
    else
        memcpy(to, from, n);
}

static inline void put_parameters(uint8_t *block, const struct rrto_kernel_image *layout, void *const *from)
{
    const uint32_t *offsets = layout->offsets, *sizes = layout->sizes, n = layout->n_params;
    for (uint32_t i = 0; i < n; i++)
        put_parameter(block + offsets[i], from[i], sizes[i]);
}

/* The op as far as it is described, its parameters straight from where the application has them. */
static ALWAYS_IN_LINE int32_t issue_launch(const struct rrto_function *function, const struct rrto_launch *launch,
                                           struct rrto_args_launch *args)
{
    args->params = launch->block; /* NULL: zeroes, where no parameter lies */
    struct rrto_buf *op = rrto_issue_scratch();
    rrto_pack_launch(op, args);
    if (op->failed)
        return rrto_cuda_issued(RRTO_NO_MEMORY);
    uint8_t *block = rrto_array_data(op->data + rrto_op_infos[RRTO_OP_launch].n_fixed_bytes, op->data);
    if (!launch->block)
        put_parameters(block, function->layout, launch->args);
    if (rrto_host_any()) {
        int32_t result = check_pointers(function, block);
        if (result)
            return result;
    }
    if (rrto_capture_watched())
        rrto_capture_function(function->handle);
    return rrto_cuda_issued(rrto_client_issue(op->data, op->size, NULL));
}

static ALWAYS_IN_LINE int32_t describe_and_issue(struct rrto_function *function, const struct rrto_launch *launch,
                                                 struct rrto_launch_attribute *picked)
{
    struct rrto_args_launch args;
    int32_t result = describe(function, launch, picked, &args);
    return result ? result : issue_launch(function, launch, &args);
}

/* Not in line: without their room on the stack the frames of most launches are small (replay/scrub.h). */
static __attribute__((noinline)) int32_t launch_with_attributes(struct rrto_function *function,
                                                                const struct rrto_launch *launch)
{
    struct rrto_launch_attribute picked[MAX_ATTRIBUTES];
    return describe_and_issue(function, launch, picked);
}

int32_t rrto_launch(struct rrto_function *function, const struct rrto_launch *launch)
{
    int32_t result = rrto_function_ready(function);
    if (result)
        return result;
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    result = check_shape(device, function, &launch->shape);
    if (result)
        return result;
    const struct rrto_kernel_image *layout = function->layout;
    if (launch->block ? launch->n_block < layout->param_bytes : !launch->args && layout->n_params)
        return RRTO_CUDA_INVALID_VALUE;
    return launch->n_attributes ? launch_with_attributes(function, launch) : describe_and_issue(function, launch, NULL);
}
