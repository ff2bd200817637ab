/* SPDX-License-Identifier: Apache-2.0 */
/* Programs go by the statuses of cuBLAS and cuDNN: they take the fallback when a product is not supported, and try one
 * engine after the other. So a refusal comes from the very call that is refused, each time it is made, however often
 * the same sequence has gone well; and what was asked before is answered the same again.
 *
 * Rule: 23
 * Seen to fail: a key's first call does not wait; or a key counts as known though its call failed; or all calls of one
 * function are one key: the first refusal stops the session, in async and replay, with and without the scheduler (plain
 * and percall wait for each call). Remembered answers lose their status, or are found by the length of the question:
 * the heuristic's line, and then the engines' too, is wrong in async and replay. */
#include "libraries.h"

enum { N_ENGINES = 4 };

static cublasLtMatmulDesc_t desc;
static cublasLtMatrixLayout_t layout;
static cublasLtMatmulPreference_t preference;

static cublasStatus_t lt_multiply(cublasLtEpilogue_t epilogue, const cublasLtMatmulAlgo_t *algo, CUdeviceptr a)
{
    float one = 1, zero = 0;
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    return cublasLtMatmul(lt, desc, &one, floats(a), layout, floats(identity), layout, &zero, floats(product), layout,
                          floats(product), layout, algo, NULL, 0, (cudaStream_t)(void *)stream);
}

static cublasStatus_t heuristic(cublasLtEpilogue_t epilogue, cublasLtMatmulHeuristicResult_t *result, int *n)
{
    OK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
    return cublasLtMatmulAlgoGetHeuristic(lt, desc, layout, layout, layout, layout, preference, 1, result, n);
}

/* What is not supported says so when it is called, whatever has gone well around it; what is called instead computes.
 */
static bool fallback(int round)
{
    float two = 2, zero = 0;
    set_matrix(round);
    cublasStatus_t good = lt_multiply(CUBLASLT_EPILOGUE_DEFAULT, NULL, matrix);
    cublasStatus_t bad = lt_multiply(CUBLASLT_EPILOGUE_DGELU, NULL, matrix);
    if (bad == CUBLAS_STATUS_NOT_SUPPORTED)
        OK(multiply(&two, &zero));
    return good == CUBLAS_STATUS_SUCCESS && product_is(round, 2);
}

/* The same call with an argument that makes it another one: it is judged by itself. */
static bool other_arguments(int round)
{
    float one = 1, zero = 0;
    double wide = 1;
    set_matrix(round);
    cublasStatus_t good = cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, SIDE, SIDE, SIDE, &one, floats(matrix),
                                       CUDA_R_32F, SIDE, floats(identity), CUDA_R_32F, SIDE, &zero, floats(product),
                                       CUDA_R_32F, SIDE, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    cublasStatus_t bad = cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, SIDE, SIDE, SIDE, &wide, floats(matrix),
                                      CUDA_R_32F, SIDE, floats(identity), CUDA_R_64F, SIDE, &wide, floats(product),
                                      CUDA_R_32F, SIDE, CUBLAS_COMPUTE_64F, CUBLAS_GEMM_DEFAULT);
    cublasStatus_t short_row = cublasSgemm_v2(blas, CUBLAS_OP_N, CUBLAS_OP_N, SIDE, SIDE, SIDE, &one, floats(matrix),
                                              SIDE - 1, floats(identity), SIDE, &zero, floats(product), SIDE);
    return good == CUBLAS_STATUS_SUCCESS && bad == CUBLAS_STATUS_NOT_SUPPORTED &&
           short_row == CUBLAS_STATUS_INVALID_VALUE && product_is(round, 1);
}

/* The heuristic's answers: the same every time, and usable. */
static bool heuristics(int round)
{
    static cublasLtMatmulAlgo_t first;
    cublasLtMatmulHeuristicResult_t result;
    int n_good = 0, n_bad = 9;
    memset(&result, 0x55, sizeof result);
    set_matrix(round);
    bool right = heuristic(CUBLASLT_EPILOGUE_DGELU, &result, &n_bad) == CUBLAS_STATUS_NOT_SUPPORTED && n_bad == 0;
    right = heuristic(CUBLASLT_EPILOGUE_RELU, &result, &n_good) == CUBLAS_STATUS_SUCCESS && n_good == 1 && right;
    if (round == 0)
        first = result.algo;
    right = memcmp(&first, &result.algo, sizeof first) == 0 && right;
    return lt_multiply(CUBLASLT_EPILOGUE_RELU, &result.algo, matrix) == CUBLAS_STATUS_SUCCESS && product_is(round, 1) &&
           right;
}

/* --- cuDNN: y = w * x over one row, w a single number */

static cudnnHandle_t dnn;

static cudnnBackendDescriptor_t make(cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t made;
    OK(cudnnBackendCreateDescriptor(type, &made));
    return made;
}

static void set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                int64_t n, const void *values)
{
    OK(cudnnBackendSetAttribute(descriptor, name, type, n, values));
}

