/* SPDX-License-Identifier: Apache-2.0 */
/* How cuBLASLt's descriptors travel, shared by the client that writes them and the server that builds from them: runs
 * of (u16 attribute, u16 n, n bytes) in ascending order, only of what differs from the default. An address does not
 * stand in a run: its attribute has a u32 there, the address's alignment (a power of two, at most 256), and the address
 * itself travels beside it. */
#ifndef RRTO_API_CUSTOM_CUBLASLT_WIRE_H
#define RRTO_API_CUSTOM_CUBLASLT_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    RRTO_CUBLASLT_DESC_COMPUTE_TYPE = 0,
    RRTO_CUBLASLT_DESC_SCALE_TYPE = 1,
    RRTO_CUBLASLT_DESC_POINTER_MODE = 2,
    RRTO_CUBLASLT_DESC_EMULATION = 38,
    RRTO_CUBLASLT_LAYOUT_TYPE = 0,
    RRTO_CUBLASLT_LAYOUT_ROWS = 2,
    RRTO_CUBLASLT_LAYOUT_COLUMNS = 3,
    RRTO_CUBLASLT_LAYOUT_LD = 4,
    RRTO_CUBLASLT_PREFERENCE_SEARCH_MODE = 0,
    RRTO_CUBLASLT_MAX_WIRE = 512,
    RRTO_CUBLASLT_MAX_ADDRESSES = 12,
    RRTO_CUBLASLT_MAX_VALUE = 16, /* bytes of one attribute */
    RRTO_CUBLASLT_ALGO_BYTES = 64,
    RRTO_CUBLASLT_RESULT_BYTES = 96,
    RRTO_CUBLASLT_MAX_RESULTS = 1024,
};

/* Pointer modes: how alpha and beta are meant. The vectors have one element for each row. */
enum {
    RRTO_CUBLASLT_HOST,
    RRTO_CUBLASLT_DEVICE,
    RRTO_CUBLASLT_DEVICE_VECTOR,
    RRTO_CUBLASLT_ALPHA_VECTOR_BETA_ZERO,
    RRTO_CUBLASLT_ALPHA_VECTOR_BETA_HOST,
    RRTO_CUBLASLT_POINTER_MODES
};

/* Attributes of a matmul descriptor that hold a device address. */
static inline bool rrto_cublaslt_is_address(uint32_t attribute)
{
    switch (attribute) {
    case 8:  /* bias */
    case 11: /* epilogue auxiliary */
    case 17: /* scales of A, B, C, D */
    case 18:
    case 19:
    case 20:
    case 21: /* amax of D */
    case 23: /* scale and amax of the auxiliary */
    case 24:
    case 36: /* output scale of D */
        return true;
    default:
        return false;
    }
}

struct rrto_cublaslt_run {
    uint16_t attribute, n_bytes;
    const uint8_t *value; /* not aligned */
};

/* Takes the next run off *at. False at the end; *ret_bad is set when the bytes are malformed. */
static inline bool rrto_cublaslt_next_run(const uint8_t **at, const uint8_t *end, struct rrto_cublaslt_run *ret_run,
                                          bool *ret_bad)
{
    if (*at == end)
        return false;
    if (end - *at < 4) {
        *ret_bad = true;
        return false;
    }
    memcpy(&ret_run->attribute, *at, 2);
    memcpy(&ret_run->n_bytes, *at + 2, 2);
    ret_run->value = *at + 4;
    if (ret_run->n_bytes > RRTO_CUBLASLT_MAX_VALUE || end - ret_run->value < ret_run->n_bytes) {
        *ret_bad = true;
        return false;
    }
    *at = ret_run->value + ret_run->n_bytes;
    return true;
}

/* The value of one attribute as an integer, or fallback. */
static inline int64_t rrto_cublaslt_integer(const uint8_t *bytes, uint32_t n_bytes, uint32_t attribute,
                                            int64_t fallback)
{
    const uint8_t *at = bytes, *end = bytes + n_bytes;
    struct rrto_cublaslt_run run;
    bool bad = false;
    while (n_bytes && rrto_cublaslt_next_run(&at, end, &run, &bad)) {
        if (run.attribute != attribute)
            continue;
        if (run.n_bytes == sizeof(int64_t)) {
            int64_t value;
            memcpy(&value, run.value, sizeof value);
            return value;
        }
        if (run.n_bytes == sizeof(int32_t)) {
            int32_t value;
            memcpy(&value, run.value, sizeof value);
            return value;
        }
    }
    return fallback;
}

#endif
