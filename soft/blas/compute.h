/* SPDX-License-Identifier: Apache-2.0 */
/* Compute types and scalars of the calls with explicit types. */
#ifndef RRTO_SOFT_BLAS_COMPUTE_H
#define RRTO_SOFT_BLAS_COMPUTE_H

#include "blas/gemm.h"

/* The type of alpha and beta that goes with a cublasComputeType_t and the type of the matrices; -1 when it is not
 * computed here. A computation in half is carried out in float and rounded once. */
static inline int rrto_soft_scale_type(int compute, int matrix_type)
{
    bool is_complex = matrix_type == RRTO_SOFT_C_32F || matrix_type == RRTO_SOFT_C_64F;
    switch (compute) {
    case 64: /* 16F and its pedantic form */
    case 65:
        return RRTO_SOFT_R_16F;
    case 68: /* 32F, pedantic, the fast forms, emulated */
    case 69:
    case 74:
    case 75:
    case 77:
    case 78:
        return is_complex ? RRTO_SOFT_C_32F : RRTO_SOFT_R_32F;
    case 70: /* 64F, pedantic, emulated */
    case 71:
    case 79:
        return is_complex ? RRTO_SOFT_C_64F : RRTO_SOFT_R_64F;
    default:
        return -1;
    }
}

/* Reads a scalar of a type as a complex number in double: exact. False for a type that is no scale type. */
static inline bool rrto_soft_read_scalar(double value[2], const void *from, int type)
{
    float narrow;
    value[1] = 0.0;
    switch (type) {
    case RRTO_SOFT_R_16F:
    case RRTO_SOFT_R_16BF:
    case RRTO_SOFT_R_32F:
        rrto_soft_widen(&narrow, from, type, 1, 1);
        value[0] = (double)narrow;
        return true;
    case RRTO_SOFT_C_32F:
        value[0] = (double)((const float *)from)[0];
        value[1] = (double)((const float *)from)[1];
        return true;
    case RRTO_SOFT_C_64F:
        value[1] = ((const double *)from)[1];
        /* fall through */
    case RRTO_SOFT_R_64F:
        value[0] = ((const double *)from)[0];
        return true;
    default:
        return false;
    }
}

#endif