static cudnnBackendDescriptor_t tensor(int64_t uid, int64_t n)
{
    cudnnBackendDescriptor_t made = make(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    const int64_t dims[] = {1, 1, n}, strides[] = {n, n, 1}, alignment = 16;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    set(made, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(made, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 3, dims);
    set(made, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 3, strides);
    set(made, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    set(made, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
    OK(cudnnBackendFinalize(made));
    return made;
}

/* Everything that is made, to be destroyed together. */
struct parts {
    cudnnBackendDescriptor_t x, w, y, convolution, operation, graph;
};

static void make_parts(struct parts *parts)
{
    const int64_t one = 1, zero = 0;
    const double real_one = 1, real_zero = 0;
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    cudnnBackendDescriptor_t c = parts->convolution = make(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set(c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    set(c, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &one);
    set(c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 1, &zero);
    set(c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 1, &zero);
    set(c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 1, &one);
    set(c, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 1, &one);
    OK(cudnnBackendFinalize(c));
    parts->x = tensor('x', CELLS);
    parts->w = tensor('w', 1);
    parts->y = tensor('y', CELLS);
    cudnnBackendDescriptor_t o = parts->operation = make(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    set(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_DOUBLE, 1, &real_one);
    set(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_DOUBLE, 1, &real_zero);
    set(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &c);
    set(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->x);
    set(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->w);
    set(o, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->y);
    OK(cudnnBackendFinalize(o));
    cudnnBackendDescriptor_t g = parts->graph = make(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(g, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &dnn);
    set(g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &o);
    OK(cudnnBackendFinalize(g));
}

static void drop_parts(const struct parts *parts)
{
    const cudnnBackendDescriptor_t all[] = {parts->x,           parts->w,         parts->y,
                                            parts->convolution, parts->operation, parts->graph};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        OK(cudnnBackendDestroyDescriptor(all[i]));
}

/* A plan with the engine of that number; whatever step refuses, its status. */
static cudnnStatus_t plan_with(const struct parts *parts, int64_t engine_number, cudnnBackendDescriptor_t *ret_plan)
{
    cudnnBackendDescriptor_t engine = make(CUDNN_BACKEND_ENGINE_DESCRIPTOR), config = NULL, plan = NULL;
    set(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &parts->graph);
    set(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &engine_number);
    cudnnStatus_t status = cudnnBackendFinalize(engine);
    if (!status) {
        config = make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
        set(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &engine);
        status = cudnnBackendFinalize(config);
    }
    if (!status) {
        plan = make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &dnn);
        set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &config);
        status = cudnnBackendFinalize(plan);
    }
    OK(cudnnBackendDestroyDescriptor(engine));
    if (config)
        OK(cudnnBackendDestroyDescriptor(config));
    if (plan && status)
        OK(cudnnBackendDestroyDescriptor(plan));
    *ret_plan = plan;
    return status;
}

static cudnnStatus_t execute(cudnnBackendDescriptor_t plan, CUdeviceptr w)
{
    cudnnBackendDescriptor_t pack = make(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    void *pointers[3] = {floats(matrix), floats(w), floats(product)}, *workspace = NULL;
    const int64_t uids[3] = {'x', 'w', 'y'};
    set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, uids);
    set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers);
    set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    OK(cudnnBackendFinalize(pack));
    cudnnStatus_t status = cudnnBackendExecute(dnn, plan, pack);
    OK(cudnnBackendDestroyDescriptor(pack));
    return status;
}

/* Engines are tried from the last one down; all but one refuse. */
static bool engines(int round)
{
    struct parts parts;
    cudnnBackendDescriptor_t plan = NULL;
    int n_refused = 0;
    make_parts(&parts);
    set_matrix(round);
    for (int64_t number = N_ENGINES - 1; number >= 0 && !plan; number--) {
        cudnnStatus_t status = plan_with(&parts, number, &plan);
        n_refused += status != CUDNN_STATUS_SUCCESS;
        if (status)
            plan = NULL;
    }
    drop_parts(&parts); /* the plan keeps what it was made of */
    bool right = plan && n_refused == N_ENGINES - 1 && execute(plan, identity) == CUDNN_STATUS_SUCCESS;
    if (plan)
        OK(cudnnBackendDestroyDescriptor(plan));
    return right && product_is(round, 1);
}

int main(void)
{
    start_libraries();
    OK(cudnnCreate(&dnn));
    OK(cudnnSetStream(dnn, (cudaStream_t)(void *)stream));
    OK(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F));
    OK(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, SIDE, SIDE, SIDE));
    OK(cublasLtMatmulPreferenceCreate(&preference));
    bool fall = true, other = true, same = true, tried = true;
    for (int i = 0; i < ROUNDS; i++) {
        fall = fallback(i) && fall;
        other = other_arguments(i) && other;
        same = heuristics(i) && same;
        tried = engines(i) && tried;
    }
    check("a product that is not supported, and its fallback", fall);
    check("arguments that make it another product", other);
    check("the heuristic's answers", same);
    check("engines that refuse, and one that does not", tried);
    return wrong;
}
