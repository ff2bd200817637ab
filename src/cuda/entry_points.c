/* SPDX-License-Identifier: Apache-2.0 */
/* Driver functions by name: cuGetProcAddress and the runtime's cudaGetDriverEntryPointByVersion. Which function a name
 * means at a version stands in src/api/driver.api. */
#include "api/entry.h"
#include "cuda/device.h"
#include "cuda/stream.h"
#include "gen/client_bodies.h"

#include <string.h>

enum { FLAG_PER_THREAD = 2, FLAGS = 3 };
enum outcome { FOUND, NOT_FOUND, TOO_OLD };

static enum outcome find(const char *symbol, int version, uint64_t flags, void **ret_function)
{
    /* Without either flag, the caller's own way: asked by a runtime call's per-thread variant, it is the per-thread one
     * (for cuGetProcAddress the header of the toolkit sets the flag). */
    bool per_thread = flags ? flags & FLAG_PER_THREAD : rrto_stream_is_per_thread();
    bool known = false;
    void (*function)(void) = rrto_entry_find_driver(symbol, version, per_thread, &known);
    memcpy(ret_function, &function, sizeof function);
    return function ? FOUND : known ? TOO_OLD : NOT_FOUND;
}

CUresult rrto_client_cuGetProcAddress_v2(const char *symbol, void **function, int version, cuuint64_t flags,
                                         CUdriverProcAddressQueryResult *status)
{
    if (!symbol || !function || flags & ~(cuuint64_t)FLAGS)
        return CUDA_ERROR_INVALID_VALUE;
    enum outcome outcome = find(symbol, version, flags, function);
    if (status)
        *status = outcome == FOUND     ? CU_GET_PROC_ADDRESS_SUCCESS
                  : outcome == TOO_OLD ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                                       : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return outcome == FOUND || status ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND; /* who asks why is told there */
}

CUresult rrto_client_cuGetProcAddress(const char *symbol, void **function, int version, cuuint64_t flags)
{
    return rrto_client_cuGetProcAddress_v2(symbol, function, version, flags, NULL);
}

/* Succeeds with a NULL pointer and a status when there is no such function, as the runtime does. */
cudaError_t rrto_client_cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned int version,
                                                         unsigned long long flags,
                                                         cudaDriverEntryPointQueryResult *status)
{
    if (!symbol || !function || flags & ~(unsigned long long)FLAGS)
        return cudaErrorInvalidValue;
    enum outcome outcome = find(symbol, (int)version, flags, function);
    if (status)
        *status = outcome == FOUND     ? cudaDriverEntryPointSuccess
                  : outcome == TOO_OLD ? cudaDriverEntryPointVersionNotSufficent
                                       : cudaDriverEntryPointSymbolNotFound;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaGetDriverEntryPoint(const char *symbol, void **function, unsigned long long flags,
                                                cudaDriverEntryPointQueryResult *status)
{
    return rrto_client_cudaGetDriverEntryPointByVersion(symbol, function, RRTO_RUNTIME_VERSION, flags, status);
}

/* Undocumented tables that a statically linked runtime asks for: none, which is what stops such a program at its start.
 */
CUresult rrto_client_cuGetExportTable(const void **table, const CUuuid *id)
{
    if (!table || !id)
        return CUDA_ERROR_INVALID_VALUE;
    *table = NULL;
    return CUDA_ERROR_NOT_FOUND;
}

cudaError_t rrto_client_cudaGetExportTable(const void **table, const cudaUUID_t *id)
{
    if (!table || !id)
        return cudaErrorInvalidValue;
    *table = NULL;
    return cudaErrorUnknown;
}
