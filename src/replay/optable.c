/* SPDX-License-Identifier: Apache-2.0 */
/* The generated vocabulary as a table. */
#include "replay/optable.h"

#include "gen/ops.h"

static const struct rrto_op_info *info(uint16_t number)
{
    return number <= RRTO_OP_NUMBER_MAX && rrto_op_infos[number].name ? &rrto_op_infos[number] : NULL;
}

const struct rrto_optable *rrto_optable_generated(void)
{
    static const struct rrto_optable table = {
        .info = info,
        .token = rrto_op_token,
        .key = rrto_op_key,
        .device_synchronize = RRTO_OP_device_synchronize,
        .stream_create = RRTO_OP_stream_create,
    };
    return &table;
}
