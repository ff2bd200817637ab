/* SPDX-License-Identifier: Apache-2.0 */
/* cuBLASLt on the server: builds the vendor's descriptors from their wire form (src/api/custom/cublaslt_wire.h), asks,
 * multiplies. */
#include "gen/ops.h"
#include "gen/server_bodies.h"
#include "gen/vendor.h"
#include "worker.h"

#include "api/custom/cublaslt_wire.h"
#include "base/status.h"

#include <stdlib.h>

enum { SUCCESS = 0, ALLOC_FAILED = 3, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };

_Static_assert(sizeof(cublasLtMatmulHeuristicResult_t) == RRTO_CUBLASLT_RESULT_BYTES, "results travel as they are");
_Static_assert(sizeof(cublasLtMatmulAlgo_t) == RRTO_CUBLASLT_ALGO_BYTES, "algorithms travel as they are");

/* The heuristic looks at how an address is aligned, never at what is there: any address of that alignment does. */
static const uint64_t somewhere = 0x100000000000u;

/* One context for the session; the executor is its only thread. */
static cublasLtHandle_t lt_handle;

static bool have_functions(const struct rrto_vendor *vendor)
{
    return vendor->cublasLtCreate && vendor->cublasLtMatmulDescCreate && vendor->cublasLtMatmulDescSetAttribute &&
           vendor->cublasLtMatmulDescDestroy && vendor->cublasLtMatrixLayoutCreate &&
           vendor->cublasLtMatrixLayoutSetAttribute && vendor->cublasLtMatrixLayoutDestroy &&
           vendor->cublasLtMatmulPreferenceCreate && vendor->cublasLtMatmulPreferenceSetAttribute &&
           vendor->cublasLtMatmulPreferenceDestroy && vendor->cublasLtMatmulAlgoGetHeuristic && vendor->cublasLtMatmul;
}

static int32_t open_handle(const struct rrto_vendor *vendor)
{
    if (!have_functions(vendor))
        return NOT_SUPPORTED;
    return lt_handle ? SUCCESS : (int32_t)vendor->cublasLtCreate(&lt_handle);
}

/* The vendor's descriptors of one problem. */
struct problem {
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t layouts[4]; /* A, B, C, D */
    cublasLtMatmulPreference_t preference;
};

static void close_problem(const struct rrto_vendor *vendor, struct problem *problem)
{
    if (problem->desc)
        vendor->cublasLtMatmulDescDestroy(problem->desc);
    for (size_t i = 0; i < 4; i++)
        if (problem->layouts[i])
            vendor->cublasLtMatrixLayoutDestroy(problem->layouts[i]);
    if (problem->preference)
        vendor->cublasLtMatmulPreferenceDestroy(problem->preference);
}

struct blob {
    const uint8_t *bytes;
    uint32_t n_bytes;
};

/* addresses NULL: any address of the right alignment. */
static int32_t build_desc(const struct rrto_vendor *vendor, struct blob blob, const uint64_t *addresses,
                          uint32_t n_addresses, cublasLtMatmulDesc_t *ret_desc)
{
    int32_t status = (int32_t)vendor->cublasLtMatmulDescCreate(
        ret_desc,
        (cublasComputeType_t)rrto_cublaslt_integer(blob.bytes, blob.n_bytes, RRTO_CUBLASLT_DESC_COMPUTE_TYPE, -1),
        (cudaDataType_t)rrto_cublaslt_integer(blob.bytes, blob.n_bytes, RRTO_CUBLASLT_DESC_SCALE_TYPE, -1));
    const uint8_t *at = blob.bytes, *end = at + blob.n_bytes;
    struct rrto_cublaslt_run run;
    bool bad = false;
    uint32_t n_used = 0;
    while (status == SUCCESS && rrto_cublaslt_next_run(&at, end, &run, &bad)) {
        if (run.attribute <= RRTO_CUBLASLT_DESC_SCALE_TYPE)
            continue;
        if (run.attribute == RRTO_CUBLASLT_DESC_EMULATION) /* would be a pointer of the peer's choice */
            return RRTO_INVALID;
        uint8_t value[RRTO_CUBLASLT_MAX_VALUE];
        size_t n_bytes = run.n_bytes;
        memcpy(value, run.value, n_bytes);
        if (rrto_cublaslt_is_address(run.attribute)) {
            uint32_t alignment;
            if (n_bytes != sizeof alignment || (addresses && n_used == n_addresses))
                return RRTO_INVALID;
            memcpy(&alignment, run.value, sizeof alignment);
            uint64_t address = addresses ? addresses[n_used] : somewhere + (alignment & 0x1ff);
            n_used++;
            memcpy(value, &address, sizeof address);
            n_bytes = sizeof address;
        }
        status = (int32_t)vendor->cublasLtMatmulDescSetAttribute(
            *ret_desc, (cublasLtMatmulDescAttributes_t)run.attribute, value, n_bytes);
    }
    return bad || (status == SUCCESS && addresses && n_used != n_addresses) ? RRTO_INVALID : status;
}

