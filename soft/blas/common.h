/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the soft cuBLAS share: the handle, and the vendor's numbers turned into those of OpenBLAS. */
#ifndef RRTO_SOFT_BLAS_COMMON_H
#define RRTO_SOFT_BLAS_COMMON_H

#include <cblas.h>
#include <stdbool.h>
#include <stdint.h>

#include "blas/stream.h"
#include "blas/tiles.h"
#include "gen/api_cublas.h"

#define RRTO_SOFT_EXPORT __attribute__((visibility("default")))

/* Work is carried out at the call, as the soft driver does, unless stream.h says otherwise. Device
 * memory is host memory, so scalars and results are read and written the same way in both pointer modes. */
struct rrto_soft_blas {
    void *stream;
    void *workspace;
    size_t workspace_bytes;
    int pointer_mode, math_mode, atomics_mode, sm_count_target;
};

static inline bool rrto_soft_blas_op(int op, enum CBLAS_TRANSPOSE *ret_op)
{
    static const enum CBLAS_TRANSPOSE ops[] = {CblasNoTrans, CblasTrans, CblasConjTrans};
    if (op < 0 || op > 2)
        return false;
    *ret_op = ops[op];
    return true;
}

static inline bool rrto_soft_blas_uplo(int uplo, enum CBLAS_UPLO *ret_uplo)
{
    *ret_uplo = uplo == 0 ? CblasLower : CblasUpper;
    return uplo == 0 || uplo == 1;
}

static inline bool rrto_soft_blas_diag(int diag, enum CBLAS_DIAG *ret_diag)
{
    *ret_diag = diag == 0 ? CblasNonUnit : CblasUnit;
    return diag == 0 || diag == 1;
}

static inline bool rrto_soft_blas_side(int side, enum CBLAS_SIDE *ret_side)
{
    *ret_side = side == 0 ? CblasLeft : CblasRight;
    return side == 0 || side == 1;
}

/* Entry of a call that computes at the call: a handle is there and the sizes make sense, else the call's answer. */
#define RRTO_SOFT_CHECK(handle, condition)                                                                             \
    do {                                                                                                               \
        if (!(handle))                                                                                                 \
            return CUBLAS_STATUS_NOT_INITIALIZED;                                                                      \
        if (!(condition))                                                                                              \
            return CUBLAS_STATUS_INVALID_VALUE;                                                                        \
        rrto_soft_tiles_prepare();                                                                                     \
        rrto_soft_stream_settle(((const struct rrto_soft_blas *)(const void *)(handle))->stream);                      \
    } while (0)

/* The four types of BLAS: X(upper-case letter, lower-case letter, type, how cblas takes a scalar). */
#define RRTO_SOFT_BY_VALUE(scalar) (*(scalar))
#define RRTO_SOFT_BY_POINTER(scalar) (scalar)
#define RRTO_SOFT_REAL_TYPES(X)                                                                                        \
    X(S, s, float, RRTO_SOFT_BY_VALUE)                                                                                 \
    X(D, d, double, RRTO_SOFT_BY_VALUE)
#define RRTO_SOFT_COMPLEX_TYPES(X)                                                                                     \
    X(C, c, cuComplex, RRTO_SOFT_BY_POINTER)                                                                           \
    X(Z, z, cuDoubleComplex, RRTO_SOFT_BY_POINTER)
#define RRTO_SOFT_TYPES(X) RRTO_SOFT_REAL_TYPES(X) RRTO_SOFT_COMPLEX_TYPES(X)

#endif
