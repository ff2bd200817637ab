/* SPDX-License-Identifier: Apache-2.0 */
/* dlopen, with names that have a door redirected. It jumps to the real one with the caller's return address in place: glibc takes the
 * caller's RPATH, RUNPATH and namespace from there, and everything else (flags, errors, dlerror) stays the real one's. */
    .text
    .globl dlopen
#if defined(__x86_64__)
    .type dlopen, @function
    .p2align 4
dlopen:
    endbr64
    pushq %rdi
    pushq %rsi
    subq $8, %rsp
    call rrto_dlopen_redirect
    addq $8, %rsp
    popq %rsi
    popq %rdi
    movq %rax, %rdi
    movq rrto_dlopen_real(%rip), %r11
    jmp *%r11
#elif defined(__aarch64__)
    .type dlopen, %function
    .p2align 2
dlopen:
    hint #34
    stp x29, x30, [sp, #-32]!
    mov x29, sp
    str x1, [sp, #16]
    bl rrto_dlopen_redirect
    ldr x1, [sp, #16]
    ldp x29, x30, [sp], #32
    adrp x16, rrto_dlopen_real
    ldr x16, [x16, #:lo12:rrto_dlopen_real]
    br x16
#else
#error "no dlopen wrapper for this machine yet"
#endif
    .size dlopen, . - dlopen

    .section .note.GNU-stack, "", %progbits
