/* SPDX-License-Identifier: Apache-2.0 */
/* What the application holds in memory of its own is the application's: descriptors of cuBLASLt on the stack, copied
 * and overwritten; numbers behind pointers, which are read at the call; results in host memory, which are there when
 * the call returns; and, in device pointer mode, addresses whose contents are the stream's affair.
 *
 * Rule: 26
 * Seen to fail: descriptors hold their own address: what was copied is refused, in all modes. Lt's alpha is read as if
 * it were half as wide: the first line is wrong in all modes. Numbers are remembered by their address: the lines about
 * alpha and beta are wrong in all modes. The pointer mode does not travel: its line is wrong under a seed in percall,
 * async and replay. */
#include "libraries.h"

static cublasLtMatmulDescOpaque_t new_desc(cublasLtEpilogue_t epilogue)
{
    cublasLtMatmulDescOpaque_t desc;
    memset(&desc, 0xee, sizeof desc);
    OK(cublasLtMatmulDescInit_internal(&desc, sizeof desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    OK(cublasLtMatmulDescSetAttribute(&desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    return desc;
}

/* Descriptors, a preference and an algorithm that have moved, their first places overwritten. */
static bool moved(int round)
{
    static struct {
        cublasLtMatrixLayoutOpaque_t layout;
        cublasLtMatmulDescOpaque_t desc;
        cublasLtMatmulAlgo_t algo;
    } kept;
    cublasLtMatmulDescOpaque_t desc = new_desc(CUBLASLT_EPILOGUE_RELU);
    cublasLtMatrixLayoutOpaque_t layout;
    cublasLtMatmulPreferenceOpaque_t first_preference, preference;
    cublasLtMatmulHeuristicResult_t result;
    float two = 2, zero = 0;
    int n = 0;
    uint64_t rows = 0;
    OK(cublasLtMatrixLayoutInit_internal(&layout, sizeof layout, CUDA_R_32F, SIDE, SIDE, SIDE));
    OK(cublasLtMatmulPreferenceInit_internal(&first_preference, sizeof first_preference));
    preference = first_preference;
    kept.desc = desc;
    kept.layout = layout;
    memset(&desc, 0xcc, sizeof desc);
    memset(&layout, 0xcc, sizeof layout);
    memset(&first_preference, 0xcc, sizeof first_preference);
    OK(cublasLtMatrixLayoutGetAttribute(&kept.layout, CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows, NULL));
    OK(cublasLtMatmulAlgoGetHeuristic(lt, &kept.desc, &kept.layout, &kept.layout, &kept.layout, &kept.layout,
                                      &preference, 1, &result, &n));
    kept.algo = result.algo;
    memset(&result, 0xcc, sizeof result);
    set_matrix(round);
    OK(cublasLtMatmul(lt, &kept.desc, &two, floats(matrix), &kept.layout, floats(identity), &kept.layout, &zero,
                      floats(product), &kept.layout, floats(product), &kept.layout, &kept.algo, NULL, 0,
                      (cudaStream_t)(void *)stream));
    memset(&kept, 0xcc, sizeof kept); /* the call has read them */
    two = zero = 99;
    return n == 1 && rows == SIDE && product_is(round, 2);
}

/* Three products in flight, one place for alpha and beta. */
static bool scalars(int round)
{
    float alpha = 2, beta = 0;
    set_matrix(round);
    OK(multiply(&alpha, &beta)); /* 2 */
    alpha = 5;
    beta = 1;
    OK(multiply(&alpha, &beta)); /* 2 + 5 */
    alpha = 1;
    beta = 3;
    OK(multiply(&alpha, &beta)); /* 1 + 3 * 7 */
    alpha = beta = 1000;
    return product_is(round, 22);
}

/* Results in host memory, of work that was asynchronous until then. */
static bool host_results(int round)
{
    float dot = -1, norm = -1, expected = 0;
    int largest = -1;
    set_matrix(round);
    add(matrix, matrix, matrix, CELLS, stream); /* 2 times */
    OK(cublasSdot_v2(blas, SIDE, floats(matrix), 1, floats(identity), 1, &dot));
    OK(cublasSnrm2_v2(blas, 1, floats(matrix) + 1, 1, &norm));
    OK(cublasIsamax_v2(blas, CELLS, floats(matrix), 1, &largest));
    expected = 2 * (float)round;
    return dot == expected && norm == 2 * (float)(3 + round) && largest == CELLS;
}

/* Device pointer mode: alpha is what the stream has put there by then; so is a result. */
static bool device_pointers(int round)
{
    static CUdeviceptr numbers; /* alpha, beta, result */
    float values[3] = {3, 0, -1}, later[2] = {1000, 1000}, dot = -1, unread = -2;
    if (!numbers)
        numbers = device_floats(3);
    OK(cublasSetPointerMode_v2(blas, CUBLAS_POINTER_MODE_DEVICE));
    set_matrix(round);
    OK(cuMemcpyHtoDAsync_v2(numbers, values, sizeof values, stream));
    add(numbers, numbers, numbers, 1, stream); /* alpha: 6 */
    OK(multiply(floats(numbers), floats(numbers) + 1));
    OK(cublasSdot_v2(blas, SIDE, floats(matrix), 1, floats(identity), 1, floats(numbers) + 2));
    OK(cuMemcpyHtoDAsync_v2(numbers, later, sizeof later, stream));
    OK(cublasSetPointerMode_v2(blas, CUBLAS_POINTER_MODE_HOST));
    OK(cublasSdot_v2(blas, SIDE, floats(matrix), 1, floats(identity), 1, &unread));
    OK(cuMemcpyDtoHAsync_v2(&dot, numbers + 2 * sizeof(float), sizeof dot, stream));
    OK(cuStreamSynchronize(stream));
    return dot == (float)round && unread == dot && product_is(round, 6);
}

/* cuDNN's alpha and beta, too: c = alpha * a + beta * c. */
static bool dnn_scalars(int round)
{
    static cudnnHandle_t dnn;
    static cudnnTensorDescriptor_t tensor;
    float alpha = 2, beta = 0;
    if (!dnn) {
        OK(cudnnCreate(&dnn));
        OK(cudnnSetStream(dnn, (cudaStream_t)(void *)stream));
        OK(cudnnCreateTensorDescriptor(&tensor));
        OK(cudnnSetTensor4dDescriptor(tensor, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, SIDE, SIDE));
    }
    set_matrix(round);
    OK(cuMemsetD8Async(product, 0, CELLS * sizeof(float), stream));
    OK(cudnnAddTensor(dnn, &alpha, tensor, floats(matrix), &beta, tensor, floats(product)));
    alpha = 1;
    beta = 4;
    OK(cudnnAddTensor(dnn, &alpha, tensor, floats(matrix), &beta, tensor, floats(product)));
    alpha = beta = 1000;
    return product_is(round, 9);
}

int main(void)
{
    start_libraries();
    bool copies = true, numbers = true, results = true, addresses = true, dnn = true;
    for (int i = 0; i < ROUNDS; i++) {
        copies = moved(i) && copies;
        numbers = scalars(i) && numbers;
        results = host_results(i) && results;
        addresses = device_pointers(i) && addresses;
        dnn = dnn_scalars(i) && dnn;
    }
    check("descriptors that have moved", copies);
    check("alpha and beta, changed after the call", numbers);
    check("results in host memory", results);
    check("device pointer mode", addresses);
    check("cuDNN's alpha and beta", dnn);
    return wrong;
}
