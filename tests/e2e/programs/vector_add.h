/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel vector_add(a, b, c, n): c = a + b for n floats, as PTX text. */
#ifndef TESTS_E2E_VECTOR_ADD_H
#define TESTS_E2E_VECTOR_ADD_H

#define VECTOR_ADD_PTX                                                                                                 \
    ".version 7.0\n.target sm_52\n.address_size 64\n"                                                                  \
    ".visible .entry vector_add(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)\n"                         \
    "{\n"                                                                                                              \
    "    .reg .pred %p<2>;\n    .reg .f32 %f<4>;\n    .reg .b32 %r<6>;\n    .reg .b64 %rd<11>;\n"                      \
    "    ld.param.u64 %rd1, [a];\n    ld.param.u64 %rd2, [b];\n    ld.param.u64 %rd3, [c];\n    ld.param.u32 %r2, "    \
    "[n];\n"                                                                                                           \
    "    mov.u32 %r3, %ctaid.x;\n    mov.u32 %r4, %ntid.x;\n    mov.u32 %r5, %tid.x;\n    mad.lo.s32 %r1, %r3, %r4, "  \
    "%r5;\n"                                                                                                           \
    "    setp.ge.u32 %p1, %r1, %r2;\n    @%p1 bra DONE;\n"                                                             \
    "    cvta.to.global.u64 %rd4, %rd1;\n    mul.wide.u32 %rd5, %r1, 4;\n    add.s64 %rd6, %rd4, %rd5;\n"              \
    "    cvta.to.global.u64 %rd7, %rd2;\n    add.s64 %rd8, %rd7, %rd5;\n"                                              \
    "    ld.global.f32 %f1, [%rd6];\n    ld.global.f32 %f2, [%rd8];\n    add.f32 %f3, %f1, %f2;\n"                     \
    "    cvta.to.global.u64 %rd9, %rd3;\n    add.s64 %rd10, %rd9, %rd5;\n    st.global.f32 [%rd10], %f3;\n"            \
    "DONE:\n    ret;\n}\n"

#endif
