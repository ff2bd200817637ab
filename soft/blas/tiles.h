/* SPDX-License-Identifier: Apache-2.0 */
/* Work cut into tiles whose number and borders depend on the problem only, never on the machine: two threads share
 * them, and each element's order of summation is the same wherever it runs. */
#ifndef RRTO_SOFT_BLAS_TILES_H
#define RRTO_SOFT_BLAS_TILES_H

#include <stddef.h>

/* Calls fn(arg, tile) for each tile in [0, n_tiles), some of them on a helper thread, and returns when all are done.
 * Any thread; a second caller at the same time does its tiles alone. Also switches OpenBLAS to one thread per call, at
 * the first use. */
void rrto_soft_tiles(void (*fn)(void *arg, size_t tile), void *arg, size_t n_tiles);

/* The switch alone, for calls that go to OpenBLAS directly. */
void rrto_soft_tiles_prepare(void);

#endif
