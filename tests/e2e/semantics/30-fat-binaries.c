/* SPDX-License-Identifier: Apache-2.0 */
/* What dlclose and dlopen of libraries with kernels come to: a fat binary is unregistered, and another one registered
 * in the very same memory, its kernel behind the very same stub. What is launched is what is registered now, and
 * nothing in between. (The doors themselves are preloaded: no dlclose unloads them.)
 *
 * Oracle: plain
 * Rule: 30
 * Seen to fail: an unregistered fat binary's kernels stay in the index of stubs: the program dies in plain, percall,
 * async and replay. */
#include "../programs/program.h"
#include "../programs/vector_add.h"

static const char set_ptx[] =
    ".version 7.0\n.target sm_52\n.address_size 64\n"
    ".visible .entry poke(.param .u64 p, .param .u32 v)\n"
    "{\n"
    "    .reg .b64 %rd<3>;\n    .reg .b32 %r<2>;\n"
    "    ld.param.u64 %rd1, [p];\n    ld.param.u32 %r1, [v];\n    cvta.to.global.u64 %rd2, %rd1;\n"
    "    st.global.u32 [%rd2], %r1;\n    ret;\n}\n";

static char stub; /* of whatever kernel is there */
static int wrong;

static void expect(const char *what, int round, int got, int expected)
{
    printf("round %d, %s: %s\n", round, what, got == expected ? "right" : "WRONG");
    wrong |= got != expected;
}

static int launch(void **args)
{
    return (int)cudaLaunchKernel(&stub, (dim3){1, 1, 1}, (dim3){32, 1, 1}, args, 0, NULL);
}

static int first_word(const float *device)
{
    int word = -1;
    OK(cudaMemcpy(&word, device, sizeof word, cudaMemcpyDeviceToHost));
    return word;
}

int main(void)
{
    float one[4] = {1, 1, 1, 1}, two = 2, *device;
    int two_bits;
    unsigned n = 4, value = 77;
    memcpy(&two_bits, &two, sizeof two);
    OK(cudaMalloc((void **)&device, sizeof one));
    for (int round = 0; round < 6; round++) {
        void *add_args[] = {&device, &device, &device, &n}, *poke_args[] = {&device, &value};
        value++;
        OK(cudaMemcpy(device, one, sizeof one, cudaMemcpyHostToDevice));
        void **handle = register_image(VECTOR_ADD_PTX, sizeof VECTOR_ADD_PTX);
        __cudaRegisterFunction(handle, &stub, NULL, "vector_add", -1, NULL, NULL, NULL, NULL, NULL);
        __cudaRegisterFatBinaryEnd(handle);
        expect("the first kernel", round, launch(add_args), cudaSuccess);
        __cudaUnregisterFatBinary(handle); /* its launch may be on its way */
        expect("no kernel", round, launch(add_args), cudaErrorInvalidDeviceFunction);
        expect("its sum", round, first_word(device), two_bits);
        handle = register_image(set_ptx, sizeof set_ptx);
        __cudaRegisterFunction(handle, &stub, NULL, "poke", -1, NULL, NULL, NULL, NULL, NULL);
        __cudaRegisterFatBinaryEnd(handle);
        expect("the second kernel", round, launch(poke_args), cudaSuccess);
        expect("its value", round, first_word(device), (int)value);
        __cudaUnregisterFatBinary(handle);
    }
    (void)cudaGetLastError();
    OK(cudaFree(device));
    return wrong;
}
