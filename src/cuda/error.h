/* SPDX-License-Identifier: Apache-2.0 */
/* CUDA results inside the client. One numbering serves both APIs: the runtime's, which is the driver's plus a few codes
 * that only the runtime has; the driver front end translates those at its door. */
#ifndef RRTO_CUDA_ERROR_H
#define RRTO_CUDA_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum rrto_cuda_error {
    RRTO_CUDA_SUCCESS = 0,
    RRTO_CUDA_INVALID_VALUE = 1,
    RRTO_CUDA_NO_MEMORY = 2,
    RRTO_CUDA_NOT_INITIALIZED = 3,
    RRTO_CUDA_UNLOADING = 4,
    RRTO_CUDA_INVALID_CONFIGURATION = 9,   /* runtime only */
    RRTO_CUDA_INVALID_PITCH = 12,          /* runtime only */
    RRTO_CUDA_INVALID_SYMBOL = 13,         /* runtime only */
    RRTO_CUDA_INVALID_DEVICE_POINTER = 17, /* runtime only */
    RRTO_CUDA_INVALID_DIRECTION = 21,      /* runtime only */
    RRTO_CUDA_LOST = 46,                   /* the server or the link to it is gone: "devices unavailable" */
    RRTO_CUDA_MISSING_CONFIGURATION = 52,  /* runtime only */
    RRTO_CUDA_INVALID_FUNCTION = 98,       /* runtime only */
    RRTO_CUDA_NO_DEVICE = 100,
    RRTO_CUDA_INVALID_DEVICE = 101,
    RRTO_CUDA_INVALID_IMAGE = 200,
    RRTO_CUDA_INVALID_CONTEXT = 201,
    RRTO_CUDA_NO_KERNEL_IMAGE = 209,
    RRTO_CUDA_UNSUPPORTED_LIMIT = 215,
    RRTO_CUDA_PEER_UNSUPPORTED = 217,
    RRTO_CUDA_FILE_NOT_FOUND = 301,
    RRTO_CUDA_INVALID_HANDLE = 400,
    RRTO_CUDA_ILLEGAL_STATE = 401,
    RRTO_CUDA_LOSSY_QUERY = 402,
    RRTO_CUDA_NOT_FOUND = 500,
    RRTO_CUDA_NOT_READY = 600,
    RRTO_CUDA_OUT_OF_RESOURCES = 701,
    RRTO_CUDA_PEER_NOT_ENABLED = 705,
    RRTO_CUDA_PRIMARY_CONTEXT_ACTIVE = 708,
    RRTO_CUDA_HOST_ALREADY_REGISTERED = 712,
    RRTO_CUDA_HOST_NOT_REGISTERED = 713,
    RRTO_CUDA_COOPERATIVE_TOO_LARGE = 720,
    RRTO_CUDA_NOT_SUPPORTED = 801,
    RRTO_CUDA_CAPTURE_UNSUPPORTED = 900,
    RRTO_CUDA_CAPTURE_INVALIDATED = 901,
    RRTO_CUDA_CAPTURE_MERGE = 902,
    RRTO_CUDA_CAPTURE_UNMATCHED = 903,
    RRTO_CUDA_CAPTURE_UNJOINED = 904,
    RRTO_CUDA_CAPTURE_ISOLATION = 905,
    RRTO_CUDA_CAPTURE_IMPLICIT = 906,
    RRTO_CUDA_CAPTURED_EVENT = 907,
    RRTO_CUDA_CAPTURE_WRONG_THREAD = 908,
    RRTO_CUDA_GRAPH_UPDATE_FAILURE = 910,
    RRTO_CUDA_UNKNOWN = 999,
};

/* What rrto_issue answered, as a CUDA result: a lost session becomes the sticky code that stands for its cause. */
int32_t rrto_cuda_issued(int32_t status);
/* The code of the sticky error; RRTO_CUDA_LOST for transport trouble. 0 when the session is well. Cheap: a flag when
 * all is well. */
int32_t rrto_cuda_sticky(void);
/* The driver's code for a result in the common numbering. */
int32_t rrto_cuda_to_driver(int32_t error);

/* Static strings; NULL for a code that does not exist in that API. Any thread. */
const char *rrto_cuda_error_name(int32_t error);
const char *rrto_cuda_driver_error_name(int32_t error);
const char *rrto_cuda_error_text(int32_t error);

#endif
