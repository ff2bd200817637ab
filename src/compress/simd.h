/* SPDX-License-Identifier: Apache-2.0 */
/* RRTO_SIMD before a function with plain loops: the compiler also makes wider versions of it and the right one is taken
 * at run time. Nothing where the compiler cannot do that, and under sanitizers, whose code may not run in the resolver
 * that chooses. */
#ifndef RRTO_COMPRESS_SIMD_H
#define RRTO_COMPRESS_SIMD_H

#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&          \
    !defined(__SANITIZE_THREAD__)
#define RRTO_SIMD __attribute__((target_clones("default", "avx2")))
#else
#define RRTO_SIMD
#endif

#endif
