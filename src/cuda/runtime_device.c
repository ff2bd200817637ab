/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's device, version and error calls: local answers. */
#include "cuda/context.h"
#include "cuda/device.h"
#include "cuda/error.h"
#include "cuda/limits.h"
#include "cuda/stream.h"
#include "cuda/thread.h"
#include "gen/client_bodies.h"
#include "replay/issue.h"

#include "base/status.h"

#include <string.h>

_Static_assert(sizeof(cudaDeviceProp) == 1008, "cudaDeviceProp of CUDA 13 has 1008 bytes");

static cudaError_t check_device(int device)
{
    return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t rrto_client_cudaGetLastError(void)
{
    struct rrto_cuda_thread *thread = rrto_cuda_thread();
    int32_t sticky = rrto_cuda_sticky();
    if (sticky)
        return (cudaError_t)sticky;
    int32_t error = thread->last_error;
    thread->last_error = RRTO_CUDA_SUCCESS;
    return (cudaError_t)error;
}

cudaError_t rrto_client_cudaPeekAtLastError(void)
{
    int32_t sticky = rrto_cuda_sticky();
    return (cudaError_t)(sticky ? sticky : rrto_cuda_thread()->last_error);
}

const char *rrto_client_cudaGetErrorName(cudaError_t error)
{
    const char *name = rrto_cuda_error_name((int32_t)error);
    return name ? name : "unrecognized error code";
}

const char *rrto_client_cudaGetErrorString(cudaError_t error)
{
    const char *text = rrto_cuda_error_text((int32_t)error);
    return text ? text : "unrecognized error code";
}

cudaError_t rrto_client_cudaDriverGetVersion(int *version)
{
    const struct rrto_device_info *device = rrto_session_device();
    if (!version)
        return cudaErrorInvalidValue;
    if (!device)
        return (cudaError_t)rrto_cuda_issued(RRTO_LOST);
    *version = device->driver_version;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaRuntimeGetVersion(int *version)
{
    if (!version)
        return cudaErrorInvalidValue;
    *version = RRTO_RUNTIME_VERSION;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaGetDevice(int *device)
{
    if (!device)
        return cudaErrorInvalidValue;
    *device = 0;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaSetDevice(int device)
{
    cudaError_t result = check_device(device);
    return result ? result : (cudaError_t)rrto_context_use();
}

cudaError_t rrto_client_cudaInitDevice(int device, unsigned int device_flags, unsigned int flags)
{
    (void)device_flags;
    (void)flags;
    cudaError_t result = check_device(device);
    return result ? result : (cudaError_t)rrto_context_use();
}

cudaError_t rrto_client_cudaGetDeviceCount(int *count)
{
    if (!count)
        return cudaErrorInvalidValue;
    *count = 0;
    if (!rrto_session_device())
        return (cudaError_t)rrto_cuda_issued(RRTO_LOST);
    *count = 1;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device)
{
    cudaError_t result = check_device(device);
    return result ? result : (cudaError_t)rrto_device_attribute((int32_t)attribute, value);
}

/* Which field of the properties is which attribute. */
#define PROPERTY_LIST(X)                                                                                               \
    X(sharedMemPerBlock, 8)                                                                                            \
    X(regsPerBlock, 12)                                                                                                \
    X(warpSize, 10)                                                                                                    \
    X(memPitch, 11)                                                                                                    \
    X(maxThreadsPerBlock, 1)                                                                                           \
    X(maxThreadsDim[0], 2)                                                                                             \
    X(maxThreadsDim[1], 3)                                                                                             \
    X(maxThreadsDim[2], 4)                                                                                             \
    X(maxGridSize[0], 5)                                                                                               \
    X(maxGridSize[1], 6)                                                                                               \
    X(maxGridSize[2], 7)                                                                                               \
    X(totalConstMem, 9)                                                                                                \
    X(major, 75)                                                                                                       \
    X(minor, 76)                                                                                                       \
    X(textureAlignment, 14)                                                                                            \
    X(texturePitchAlignment, 51)                                                                                       \
    X(multiProcessorCount, 16)                                                                                         \
    X(integrated, 18)                                                                                                  \
    X(canMapHostMemory, 19)                                                                                            \
    X(maxTexture1D, 21)                                                                                                \
    X(maxTexture1DMipmap, 77)                                                                                          \
    X(maxTexture2D[0], 22)                                                                                             \
    X(maxTexture2D[1], 23)                                                                                             \
    X(maxTexture2DMipmap[0], 73)                                                                                       \
    X(maxTexture2DMipmap[1], 74)                                                                                       \
    X(maxTexture2DLinear[0], 70)                                                                                       \
    X(maxTexture2DLinear[1], 71)                                                                                       \
    X(maxTexture2DLinear[2], 72)                                                                                       \
    X(maxTexture2DGather[0], 45)                                                                                       \
    X(maxTexture2DGather[1], 46)                                                                                       \
    X(maxTexture3D[0], 24)                                                                                             \
    X(maxTexture3D[1], 25)                                                                                             \
    X(maxTexture3D[2], 26)                                                                                             \
    X(maxTexture3DAlt[0], 47)                                                                                          \
    X(maxTexture3DAlt[1], 48)                                                                                          \
    X(maxTexture3DAlt[2], 49)                                                                                          \
    X(maxTextureCubemap, 52)                                                                                           \
    X(maxTexture1DLayered[0], 42)                                                                                      \
    X(maxTexture1DLayered[1], 43)                                                                                      \
    X(maxTexture2DLayered[0], 27)                                                                                      \
    X(maxTexture2DLayered[1], 28)                                                                                      \
    X(maxTexture2DLayered[2], 29)                                                                                      \
    X(maxTextureCubemapLayered[0], 53)                                                                                 \
    X(maxTextureCubemapLayered[1], 54)                                                                                 \
    X(maxSurface1D, 55)                                                                                                \
    X(maxSurface2D[0], 56)                                                                                             \
    X(maxSurface2D[1], 57)                                                                                             \
    X(maxSurface3D[0], 58)                                                                                             \
    X(maxSurface3D[1], 59)                                                                                             \
    X(maxSurface3D[2], 60)                                                                                             \
    X(maxSurface1DLayered[0], 61)                                                                                      \
    X(maxSurface1DLayered[1], 62)                                                                                      \
    X(maxSurface2DLayered[0], 63)                                                                                      \
    X(maxSurface2DLayered[1], 64)                                                                                      \
    X(maxSurface2DLayered[2], 65)                                                                                      \
    X(maxSurfaceCubemap, 66)                                                                                           \
    X(maxSurfaceCubemapLayered[0], 67)                                                                                 \
    X(maxSurfaceCubemapLayered[1], 68)                                                                                 \
    X(surfaceAlignment, 30)                                                                                            \
    X(concurrentKernels, 31)                                                                                           \
    X(ECCEnabled, 32)                                                                                                  \
    X(pciBusID, 33)                                                                                                    \
    X(pciDeviceID, 34)                                                                                                 \
    X(pciDomainID, 50)                                                                                                 \
    X(tccDriver, 35)                                                                                                   \
    X(asyncEngineCount, 40)                                                                                            \
    X(unifiedAddressing, 41)                                                                                           \
    X(memoryBusWidth, 37)                                                                                              \
    X(l2CacheSize, 38)                                                                                                 \
    X(persistingL2CacheMaxSize, 108)                                                                                   \
    X(maxThreadsPerMultiProcessor, 39)                                                                                 \
    X(streamPrioritiesSupported, 78)                                                                                   \
    X(globalL1CacheSupported, 79)                                                                                      \
    X(localL1CacheSupported, 80)                                                                                       \
    X(sharedMemPerMultiprocessor, 81)                                                                                  \
    X(regsPerMultiprocessor, 82)                                                                                       \
    X(managedMemory, 83)                                                                                               \
    X(isMultiGpuBoard, 84)                                                                                             \
    X(multiGpuBoardGroupID, 85)                                                                                        \
    X(hostNativeAtomicSupported, 86)                                                                                   \
    X(pageableMemoryAccess, 88)                                                                                        \
    X(concurrentManagedAccess, 89)                                                                                     \
    X(computePreemptionSupported, 90)                                                                                  \
    X(canUseHostPointerForRegisteredMem, 91)                                                                           \
    X(cooperativeLaunch, 95)                                                                                           \
    X(sharedMemPerBlockOptin, 97)                                                                                      \
    X(pageableMemoryAccessUsesHostPageTables, 100)                                                                     \
    X(directManagedMemAccessFromHost, 101)                                                                             \
    X(maxBlocksPerMultiProcessor, 106)                                                                                 \
    X(accessPolicyMaxWindowSize, 109)                                                                                  \
    X(reservedSharedMemPerBlock, 111)                                                                                  \
    X(hostRegisterSupported, 99)                                                                                       \
    X(sparseCudaArraySupported, 112)                                                                                   \
    X(hostRegisterReadOnlySupported, 113)                                                                              \
    X(timelineSemaphoreInteropSupported, 114)                                                                          \
    X(memoryPoolsSupported, 115)                                                                                       \
    X(gpuDirectRDMASupported, 116)                                                                                     \
    X(gpuDirectRDMAFlushWritesOptions, 117)                                                                            \
    X(gpuDirectRDMAWritesOrdering, 118)                                                                                \
    X(memoryPoolSupportedHandleTypes, 119)                                                                             \
    X(deferredMappingCudaArraySupported, 121)                                                                          \
    X(ipcEventSupported, 125)                                                                                          \
    X(clusterLaunch, 120)                                                                                              \
    X(unifiedFunctionPointers, 129)                                                                                    \
    X(deviceNumaConfig, 130)                                                                                           \
    X(deviceNumaId, 131)                                                                                               \
    X(mpsEnabled, 133)                                                                                                 \
    X(hostNumaId, 134)                                                                                                 \
    X(gpuPciDeviceID, 139)                                                                                             \
    X(gpuPciSubsystemID, 140)                                                                                          \
    X(hostNumaMultinodeIpcSupported, 143)

cudaError_t rrto_client_cudaGetDeviceProperties(cudaDeviceProp *properties, int ordinal)
{
    if (!properties)
        return cudaErrorInvalidValue;
    cudaError_t result = check_device(ordinal);
    if (result)
        return result;
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return (cudaError_t)rrto_cuda_issued(RRTO_LOST);
    memset(properties, 0, sizeof *properties);
    memcpy(properties->name, device->name, sizeof properties->name);
    properties->name[sizeof properties->name - 1] = 0;
    memcpy(&properties->uuid, device->uuid, sizeof properties->uuid);
    properties->totalGlobalMem = device->total_memory;
#define X(field, attribute) properties->field = (__typeof__(properties->field))rrto_device_value(device, attribute);
    PROPERTY_LIST(X)
#undef X
    return cudaSuccess;
}

cudaError_t rrto_client_cudaDeviceGetPCIBusId(char *text, int n, int ordinal)
{
    cudaError_t result = check_device(ordinal);
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return (cudaError_t)rrto_cuda_issued(RRTO_LOST);
    if (!result && !rrto_device_pci_text(device, text, n))
        result = cudaErrorInvalidValue;
    return result;
}

cudaError_t rrto_client_cudaDeviceGetByPCIBusId(int *device, const char *text)
{
    if (!device || !text)
        return cudaErrorInvalidValue;
    return (cudaError_t)rrto_device_by_pci_text(text, device);
}

cudaError_t rrto_client_cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    return (cudaError_t)rrto_limits_priorities(least, greatest);
}

cudaError_t rrto_client_cudaDeviceCanAccessPeer(int *can, int device, int peer)
{
    if (!can)
        return cudaErrorInvalidValue;
    if (device != 0 || peer != 0)
        return cudaErrorInvalidDevice;
    *can = 0;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaDeviceGetP2PAttribute(int *value, cudaDeviceP2PAttr attribute, int source, int destination)
{
    (void)attribute;
    (void)source;
    (void)destination;
    return value ? cudaErrorInvalidDevice : cudaErrorInvalidValue; /* there are no two devices */
}

cudaError_t rrto_client_cudaDeviceGetLimit(size_t *value, cudaLimit limit)
{
    return (cudaError_t)rrto_limits_get((int32_t)limit, value);
}

cudaError_t rrto_client_cudaDeviceSetLimit(cudaLimit limit, size_t value)
{
    return (cudaError_t)rrto_limits_set((int32_t)limit, value);
}

cudaError_t rrto_client_cudaDeviceGetCacheConfig(cudaFuncCache *config)
{
    if (!config)
        return cudaErrorInvalidValue;
    *config = (cudaFuncCache)rrto_limits_cache_config();
    return cudaSuccess;
}

cudaError_t rrto_client_cudaDeviceSetCacheConfig(cudaFuncCache config)
{
    return (cudaError_t)rrto_limits_set_cache_config((int32_t)config);
}

cudaError_t rrto_client_cudaGetDeviceFlags(unsigned int *flags)
{
    bool active;
    if (!flags)
        return cudaErrorInvalidValue;
    rrto_context_primary_state(flags, &active);
    return cudaSuccess;
}

cudaError_t rrto_client_cudaSetDeviceFlags(unsigned int flags)
{
    return (cudaError_t)rrto_context_primary_set_flags(flags);
}

cudaError_t rrto_client_cudaSetValidDevices(int *devices, int n)
{
    for (int i = 0; i < n; i++) {
        if (!devices)
            return cudaErrorInvalidValue;
        if (devices[i] != 0)
            return cudaErrorInvalidDevice;
    }
    return cudaSuccess;
}

cudaError_t rrto_client_cudaChooseDevice(int *device, const cudaDeviceProp *wanted)
{
    if (!device || !wanted)
        return cudaErrorInvalidValue;
    *device = 0;
    return cudaSuccess;
}

cudaError_t rrto_client_cudaDeviceSynchronize(void)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result : rrto_device_synchronize());
}

/* Waits; what was allocated stays (docs/limits.md). */
cudaError_t rrto_client_cudaDeviceReset(void)
{
    bool active;
    uint32_t flags;
    rrto_context_primary_state(&flags, &active);
    int32_t result = active ? rrto_device_synchronize() : RRTO_CUDA_SUCCESS;
    if (!result)
        rrto_context_primary_reset();
    return (cudaError_t)result;
}
