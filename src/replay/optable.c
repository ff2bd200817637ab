/* SPDX-License-Identifier: Apache-2.0 */
/* The generated vocabulary as a table. */
#include "replay/optable.h"

#include "gen/ops.h"

static const struct rrto_op_info *info(uint16_t number)
{
    return number <= RRTO_OP_NUMBER_MAX && rrto_op_infos[number].name ? &rrto_op_infos[number] : NULL;
}

enum { CUBLAS = 1, CUDNN = 2 };

static uint64_t handle_key(unsigned library, uint32_t id)
{
    return (uint64_t)library << 32 | id;
}

/* A handle that no op has set yet stands for the legacy stream. In ops of cuBLAS and cuDNN it comes first. */
static enum rrto_handle_use handle(const struct rrto_op_info *op_info, const uint8_t *op, size_t n,
                                   uint64_t *ret_handle, uint32_t *ret_stream)
{
    struct rrto_dec dec;
    struct rrto_args_cublas_state cublas;
    struct rrto_args_cudnn_set_stream cudnn;
    uint32_t id;
    rrto_dec_init(&dec, op, n);
    switch (rrto_op_number(op)) {
    case RRTO_OP_cublas_state:
        *ret_handle = handle_key(CUBLAS, rrto_unpack_cublas_state(&dec, &cublas) ? cublas.handle : 0);
        *ret_stream = cublas.stream;
        return RRTO_HANDLE_SET;
    case RRTO_OP_cudnn_set_stream:
        *ret_handle = handle_key(CUDNN, rrto_unpack_cudnn_set_stream(&dec, &cudnn) ? cudnn.handle : 0);
        *ret_stream = cudnn.stream;
        return RRTO_HANDLE_SET;
    default:
        break;
    }
    bool is_cublas = strcmp(op_info->library, "cublas") == 0, is_cudnn = strcmp(op_info->library, "cudnn") == 0;
    if (!(op_info->flags & RRTO_OP_DEVICE) || op_info->stream_offset >= 0 || !(is_cublas || is_cudnn) ||
        n < RRTO_OP_HEADER_BYTES + sizeof id)
        return RRTO_HANDLE_NONE;
    memcpy(&id, op + RRTO_OP_HEADER_BYTES, sizeof id);
    *ret_handle = handle_key(is_cublas ? CUBLAS : CUDNN, id);
    return RRTO_HANDLE_USED;
}

const struct rrto_optable *rrto_optable_generated(void)
{
    static const struct rrto_optable table = {
        .info = info,
        .token = rrto_op_token,
        .key = rrto_op_key,
        .device_synchronize = RRTO_OP_device_synchronize,
        .stream_create = RRTO_OP_stream_create,
        .handle = handle,
    };
    return &table;
}
