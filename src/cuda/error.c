/* SPDX-License-Identifier: Apache-2.0 */
/* Result codes: names, texts, translation between the runtime's and the driver's, and what a lost session looks like to
 * a caller. */
#include "cuda/error.h"

#include "base/status.h"
#include "cuda/error_table.h"
#include "replay/issue.h"

#include <stddef.h>
#include <string.h>

struct error_row {
    int32_t code;
    const char *runtime, *driver, *text;
};

static const struct error_row error_rows[] = {
#define X(code, runtime, driver, text) {code, runtime, driver, text},
    RRTO_CUDA_ERROR_LIST(X)
#undef X
};

static const struct error_row *find_error(int32_t error)
{
    size_t low = 0, high = sizeof error_rows / sizeof error_rows[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (error_rows[middle].code == error)
            return &error_rows[middle];
        if (error_rows[middle].code < error)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *rrto_cuda_error_name(int32_t error)
{
    const struct error_row *row = find_error(error);
    return row && row->runtime[0] ? row->runtime : NULL;
}

const char *rrto_cuda_driver_error_name(int32_t error)
{
    const struct error_row *row = find_error(error);
    return row && row->driver[0] ? row->driver : NULL;
}

const char *rrto_cuda_error_text(int32_t error)
{
    const struct error_row *row = find_error(error);
    return row ? row->text : NULL;
}

int32_t rrto_cuda_sticky(void)
{
    struct rrto_session_error error;
    if (!rrto_session_error(&error))
        return RRTO_CUDA_SUCCESS;
    if (error.left)
        return RRTO_CUDA_UNLOADING;
    if (!error.library || !error.library[0] || error.code == 0)
        return RRTO_CUDA_LOST;
    /* A failure inside another library that nobody predicted: its number means nothing as a CUDA result. */
    return strcmp(error.library, "cuda") == 0 ? error.code : RRTO_CUDA_UNKNOWN;
}

int32_t rrto_cuda_issued(int32_t status)
{
    if (status >= 0)
        return status;
    if (status == RRTO_NO_MEMORY)
        return RRTO_CUDA_NO_MEMORY;
    int32_t sticky = rrto_cuda_sticky();
    return sticky ? sticky : RRTO_CUDA_LOST;
}

int32_t rrto_cuda_to_driver(int32_t error)
{
    switch (error) {
    case RRTO_CUDA_INVALID_CONFIGURATION:
    case RRTO_CUDA_INVALID_PITCH:
    case RRTO_CUDA_INVALID_DEVICE_POINTER:
    case RRTO_CUDA_INVALID_DIRECTION:
        return RRTO_CUDA_INVALID_VALUE;
    case RRTO_CUDA_INVALID_SYMBOL:
    case RRTO_CUDA_INVALID_FUNCTION:
        return RRTO_CUDA_NOT_FOUND;
    default:
        return error;
    }
}
