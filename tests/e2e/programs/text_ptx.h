/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels print_number(n), each thread of which prints "kernel says n", and fail_assertion(line), as PTX text. */
#ifndef TESTS_E2E_TEXT_PTX_H
#define TESTS_E2E_TEXT_PTX_H

static const char text_ptx[] =
    ".version 7.0\n.target sm_52\n.address_size 64\n"
    ".extern .func (.param .b32 ret) vprintf(.param .b64 format, .param .b64 values);\n"
    ".extern .func __assertfail(.param .b64 what, .param .b64 file, .param .b32 line, .param .b64 function, .param "
    ".b64 size);\n"
    ".global .align 1 .b8 format[17] = {107, 101, 114, 110, 101, 108, 32, 115, 97, 121, 115, 32, 37, 100, 10, 0, 0};\n"
    ".global .align 1 .b8 what[6] = {102, 97, 108, 115, 101, 0};\n"
    ".visible .entry print_number(.param .u32 value)\n"
    "{\n"
    "    .local .align 8 .b8 values[8];\n    .reg .b32 %r<3>;\n    .reg .b64 %rd<4>;\n"
    "    ld.param.u32 %r1, [value];\n    mov.u64 %rd1, values;\n    st.local.u32 [%rd1], %r1;\n"
    "    cvta.local.u64 %rd2, %rd1;\n    mov.u64 %rd1, format;\n    cvta.global.u64 %rd3, %rd1;\n"
    "    {\n    .param .b64 p0;\n    .param .b64 p1;\n    .param .b32 p2;\n"
    "    st.param.b64 [p0], %rd3;\n    st.param.b64 [p1], %rd2;\n    call.uni (p2), vprintf, (p0, p1);\n    }\n    "
    "ret;\n"
    "}\n"
    ".visible .entry fail_assertion(.param .u32 line)\n"
    "{\n"
    "    .reg .b32 %r<2>;\n    .reg .b64 %rd<3>;\n"
    "    ld.param.u32 %r1, [line];\n    mov.u64 %rd1, what;\n    cvta.global.u64 %rd2, %rd1;\n"
    "    {\n    .param .b64 p0;\n    .param .b64 p1;\n    .param .b32 p2;\n    .param .b64 p3;\n    .param .b64 p4;\n"
    "    st.param.b64 [p0], %rd2;\n    st.param.b64 [p1], %rd2;\n    st.param.b32 [p2], %r1;\n    st.param.b64 [p3], "
    "%rd2;\n"
    "    st.param.b64 [p4], 1;\n    call.uni __assertfail, (p0, p1, p2, p3, p4);\n    }\n    ret;\n"
    "}\n";

#endif
