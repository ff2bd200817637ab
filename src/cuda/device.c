/* SPDX-License-Identifier: Apache-2.0 */
/* Device queries. */
#include "cuda/device.h"

#include "base/status.h"
#include "cuda/error.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Attributes that are 0 whatever the server's GPU can do: each names something that needs shared memory between the
 * application and the GPU, or that the client does not offer (docs/limits.md). */
static const uint8_t refused_attributes[] = {
    RRTO_DEVICE_CAN_MAP_HOST,
    RRTO_DEVICE_MANAGED_MEMORY,
    RRTO_DEVICE_HOST_ATOMICS,
    RRTO_DEVICE_PAGEABLE_ACCESS,
    RRTO_DEVICE_CONCURRENT_MANAGED,
    RRTO_DEVICE_HOST_POINTER_FOR_REGISTERED,
    92, /* stream memory operations, first version */
    93, /* 64-bit stream memory operations, first version */
    94, /* wait-value with NOR, first version */
    96, /* cooperative launches over several devices */
    98, /* flush of remote writes */
    RRTO_DEVICE_PAGEABLE_HOST_TABLES,
    RRTO_DEVICE_DIRECT_MANAGED_FROM_HOST,
    102, /* virtual memory management */
    103, /* memory handles as file descriptors */
    104, /* as Win32 handles */
    105, /* as KMT handles */
    107, /* compressible memory */
    110, /* GPUDirect RDMA with virtual memory handles */
    RRTO_DEVICE_SPARSE_ARRAY,
    113, /* registering host memory read-only */
    114, /* timeline semaphores */
    116, /* GPUDirect RDMA */
    117, /* its flush options */
    118, /* its write ordering */
    119, /* memory pools: handle types */
    121, /* deferred mapping of arrays */
    122, /* 64-bit stream memory operations */
    123, /* wait-value with NOR */
    124, /* dma-buf */
    125, /* events between processes */
    128, /* memory handles over a fabric */
    132, /* multicast objects */
};

int32_t rrto_device_value(const struct rrto_device_info *device, int32_t attribute)
{
    if (attribute <= 0 || attribute >= RRTO_DEVICE_ATTRIBUTES)
        return 0;
    for (size_t i = 0; i < sizeof refused_attributes; i++) {
        if (refused_attributes[i] == attribute)
            return 0;
    }
    switch (attribute) {
    case RRTO_DEVICE_UNIFIED_ADDRESSING:
    case RRTO_DEVICE_HOST_REGISTER:
    case RRTO_DEVICE_MEMORY_POOLS:
        return 1; /* the client's own work */
    default:
        return device->attributes[attribute];
    }
}

int32_t rrto_device_attribute(int32_t attribute, int32_t *ret_value)
{
    const struct rrto_device_info *device = rrto_session_device();
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    if (!ret_value || attribute <= 0 || attribute >= RRTO_DEVICE_ATTRIBUTES)
        return RRTO_CUDA_INVALID_VALUE;
    *ret_value = rrto_device_value(device, attribute);
    return RRTO_CUDA_SUCCESS;
}

uint32_t rrto_device_capability(const struct rrto_device_info *device)
{
    return (uint32_t)(device->attributes[RRTO_DEVICE_CAPABILITY_MAJOR] * 10 +
                      device->attributes[RRTO_DEVICE_CAPABILITY_MINOR]);
}

bool rrto_device_pci_text(const struct rrto_device_info *device, char *text, int32_t n)
{
    char all[32];
    static const char digits[] = "0123456789abcdef";
    uint32_t domain = (uint32_t)device->attributes[RRTO_DEVICE_PCI_DOMAIN];
    uint32_t bus = (uint32_t)device->attributes[RRTO_DEVICE_PCI_BUS];
    uint32_t slot = (uint32_t)device->attributes[RRTO_DEVICE_PCI_DEVICE];
    memcpy(all, "0000:00:00.0", 13);
    for (int i = 0; i < 4; i++)
        all[i] = digits[domain >> (12 - 4 * i) & 15];
    all[5] = digits[bus >> 4 & 15];
    all[6] = digits[bus & 15];
    all[8] = digits[slot >> 4 & 15];
    all[9] = digits[slot & 15];
    if (!text || n < 13)
        return false;
    memcpy(text, all, 13);
    return true;
}

int32_t rrto_device_by_pci_text(const char *text, int *ret_device)
{
    const struct rrto_device_info *device = rrto_session_device();
    char ours[16];
    if (!device)
        return rrto_cuda_issued(RRTO_LOST);
    rrto_device_pci_text(device, ours, sizeof ours);
    /* The domain and the function may be left out. */
    if (strcasecmp(text, ours) != 0 && strcasecmp(text, ours + 5) != 0 && strncasecmp(text, ours + 5, 5) != 0)
        return RRTO_CUDA_INVALID_DEVICE;
    *ret_device = 0;
    return RRTO_CUDA_SUCCESS;
}
