/* SPDX-License-Identifier: Apache-2.0 */
/* For the test of a door's first call: call_with_registers(function, in) calls with every argument register set from
 * `in`, save_registers() writes down what arrives, into rrto_stub_registers, both in the layout of registers.h;
 * spoil_registers() overwrites all that a function may. */
    .text
    .globl call_with_registers, save_registers, spoil_registers
    .hidden call_with_registers, save_registers, spoil_registers
#if defined(__x86_64__)
    .type call_with_registers, @function
call_with_registers:
    endbr64
    subq $8, %rsp
    movq %rdi, %r11
    movups 80(%rsi), %xmm0
    movups 96(%rsi), %xmm1
    movups 112(%rsi), %xmm2
    movups 128(%rsi), %xmm3
    movups 144(%rsi), %xmm4
    movups 160(%rsi), %xmm5
    movups 176(%rsi), %xmm6
    movups 192(%rsi), %xmm7
    movq 0(%rsi), %rdi
    movq 16(%rsi), %rdx
    movq 24(%rsi), %rcx
    movq 32(%rsi), %r8
    movq 40(%rsi), %r9
    movq 48(%rsi), %rax
    movq 56(%rsi), %r10
    movq 8(%rsi), %rsi
    call *%r11
    addq $8, %rsp
    ret
    .size call_with_registers, . - call_with_registers

    .type save_registers, @function
save_registers:
    endbr64
    leaq buffer(%rip), %r11
    movq %rdi, 0(%r11)
    movq %rsi, 8(%r11)
    movq %rdx, 16(%r11)
    movq %rcx, 24(%r11)
    movq %r8, 32(%r11)
    movq %r9, 40(%r11)
    movq %rax, 48(%r11)
    movq %r10, 56(%r11)
    leaq 8(%rsp), %rax
    movq %rax, 72(%r11)
    movups %xmm0, 80(%r11)
    movups %xmm1, 96(%r11)
    movups %xmm2, 112(%r11)
    movups %xmm3, 128(%r11)
    movups %xmm4, 144(%r11)
    movups %xmm5, 160(%r11)
    movups %xmm6, 176(%r11)
    movups %xmm7, 192(%r11)
    xorl %eax, %eax
    ret
    .size save_registers, . - save_registers

    .type spoil_registers, @function
spoil_registers:
    endbr64
    pxor %xmm0, %xmm0
    pxor %xmm1, %xmm1
    pxor %xmm2, %xmm2
    pxor %xmm3, %xmm3
    pxor %xmm4, %xmm4
    pxor %xmm5, %xmm5
    pxor %xmm6, %xmm6
    pxor %xmm7, %xmm7
    xorl %eax, %eax
    xorl %ecx, %ecx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    ret
    .size spoil_registers, . - spoil_registers
#elif defined(__aarch64__)
    .type call_with_registers, %function
    .p2align 2
call_with_registers:
    hint #34
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    mov x9, x0
    mov x10, x1
    ldp q0, q1, [x10, #80]
    ldp q2, q3, [x10, #112]
    ldp q4, q5, [x10, #144]
    ldp q6, q7, [x10, #176]
    ldp x0, x1, [x10]
    ldp x2, x3, [x10, #16]
    ldp x4, x5, [x10, #32]
    ldp x6, x7, [x10, #48]
    ldr x8, [x10, #64]
    blr x9
    ldp x29, x30, [sp], #16
    ret
    .size call_with_registers, . - call_with_registers

    .type save_registers, %function
    .p2align 2
save_registers:
    hint #34
    adrp x9, buffer
    add x9, x9, #:lo12:buffer
    stp x0, x1, [x9]
    stp x2, x3, [x9, #16]
    stp x4, x5, [x9, #32]
    stp x6, x7, [x9, #48]
    mov x10, sp
    stp x8, x10, [x9, #64]
    stp q0, q1, [x9, #80]
    stp q2, q3, [x9, #112]
    stp q4, q5, [x9, #144]
    stp q6, q7, [x9, #176]
    mov x0, #0
    ret
    .size save_registers, . - save_registers

    .type spoil_registers, %function
    .p2align 2
spoil_registers:
    hint #34
    movi v0.16b, #0
    movi v1.16b, #0
    movi v2.16b, #0
    movi v3.16b, #0
    movi v4.16b, #0
    movi v5.16b, #0
    movi v6.16b, #0
    movi v7.16b, #0
    mov x0, #0
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    mov x5, #0
    mov x6, #0
    mov x7, #0
    mov x8, #0
    mov x9, #0
    mov x10, #0
    mov x11, #0
    mov x12, #0
    mov x13, #0
    mov x14, #0
    mov x15, #0
    mov x16, #0
    mov x17, #0
    ret
    .size spoil_registers, . - spoil_registers
#else
#error "no test of the registers for this machine yet"
#endif

    .bss
    .globl rrto_stub_registers
    .p2align 4
rrto_stub_registers:
buffer:
    .zero 208
    .size rrto_stub_registers, 208

    .section .note.GNU-stack, "", %progbits
