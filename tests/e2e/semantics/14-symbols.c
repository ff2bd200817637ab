/* SPDX-License-Identifier: Apache-2.0 */
/* Device variables lie outside the arena, at addresses that the driver gives. Two modules hold variables of one name:
 * each is copied to and from, filled, passed to a kernel and asked about by its address, in every direction and by
 * cuMemcpy, which has to find the direction out. A module that is loaded again has its initial values again; what is
 * gone is no variable any more; and asking five thousand times for an address is nothing special, of one module or of
 * as many.
 *
 * Rule: 14
 * Seen to fail: the client takes a variable for host memory where the direction is not said (so it was when this test
 * was written): the program dies in every mode; it does not know variables at all: the first copy fails in every mode;
 * the server forgets the variables of no module (so it was, too): it stops the session at the 4097th one, in every
 * mode; it keeps one row for each question: the same in plain and percall, where answers are not remembered. */
#include "driver.h"

#include <unistd.h>

enum { N = 64, BYTES = N * sizeof(float), MANY = 5000 };
static const char ptx[] = VECTOR_ADD_PTX ".visible .global .align 4 .u32 before[3] = {1, 2, 3};\n"
                                         ".visible .global .align 4 .b32 table[64] = {7, 8, 9};\n"
                                         ".visible .const .align 4 .b32 fixed[2] = {11, 12};\n";
static float up[N], back[N];
static CUstream stream;

static CUmodule load(CUdeviceptr *ret_table)
{
    CUmodule module;
    size_t n_bytes;
    OK(cuModuleLoadData(&module, ptx));
    OK(cuModuleGetGlobal_v2(ret_table, &n_bytes, module, "table"));
    if (n_bytes != BYTES)
        *ret_table = 0;
    return module;
}

static bool initial(CUdeviceptr table)
{
    unsigned words[N];
    OK(cuMemcpyDtoH_v2(words, table, BYTES));
    return words[0] == 7 && words[1] == 8 && words[2] == 9 && words[3] == 0 && words[N - 1] == 0;
}

static bool is_device(CUdeviceptr address)
{
    unsigned type = 0;
    CUdeviceptr device = 0;
    return cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address) == 0 &&
           type == CU_MEMORYTYPE_DEVICE &&
           cuPointerGetAttribute(&device, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, address) == 0 && device == address;
}

/* What two variables of one name hold after copies in all directions. */
static bool directions(CUdeviceptr first, CUdeviceptr second, int round)
{
    bool right = true;
    fill(up, N, round);
    OK(cuMemcpyHtoD_v2(first, up, BYTES));
    OK(cuMemcpyDtoD_v2(second, first, BYTES));
    OK(cuMemsetD32_v2(first + 4, 0, 1));
    OK(cuMemcpyDtoH_v2(back, second, BYTES));
    right = right && filled(back, N, round, 1);
    OK(cuMemcpyDtoH_v2(back, first, BYTES));
    right = right && back[0] == up[0] && back[1] == 0 && back[2] == up[2];
    fill(up, 2, round + 1);
    OK(cuMemcpyHtoDAsync_v2(first + 8, up, 8, stream)); /* into the middle */
    OK(cuMemcpyDtoHAsync_v2(back, first, BYTES, stream));
    return right && back[1] == 0 && back[2] == up[0] && back[3] == up[1];
}

/* The addresses are the server's, and may by chance be ones of this process, too: then only the direction tells which
 * is meant (docs/limits.md). */
static bool may_be_host(CUdeviceptr address)
{
    int ends[2];
    if (!getenv("RRTO_MODE") || pipe(ends) != 0)
        return false;
    bool readable = write(ends[1], (const void *)(uintptr_t)address, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return readable;
}

static bool without_direction(CUdeviceptr first, CUdeviceptr second, int round)
{
    if (may_be_host(first) || may_be_host(second))
        return true;
    fill(up, N, round);
    OK(cuMemcpy(first, (CUdeviceptr)(uintptr_t)up, BYTES));
    OK(cuMemcpy(second, first, BYTES));
    OK(cuMemcpy((CUdeviceptr)(uintptr_t)back, second, BYTES));
    return filled(back, N, round, 1);
}

static bool in_kernels(CUdeviceptr first, CUdeviceptr second, int round)
{
    fill(up, N, round);
    OK(cuMemcpyHtoDAsync_v2(first, up, BYTES, stream));
    add(first, first, second, N, stream);
    OK(cuMemcpyDtoHAsync_v2(back, second, BYTES, stream));
    return filled(back, N, round, 2);
}

int main(void)
{
    bool at_first = true, apart = true, copies = true, unsaid = true, kernels = true, asked = true, gone = true;
    CUdeviceptr first, second, small;
    size_t n_bytes;
    unsigned fixed[2];
    start();
    stream = new_stream(false);
    for (int round = 0; round < ROUNDS; round++) {
        CUmodule one = load(&first), two = load(&second);
        at_first = at_first && initial(first) && initial(second);
        apart = apart && (first + BYTES <= second || second + BYTES <= first);
        OK(cuModuleGetGlobal_v2(&small, &n_bytes, two, "fixed"));
        OK(cuMemcpyDtoH_v2(fixed, small, sizeof fixed));
        at_first = at_first && n_bytes == sizeof fixed && fixed[0] == 11 && fixed[1] == 12;
        asked = asked && is_device(first) && is_device(second + BYTES - 1);
        copies = directions(first, second, round) && copies;
        unsaid = without_direction(first, second, round) && unsaid;
        kernels = in_kernels(first, second, round) && kernels;
        OK(cuModuleUnload(one));
        fill(up, N, -round);
        OK(cuMemcpyHtoD_v2(second, up, BYTES)); /* the other module's is still there */
        OK(cuMemcpyDtoH_v2(back, second, BYTES));
        copies = copies && filled(back, N, -round, 1);
        gone = gone && cuModuleGetGlobal_v2(NULL, NULL, two, "none") == CUDA_ERROR_NOT_FOUND;
        OK(cuModuleUnload(two));
    }
    check("initial values, at each load", at_first);
    check("two variables of one name", apart);
    check("copies and fills, the direction said", copies);
    check("copies, the direction not said", unsaid);
    check("variables as arguments of kernels", kernels);
    check("pointer attributes of variables", asked);
    check("a variable that does not exist", gone);

    CUmodule module = load(&first);
    for (int i = 0; i < MANY; i++) {
        OK(cuModuleGetGlobal_v2(&second, NULL, module, "table"));
        gone = gone && second == first;
    }
    for (int i = 0; i < MANY; i++) {
        OK(cuModuleUnload(module));
        module = load(&first);
    }
    check("asked very often", gone && initial(first));
    return wrong;
}
