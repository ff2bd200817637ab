/* SPDX-License-Identifier: Apache-2.0 */
/* What an application may ask about the device, answered from what the server said when the session began. */
#ifndef RRTO_CUDA_DEVICE_H
#define RRTO_CUDA_DEVICE_H

#include "replay/issue.h"

#include <stdbool.h>
#include <stdint.h>

/* Numbers of CUdevice_attribute (and cudaDeviceAttr, which are the same) that the client itself needs. */
enum rrto_device_attribute {
    RRTO_DEVICE_MAX_THREADS_PER_BLOCK = 1,
    RRTO_DEVICE_MAX_BLOCK_X = 2, /* y, z follow */
    RRTO_DEVICE_MAX_GRID_X = 5,  /* y, z follow */
    RRTO_DEVICE_MAX_SHARED_PER_BLOCK = 8,
    RRTO_DEVICE_TOTAL_CONSTANT = 9,
    RRTO_DEVICE_WARP_SIZE = 10,
    RRTO_DEVICE_MAX_PITCH = 11,
    RRTO_DEVICE_MAX_REGISTERS_PER_BLOCK = 12,
    RRTO_DEVICE_CLOCK_RATE = 13,
    RRTO_DEVICE_TEXTURE_ALIGNMENT = 14,
    RRTO_DEVICE_MULTIPROCESSORS = 16,
    RRTO_DEVICE_KERNEL_TIMEOUT = 17,
    RRTO_DEVICE_INTEGRATED = 18,
    RRTO_DEVICE_CAN_MAP_HOST = 19,
    RRTO_DEVICE_COMPUTE_MODE = 20,
    RRTO_DEVICE_SURFACE_ALIGNMENT = 30,
    RRTO_DEVICE_CONCURRENT_KERNELS = 31,
    RRTO_DEVICE_ECC = 32,
    RRTO_DEVICE_PCI_BUS = 33,
    RRTO_DEVICE_PCI_DEVICE = 34,
    RRTO_DEVICE_TCC = 35,
    RRTO_DEVICE_MEMORY_CLOCK = 36,
    RRTO_DEVICE_BUS_WIDTH = 37,
    RRTO_DEVICE_L2_CACHE = 38,
    RRTO_DEVICE_MAX_THREADS_PER_MULTIPROCESSOR = 39,
    RRTO_DEVICE_ASYNC_ENGINES = 40,
    RRTO_DEVICE_UNIFIED_ADDRESSING = 41,
    RRTO_DEVICE_PCI_DOMAIN = 50,
    RRTO_DEVICE_TEXTURE_PITCH_ALIGNMENT = 51,
    RRTO_DEVICE_CAPABILITY_MAJOR = 75,
    RRTO_DEVICE_CAPABILITY_MINOR = 76,
    RRTO_DEVICE_STREAM_PRIORITIES = 78,
    RRTO_DEVICE_GLOBAL_L1 = 79,
    RRTO_DEVICE_LOCAL_L1 = 80,
    RRTO_DEVICE_SHARED_PER_MULTIPROCESSOR = 81,
    RRTO_DEVICE_REGISTERS_PER_MULTIPROCESSOR = 82,
    RRTO_DEVICE_MANAGED_MEMORY = 83,
    RRTO_DEVICE_MULTI_GPU_BOARD = 84,
    RRTO_DEVICE_MULTI_GPU_BOARD_GROUP = 85,
    RRTO_DEVICE_HOST_ATOMICS = 86,
    RRTO_DEVICE_SINGLE_TO_DOUBLE = 87,
    RRTO_DEVICE_PAGEABLE_ACCESS = 88,
    RRTO_DEVICE_CONCURRENT_MANAGED = 89,
    RRTO_DEVICE_COMPUTE_PREEMPTION = 90,
    RRTO_DEVICE_HOST_POINTER_FOR_REGISTERED = 91,
    RRTO_DEVICE_COOPERATIVE_LAUNCH = 95,
    RRTO_DEVICE_MAX_SHARED_OPTIN = 97,
    RRTO_DEVICE_HOST_REGISTER = 99,
    RRTO_DEVICE_PAGEABLE_HOST_TABLES = 100,
    RRTO_DEVICE_DIRECT_MANAGED_FROM_HOST = 101,
    RRTO_DEVICE_MAX_BLOCKS_PER_MULTIPROCESSOR = 106,
    RRTO_DEVICE_MAX_PERSISTING_L2 = 108,
    RRTO_DEVICE_MAX_ACCESS_POLICY_WINDOW = 109,
    RRTO_DEVICE_RESERVED_SHARED = 111,
    RRTO_DEVICE_SPARSE_ARRAY = 112,
    RRTO_DEVICE_MEMORY_POOLS = 115,
    RRTO_DEVICE_CLUSTER_LAUNCH = 120,
    RRTO_DEVICE_ATTRIBUTES = 192,
};

/* The value that applications are told: the server's, or 0 for what cannot work over a link (host memory that kernels
 * reach, managed memory, virtual memory handles, export to other processes). Returns a CUDA error; connects. */
int32_t rrto_device_attribute(int32_t attribute, int32_t *ret_value);
/* The same with a device at hand: 0 for an attribute that it does not have. */
int32_t rrto_device_value(const struct rrto_device_info *device, int32_t attribute);
/* 80 for compute capability 8.0. */
uint32_t rrto_device_capability(const struct rrto_device_info *device);
/* "0000:3b:00.0" into a buffer of n bytes; false when it does not fit. */
bool rrto_device_pci_text(const struct rrto_device_info *device, char *text, int32_t n);
/* The device of that text; RRTO_CUDA_INVALID_DEVICE for another one. Connects. */
int32_t rrto_device_by_pci_text(const char *text, int *ret_device);
/* The runtime version that the client implements: 13000. */
enum { RRTO_RUNTIME_VERSION = 13000 };

#endif
