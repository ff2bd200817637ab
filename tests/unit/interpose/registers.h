/* SPDX-License-Identifier: Apache-2.0 */
/* The registers that arguments travel in, as registers.S reads and writes them. */
#ifndef TESTS_UNIT_INTERPOSE_REGISTERS_H
#define TESTS_UNIT_INTERPOSE_REGISTERS_H

#include <stdint.h>

enum { N_VECTOR_BYTES = 8 * 16 };
#if defined __x86_64__
enum { N_INTEGERS = 8 }; /* rdi rsi rdx rcx r8 r9 rax r10 */
#else
enum { N_INTEGERS = 9 }; /* x0 to x8 */
#endif

struct registers {
    uint64_t integers[9];
    uint64_t stack; /* the stack pointer at the call instruction */
    unsigned char vectors[N_VECTOR_BYTES];
};

__attribute__((visibility("hidden"))) int call_with_registers(void (*function)(void), const struct registers *in);
__attribute__((visibility("hidden"))) void save_registers(void);
__attribute__((visibility("hidden"))) void spoil_registers(void);

#endif