static int32_t build_layout(const struct rrto_vendor *vendor, struct blob blob, cublasLtMatrixLayout_t *ret_layout)
{
    int32_t status = (int32_t)vendor->cublasLtMatrixLayoutCreate(
        ret_layout, (cudaDataType)rrto_cublaslt_integer(blob.bytes, blob.n_bytes, RRTO_CUBLASLT_LAYOUT_TYPE, -1),
        (uint64_t)rrto_cublaslt_integer(blob.bytes, blob.n_bytes, RRTO_CUBLASLT_LAYOUT_ROWS, 0),
        (uint64_t)rrto_cublaslt_integer(blob.bytes, blob.n_bytes, RRTO_CUBLASLT_LAYOUT_COLUMNS, 0),
        rrto_cublaslt_integer(blob.bytes, blob.n_bytes, RRTO_CUBLASLT_LAYOUT_LD, 0));
    const uint8_t *at = blob.bytes, *end = at + blob.n_bytes;
    struct rrto_cublaslt_run run;
    bool bad = false;
    while (status == SUCCESS && rrto_cublaslt_next_run(&at, end, &run, &bad)) {
        if (run.attribute == RRTO_CUBLASLT_LAYOUT_TYPE ||
            (run.attribute >= RRTO_CUBLASLT_LAYOUT_ROWS && run.attribute <= RRTO_CUBLASLT_LAYOUT_LD))
            continue;
        uint8_t value[RRTO_CUBLASLT_MAX_VALUE];
        memcpy(value, run.value, run.n_bytes);
        status = (int32_t)vendor->cublasLtMatrixLayoutSetAttribute(
            *ret_layout, (cublasLtMatrixLayoutAttribute_t)run.attribute, value, run.n_bytes);
    }
    return bad ? RRTO_INVALID : status;
}

static int32_t build_preference(const struct rrto_vendor *vendor, struct blob blob,
                                cublasLtMatmulPreference_t *ret_preference)
{
    int32_t status = (int32_t)vendor->cublasLtMatmulPreferenceCreate(ret_preference);
    const uint8_t *at = blob.bytes, *end = at + blob.n_bytes;
    struct rrto_cublaslt_run run;
    bool bad = false;
    while (status == SUCCESS && rrto_cublaslt_next_run(&at, end, &run, &bad)) {
        if (run.attribute == RRTO_CUBLASLT_PREFERENCE_SEARCH_MODE) /* would read results that the peer did not send */
            return RRTO_INVALID;
        uint8_t value[RRTO_CUBLASLT_MAX_VALUE];
        memcpy(value, run.value, run.n_bytes);
        status = (int32_t)vendor->cublasLtMatmulPreferenceSetAttribute(
            *ret_preference, (cublasLtMatmulPreferenceAttributes_t)run.attribute, value, run.n_bytes);
    }
    return bad ? RRTO_INVALID : status;
}

static int32_t build_layouts(const struct rrto_vendor *vendor, const struct blob blobs[4], struct problem *problem)
{
    int32_t status = SUCCESS;
    for (size_t i = 0; status == SUCCESS && i < 4; i++)
        status = build_layout(vendor, blobs[i], &problem->layouts[i]);
    return status;
}

