/* SPDX-License-Identifier: Apache-2.0 */
/* Device variables through the runtime: a copy to one travels as module, name and offset; the variable's address, which
 * the server's driver chose, is one for every other call; a module that is registered again has its initial values.
 *
 * Rule: 14
 * Seen to fail: the server ignores the offset of a copy to a symbol: three lines are wrong in plain; such a copy is
 * taken for one between device addresses: the program ends at its first one, in plain. (The script stops there.) */
#include "program.h"

enum { N = 64, ROUNDS = 6 };
static int table[N], up[N];
static int wrong;

static void check(const char *what, int right)
{
    printf("%s: %s\n", what, right ? "right" : "WRONG");
    wrong |= !right;
}

static int reads(int at, int value)
{
    OK(cudaMemcpyFromSymbol(table, &table_shadow, sizeof table, 0, cudaMemcpyDeviceToHost));
    return table[at] == value;
}

int main(void)
{
    cudaStream_t stream;
    int initial = 1, offsets = 1, asynchronous = 1, addresses = 1, between = 1, attributes = 1;
    size_t n_bytes;
    int *address, *device, *pinned;
    OK(cudaStreamCreate(&stream));
    OK(cudaMalloc((void **)&device, sizeof up));
    OK(cudaMallocHost((void **)&pinned, sizeof up));
    for (int round = 0; round < ROUNDS; round++) {
        register_kernels();
        initial = initial && reads(0, 7) && table[1] == 8 && table[2] == 9 && table[3] == 0;
        OK(cudaGetSymbolSize(&n_bytes, &table_shadow));
        OK(cudaGetSymbolAddress((void **)&address, &table_shadow));
        initial = initial && n_bytes == sizeof table;

        up[0] = 100 + round;
        up[1] = 200 + round;
        OK(cudaMemcpyToSymbol(&table_shadow, up, 8, 12, cudaMemcpyHostToDevice));
        up[0] = up[1] = -1; /* it was read at the call */
        offsets = offsets && reads(3, 100 + round) && table[4] == 200 + round && table[2] == 9 && table[5] == 0;
        OK(cudaMemcpyFromSymbol(up, &table_shadow, 4, 16, cudaMemcpyDefault));
        offsets = offsets && up[0] == 200 + round;

        pinned[0] = 300 + round;
        OK(cudaMemcpyToSymbolAsync(&table_shadow, pinned, 4, 20, cudaMemcpyDefault, stream));
        OK(cudaMemcpyFromSymbolAsync(pinned + 1, &table_shadow, 4, 20, cudaMemcpyDeviceToHost, stream));
        OK(cudaStreamSynchronize(stream));
        asynchronous = asynchronous && pinned[1] == 300 + round;

        up[0] = 400 + round;
        OK(cudaMemcpy(address + 6, up, 4, cudaMemcpyHostToDevice));
        OK(cudaMemset(address + 7, 1, 4));
        OK(cudaMemcpy(up + 1, address + 6, 8, cudaMemcpyDeviceToHost));
        addresses = addresses && up[1] == 400 + round && up[2] == 0x01010101;

        OK(cudaMemcpyToSymbol(&table_shadow, address + 6, 4, 0, cudaMemcpyDeviceToDevice));
        OK(cudaMemcpyFromSymbol(device, &table_shadow, 8, 0, cudaMemcpyDeviceToDevice));
        OK(cudaMemcpyToSymbol(&table_shadow, device, 8, 32, cudaMemcpyDeviceToDevice));
        between = between && reads(8, 400 + round) && table[9] == 8;

        cudaPointerAttributes said;
        OK(cudaPointerGetAttributes(&said, address + 1));
        attributes = attributes && said.type == cudaMemoryTypeDevice && said.devicePointer == address + 1;
        unregister_kernels();
    }
    check("initial values, each time", initial);
    check("copies to and from a place in a variable", offsets);
    check("the same on a stream", asynchronous);
    check("its address in other calls", addresses);
    check("from variable to memory and back", between);
    check("its attributes", attributes);
    register_kernels();
    SAY(cudaMemcpyToSymbol(&table_shadow, up, 8, sizeof table - 4, cudaMemcpyHostToDevice));
    SAY(cudaMemcpyToSymbol(&table_shadow, up, 8, 0, cudaMemcpyDeviceToHost));
    SAY(cudaMemcpyFromSymbol(up, &table_shadow, 8, sizeof table - 4, cudaMemcpyDeviceToHost));
    SAY(cudaGetSymbolAddress((void **)&address, up));
    unregister_kernels();
    SAY(cudaGetSymbolAddress((void **)&address, &table_shadow));
    return wrong;
}
