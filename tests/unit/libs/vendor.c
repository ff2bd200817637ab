/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor that computes nothing: it remembers what it was called with, counts what it made, and fails on request. */
#include "loop.h"

#include "api/custom/cudnn_graph.h"

#include <stdlib.h>
#include <string.h>

struct fake_vendor vendor;

static bool fails(int function)
{
    if ((int)vendor.fails != function || vendor.fail_times == 0)
        return false;
    vendor.fail_times--;
    return true;
}

/* cuBLAS */

static cublasStatus_t set_stream(cublasHandle_t handle, cudaStream_t stream)
{
    (void)handle;
    vendor.stream = stream;
    vendor.workspace = NULL; /* the vendor's rule */
    vendor.workspace_bytes = 0;
    vendor.n_set_stream++;
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t set_workspace(cublasHandle_t handle, void *workspace, size_t n_bytes)
{
    (void)handle;
    vendor.workspace = workspace;
    vendor.workspace_bytes = n_bytes;
    vendor.n_set_workspace++;
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t set_pointer_mode(cublasHandle_t handle, cublasPointerMode_t mode)
{
    (void)handle;
    vendor.pointer_mode = (int)mode;
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t set_math_mode(cublasHandle_t handle, cublasMath_t mode)
{
    (void)handle;
    vendor.math_mode = (int)mode;
    return CUBLAS_STATUS_SUCCESS;
}

/* cuBLASLt: a layout is its number, in the order of creation within one op. */

struct thing {
    int kind, number;
};
static int n_layouts;

static void *make(int kind, int number)
{
    struct thing *thing = malloc(sizeof *thing);
    *thing = (struct thing){kind, number};
    vendor.n_open++;
    return thing;
}

static cublasStatus_t destroy_thing(void *thing)
{
    free(thing);
    vendor.n_open--;
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t lt_create(cublasLtHandle_t *handle)
{
    *handle = (void *)&vendor;
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t desc_create(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute, cudaDataType scale)
{
    memset(vendor.desc, 0, sizeof vendor.desc);
    memset(vendor.layouts, 0, sizeof vendor.layouts);
    memset(vendor.preference, 0, sizeof vendor.preference);
    n_layouts = 0;
    vendor.compute_type = (int)compute;
    vendor.scale_type = (int)scale;
    *desc = make(0, 0);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t desc_set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t name, const void *data,
                               size_t n_bytes)
{
    (void)desc;
    if ((unsigned)name >= 64)
        return CUBLAS_STATUS_INVALID_VALUE;
    vendor.desc[(int)name].n_bytes = n_bytes;
    memcpy(vendor.desc[(int)name].bytes, data, n_bytes);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t desc_destroy(cublasLtMatmulDesc_t desc)
{
    return destroy_thing(desc);
}

static cublasStatus_t layout_create(cublasLtMatrixLayout_t *layout, cudaDataType type, uint64_t rows, uint64_t columns,
                                    int64_t ld)
{
    const uint64_t values[] = {(uint64_t)type, 0, rows, columns, (uint64_t)ld};
    for (int i = 0; i < 5; i++) {
        vendor.layouts[n_layouts][i].n_bytes = 8;
        memcpy(vendor.layouts[n_layouts][i].bytes, &values[i], 8);
    }
    *layout = make(1, n_layouts++);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t layout_set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t name, const void *data,
                                 size_t n_bytes)
{
    int number = ((struct thing *)(void *)layout)->number;
    if ((unsigned)name >= 16)
        return CUBLAS_STATUS_INVALID_VALUE;
    vendor.layouts[number][(int)name].n_bytes = n_bytes;
    memcpy(vendor.layouts[number][(int)name].bytes, data, n_bytes);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t layout_destroy(cublasLtMatrixLayout_t layout)
{
    return destroy_thing(layout);
}

static cublasStatus_t preference_create(cublasLtMatmulPreference_t *preference)
{
    *preference = make(2, 0);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t preference_set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t name,
                                     const void *data, size_t n_bytes)
{
    (void)preference;
    if ((unsigned)name >= 16)
        return CUBLAS_STATUS_INVALID_VALUE;
    vendor.preference[(int)name].n_bytes = n_bytes;
    memcpy(vendor.preference[(int)name].bytes, data, n_bytes);
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t preference_destroy(cublasLtMatmulPreference_t preference)
{
    return destroy_thing(preference);
}

/* Two algorithms whose blobs say which they are, or fewer when fewer are asked for. */
static cublasStatus_t heuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                                cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                cublasLtMatmulPreference_t preference, int requested,
                                cublasLtMatmulHeuristicResult_t *results, int *n)
{
    (void)handle, (void)desc, (void)a, (void)b, (void)c, (void)d, (void)preference;
    vendor.n_heuristics++;
    if (fails(FAKE_LT_HEURISTIC))
        return (cublasStatus_t)vendor.fail_status;
    *n = requested < 2 ? requested : 2;
    for (int i = 0; i < *n; i++) {
        memset(&results[i], 0x40 + i, sizeof results[i].algo);
        results[i].workspaceSize = 1000u * (unsigned)(i + 1);
        results[i].state = CUBLAS_STATUS_SUCCESS;
        results[i].wavesCount = 0.5f;
    }
    return CUBLAS_STATUS_SUCCESS;
}

static cublasStatus_t matmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,
                             cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout,
                             const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                             cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace,
                             size_t n_bytes, cudaStream_t stream)
{
    (void)handle, (void)desc, (void)a_layout, (void)b, (void)b_layout, (void)c, (void)c_layout, (void)d_layout;
    if (fails(FAKE_MATMUL))
        return (cublasStatus_t)vendor.fail_status;
    vendor.n_matmuls++;
    int mode;
    memcpy(&mode, vendor.desc[2].bytes, sizeof mode);
    vendor.alpha_at = alpha;
    if (mode == 0 && vendor.scale_type == CUDA_R_32F) {
        vendor.alpha = *(const float *)alpha;
        vendor.beta = *(const float *)beta;
    } else if (mode == 0) {
        vendor.alpha = *(const double *)alpha;
        vendor.beta = *(const double *)beta;
    }
    vendor.a = a;
    vendor.d = d;
    vendor.algo_given = algo != NULL;
    if (algo)
        memcpy(vendor.algo, algo, sizeof vendor.algo);
    vendor.workspace = workspace;
    vendor.workspace_bytes = n_bytes;
    vendor.stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

/* cuDNN's backend: a descriptor keeps its attributes' bytes. */

struct descriptor {
    int type, config;
    bool finalized;
    struct {
        int name, type;
        int64_t count;
        uint8_t bytes[512];
    } attributes[16];
    int n_attributes;
};

static size_t bytes_of(int type)
{
    return rrto_cudnn_element_bytes((uint32_t)type);
}

static cudnnStatus_t backend_create(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *descriptor)
{
    struct descriptor *made = calloc(1, sizeof *made);
    made->type = (int)type;
    vendor.n_descriptors++;
    *descriptor = made;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t backend_destroy(cudnnBackendDescriptor_t descriptor)
{
    free(descriptor);
    vendor.n_descriptors--;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t backend_set(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                 cudnnBackendAttributeType_t type, int64_t count, const void *data)
{
    struct descriptor *target = descriptor;
    if (target->finalized || target->n_attributes == 16 || (size_t)count * bytes_of((int)type) > 512)
        return CUDNN_STATUS_BAD_PARAM;
    int at = target->n_attributes++;
    target->attributes[at].name = (int)name;
    target->attributes[at].type = (int)type;
    target->attributes[at].count = count;
    memcpy(target->attributes[at].bytes, data, (size_t)count * bytes_of((int)type));
    if ((int)type == RRTO_CUDNN_TYPE_DESCRIPTOR)
        for (int64_t i = 0; i < count; i++)
            if (!((struct descriptor *const *)data)[i]->finalized)
                return CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED;
    return CUDNN_STATUS_SUCCESS;
}

static const void *attribute(const struct descriptor *descriptor, int name, int64_t *ret_count)
{
    for (int i = 0; i < descriptor->n_attributes; i++)
        if (descriptor->attributes[i].name == name) {
            *ret_count = descriptor->attributes[i].count;
            return descriptor->attributes[i].bytes;
        }
    *ret_count = 0;
    return NULL;
}

static cudnnStatus_t backend_finalize(cudnnBackendDescriptor_t descriptor)
{
    struct descriptor *target = descriptor;
    if ((target->type == RRTO_CUDNN_ENGINEHEUR && fails(FAKE_HEURISTIC)) ||
        (target->type == RRTO_CUDNN_EXECUTION_PLAN && fails(FAKE_PLAN)) ||
        (target->type == RRTO_CUDNN_ENGINE && fails(FAKE_ENGINE)))
        return (cudnnStatus_t)vendor.fail_status;
    vendor.n_plans += target->type == RRTO_CUDNN_EXECUTION_PLAN;
    vendor.n_finalized_graphs += target->type == RRTO_CUDNN_OPERATIONGRAPH;
    target->finalized = true;
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t give(int64_t *count, int64_t requested, void *to, const void *from, int64_t n,
                          size_t element_bytes)
{
    *count = n;
    if (to && n > 0)
        memcpy(to, from, (size_t)(n < requested ? n : requested) * element_bytes);
    return CUDNN_STATUS_SUCCESS;
}

/* A heuristic knows two configurations: engine 7, with one note, and engine 9, with two knobs. */
static cudnnStatus_t backend_get(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                 cudnnBackendAttributeType_t type, int64_t requested, int64_t *count, void *data)
{
    (void)type;
    const struct descriptor *source = descriptor;
    struct descriptor *const *slots = data;
    int64_t n, index = source->config == 2 ? 9 : 7;
    const int64_t *own;
    switch ((int)name) {
    case RRTO_CUDNN_ENGINEHEUR_RESULTS:
        *count = 2;
        for (int64_t i = 0; data && i < 2 && i < requested; i++) {
            slots[i]->config = (int)i + 1;
            slots[i]->finalized = true;
        }
        return CUDNN_STATUS_SUCCESS;
    case RRTO_CUDNN_ENGINECFG_ENGINE:
        *count = 1;
        slots[0]->config = source->config;
        slots[0]->finalized = true;
        if (attribute(source, RRTO_CUDNN_ENGINECFG_ENGINE, &n)) { /* made by the application */
            const struct descriptor *engine =
                *(struct descriptor *const *)attribute(source, RRTO_CUDNN_ENGINECFG_ENGINE, &n);
            *slots[0] = *engine;
        }
        return CUDNN_STATUS_SUCCESS;
    case RRTO_CUDNN_ENGINE_INDEX:
        own = attribute(source, RRTO_CUDNN_ENGINE_INDEX, &n);
        return give(count, requested, data, own ? own : &index, 1, 8);
    case RRTO_CUDNN_ENGINE_NUMERICAL_NOTE:
        return give(count, requested, data, (const int32_t[]){RRTO_CUDNN_TYPE_FLOAT}, source->config == 1, 4);
    case RRTO_CUDNN_ENGINE_BEHAVIOR_NOTE:
        return give(count, requested, data, NULL, 0, 4);
    case RRTO_CUDNN_ENGINECFG_KNOB_CHOICES:
        *count = source->config == 2 ? 2 : 0;
        for (int64_t i = 0; data && i < *count && i < requested; i++)
            slots[i]->config = 100 + (int)i;
        return CUDNN_STATUS_SUCCESS;
    case RRTO_CUDNN_KNOB_CHOICE_TYPE:
        return give(count, requested, data, &(int32_t){source->config - 100 + 2}, 1, 4);
    case RRTO_CUDNN_KNOB_CHOICE_VALUE:
        return give(count, requested, data, &(int64_t){source->config * 10}, 1, 8);
    case RRTO_CUDNN_PLAN_WORKSPACE_SIZE:
        return give(count, requested, data, &(int64_t){4096}, 1, 8);
    default:
        return CUDNN_STATUS_NOT_SUPPORTED;
    }
}

static cudnnStatus_t backend_execute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack)
{
    (void)handle;
    const struct descriptor *variables = pack;
    int64_t n = 0;
    if (!((struct descriptor *)plan)->finalized || !variables->finalized)
        return CUDNN_STATUS_BAD_PARAM;
    vendor.n_executes++;
    const void *uids = attribute(variables, RRTO_CUDNN_PACK_UNIQUE_IDS, &n);
    const void *pointers = attribute(variables, RRTO_CUDNN_PACK_POINTERS, &vendor.n_pointers);
    memcpy(vendor.uids, uids, 8 * (size_t)n);
    memcpy(vendor.pointers, pointers, 8 * (size_t)vendor.n_pointers);
    memcpy(&vendor.plan_workspace, attribute(variables, RRTO_CUDNN_PACK_WORKSPACE, &n), 8);
    for (int64_t i = 0; i < vendor.n_pointers; i++) /* a test marks what it passes by value with uid 99 */
        if (vendor.uids[i] == 99)
            memcpy(&vendor.by_value, vendor.pointers[i], sizeof vendor.by_value);
    return CUDNN_STATUS_SUCCESS;
}

/* cuDNN's values: only tensors and activations, counted. */

static cudnnStatus_t tensor_create(cudnnTensorDescriptor_t *tensor)
{
    vendor.n_values++;
    *tensor = calloc(1, 64);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t tensor_set(cudnnTensorDescriptor_t tensor, cudnnDataType_t type, int n, const int *dims,
                                const int *strides)
{
    int *copy = (void *)tensor;
    copy[0] = (int)type;
    copy[1] = n;
    copy[2] = dims[n - 1];
    copy[3] = strides[0];
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t tensor_destroy(cudnnTensorDescriptor_t tensor)
{
    vendor.n_values--;
    free(tensor);
    return CUDNN_STATUS_SUCCESS;
}

void vendor_reset(void)
{
    memset(&vendor, 0, sizeof vendor);
    vendor.table = (struct rrto_vendor){
        .cublasSetStream_v2 = set_stream,
        .cublasSetWorkspace_v2 = set_workspace,
        .cublasSetPointerMode_v2 = set_pointer_mode,
        .cublasSetMathMode = set_math_mode,
        .cublasLtCreate = lt_create,
        .cublasLtMatmulDescCreate = desc_create,
        .cublasLtMatmulDescSetAttribute = desc_set,
        .cublasLtMatmulDescDestroy = desc_destroy,
        .cublasLtMatrixLayoutCreate = layout_create,
        .cublasLtMatrixLayoutSetAttribute = layout_set,
        .cublasLtMatrixLayoutDestroy = layout_destroy,
        .cublasLtMatmulPreferenceCreate = preference_create,
        .cublasLtMatmulPreferenceSetAttribute = preference_set,
        .cublasLtMatmulPreferenceDestroy = preference_destroy,
        .cublasLtMatmulAlgoGetHeuristic = heuristic,
        .cublasLtMatmul = matmul,
        .cudnnBackendCreateDescriptor = backend_create,
        .cudnnBackendDestroyDescriptor = backend_destroy,
        .cudnnBackendSetAttribute = backend_set,
        .cudnnBackendGetAttribute = backend_get,
        .cudnnBackendFinalize = backend_finalize,
        .cudnnBackendExecute = backend_execute,
        .cudnnCreateTensorDescriptor = tensor_create,
        .cudnnSetTensorNdDescriptor = tensor_set,
        .cudnnDestroyTensorDescriptor = tensor_destroy,
    };
}