int32_t rrto_server_cublaslt_heuristic(struct rrto_exec *exec, const struct rrto_args_cublaslt_heuristic *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    int32_t status = open_handle(vendor);
    if (status != SUCCESS)
        return status;
    if (args->requested <= 0 || args->requested > RRTO_CUBLASLT_MAX_RESULTS)
        return RRTO_INVALID;
    struct problem problem = {0};
    const struct blob layouts[4] = {
        {args->a, args->n_a}, {args->b, args->n_b}, {args->c, args->n_c}, {args->d, args->n_d}};
    cublasLtMatmulHeuristicResult_t *results = calloc((size_t)args->requested, sizeof *results);
    status =
        results ? build_desc(vendor, (struct blob){args->desc, args->n_desc}, NULL, 0, &problem.desc) : ALLOC_FAILED;
    if (status == SUCCESS)
        status = build_layouts(vendor, layouts, &problem);
    if (status == SUCCESS)
        status = build_preference(vendor, (struct blob){args->preference, args->n_preference}, &problem.preference);
    int n = 0;
    if (status == SUCCESS)
        status = (int32_t)vendor->cublasLtMatmulAlgoGetHeuristic(
            lt_handle, problem.desc, problem.layouts[0], problem.layouts[1], problem.layouts[2], problem.layouts[3],
            problem.preference, args->requested, results, &n);
    if (status == SUCCESS && n >= 0 && n <= args->requested) {
        struct rrto_reply_cublaslt_heuristic reply = {.results = (const uint8_t *)results,
                                                      .n_results = (uint32_t)n * RRTO_CUBLASLT_RESULT_BYTES};
        rrto_pack_reply_cublaslt_heuristic(&exec->reply, &reply);
    }
    close_problem(vendor, &problem);
    free(results);
    return status;
}

int32_t rrto_server_cublaslt_matmul(struct rrto_exec *exec, const struct rrto_args_cublaslt_matmul *args)
{
    const struct rrto_vendor *vendor = rrto_worker_vendor(exec->worker);
    int32_t status = open_handle(vendor);
    if (status != SUCCESS)
        return status;
    bool stream_ok;
    cudaStream_t stream = rrto_objects_get(exec->worker, RRTO_KIND_stream, args->stream, &stream_ok);
    const uint64_t addresses[] = {args->a, args->b, args->c, args->d, args->alpha_address, args->beta_address};
    bool addresses_ok = rrto_worker_address_ok(exec->worker, args->workspace, args->workspace_bytes);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        addresses_ok &= rrto_worker_address_ok(exec->worker, addresses[i], 1);
    for (uint32_t i = 0; i < args->n_desc_addresses; i++)
        addresses_ok &= rrto_worker_address_ok(exec->worker, args->desc_addresses[i], 1);
    int64_t mode = rrto_cublaslt_integer(args->desc, args->n_desc, RRTO_CUBLASLT_DESC_POINTER_MODE, RRTO_CUBLASLT_HOST);
    if (!stream_ok || !addresses_ok || (args->n_algo != 0 && args->n_algo != RRTO_CUBLASLT_ALGO_BYTES) || mode < 0 ||
        mode >= RRTO_CUBLASLT_POINTER_MODES)
        return RRTO_INVALID;
    uint64_t alpha_value[2] = {args->alpha_low, args->alpha_high}, beta_value[2] = {args->beta_low, args->beta_high};
    const void *alpha = mode == RRTO_CUBLASLT_HOST ? alpha_value : (const void *)(uintptr_t)args->alpha_address;
    const void *beta = mode == RRTO_CUBLASLT_DEVICE || mode == RRTO_CUBLASLT_DEVICE_VECTOR
                           ? (const void *)(uintptr_t)args->beta_address
                           : beta_value;
    cublasLtMatmulAlgo_t algo;
    if (args->n_algo)
        memcpy(&algo, args->algo, sizeof algo);
    struct problem problem = {0};
    const struct blob layouts[4] = {{args->a_layout, args->n_a_layout},
                                    {args->b_layout, args->n_b_layout},
                                    {args->c_layout, args->n_c_layout},
                                    {args->d_layout, args->n_d_layout}};
    static const uint64_t no_address;
    status =
        build_desc(vendor, (struct blob){args->desc, args->n_desc},
                   args->n_desc_addresses ? args->desc_addresses : &no_address, args->n_desc_addresses, &problem.desc);
    if (status == SUCCESS)
        status = build_layouts(vendor, layouts, &problem);
    if (status == SUCCESS)
        status = (int32_t)vendor->cublasLtMatmul(
            lt_handle, problem.desc, alpha, (const void *)(uintptr_t)args->a, problem.layouts[0],
            (const void *)(uintptr_t)args->b, problem.layouts[1], beta, (const void *)(uintptr_t)args->c,
            problem.layouts[2], (void *)(uintptr_t)args->d, problem.layouts[3], args->n_algo ? &algo : NULL,
            (void *)(uintptr_t)args->workspace, args->workspace_bytes, stream);
    close_problem(vendor, &problem);
    return status;
}
