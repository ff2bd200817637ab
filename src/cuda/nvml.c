/* SPDX-License-Identifier: Apache-2.0 */
/* NVML: the device as the session describes it. Memory figures are this process's own share; sensors are not offered.
 */
#include "cuda/arena.h"
#include "cuda/device.h"
#include "gen/client_bodies.h"

#include <string.h>
#include <strings.h>

enum { UUID_TEXT_BYTES = 41 };

static char the_device;

static nvmlReturn_t open_device(const struct rrto_device_info **ret_device)
{
    *ret_device = rrto_session_device();
    return *ret_device ? NVML_SUCCESS : NVML_ERROR_GPU_IS_LOST;
}

static nvmlReturn_t check(nvmlDevice_t handle, const struct rrto_device_info **ret_device)
{
    return (void *)handle == &the_device ? open_device(ret_device) : NVML_ERROR_INVALID_ARGUMENT;
}

static nvmlReturn_t put_text(char *to, unsigned int n, const char *text)
{
    size_t length = strlen(text);
    if (!to)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (length >= n)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(to, text, length + 1);
    return NVML_SUCCESS;
}

/* "major.minor" of a CUDA version number; the session knows no other number of the server's driver. */
static void version_text(int32_t version, char text[16])
{
    uint32_t parts[2] = {(uint32_t)version / 1000, (uint32_t)version % 1000 / 10};
    size_t at = 0;
    for (int i = 0; i < 2; i++) {
        char digits[8];
        int n = 0;
        do
            digits[n++] = (char)('0' + parts[i] % 10);
        while ((parts[i] /= 10) && n < 3);
        while (n)
            text[at++] = digits[--n];
        text[at++] = i ? 0 : '.';
    }
}

static void uuid_text(const struct rrto_device_info *device, char text[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 4;
    memcpy(text, "GPU-", 4);
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[device->uuid[i] >> 4];
        text[at++] = digits[device->uuid[i] & 15];
    }
    text[at] = 0;
}

nvmlReturn_t rrto_client_nvmlInit_v2(void)
{
    const struct rrto_device_info *device;
    return open_device(&device);
}

nvmlReturn_t rrto_client_nvmlInit(void)
{
    return rrto_client_nvmlInit_v2();
}

nvmlReturn_t rrto_client_nvmlInitWithFlags(unsigned int flags)
{
    (void)flags;
    return rrto_client_nvmlInit_v2();
}

nvmlReturn_t rrto_client_nvmlShutdown(void)
{
    return NVML_SUCCESS;
}

const char *rrto_client_nvmlErrorString(nvmlReturn_t result)
{
    switch (result) {
    case NVML_SUCCESS:
        return "Success";
    case NVML_ERROR_UNINITIALIZED:
        return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT:
        return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED:
        return "Not Supported";
    case NVML_ERROR_NOT_FOUND:
        return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE:
        return "Insufficient Size";
    case NVML_ERROR_GPU_IS_LOST:
        return "GPU is lost";
    default:
        return "Unknown Error";
    }
}

nvmlReturn_t rrto_client_nvmlSystemGetDriverVersion(char *version, unsigned int n)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = open_device(&device);
    if (result)
        return result;
    char text[16];
    version_text(device->driver_version, text);
    return put_text(version, n, text);
}

nvmlReturn_t rrto_client_nvmlSystemGetNVMLVersion(char *version, unsigned int n)
{
    return rrto_client_nvmlSystemGetDriverVersion(version, n);
}

nvmlReturn_t rrto_client_nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = version ? open_device(&device) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *version = device->driver_version;
    return result;
}

nvmlReturn_t rrto_client_nvmlSystemGetCudaDriverVersion(int *version)
{
    return rrto_client_nvmlSystemGetCudaDriverVersion_v2(version);
}

nvmlReturn_t rrto_client_nvmlDeviceGetCount_v2(unsigned int *count)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = count ? open_device(&device) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *count = 1;
    return result;
}

nvmlReturn_t rrto_client_nvmlDeviceGetCount(unsigned int *count)
{
    return rrto_client_nvmlDeviceGetCount_v2(count);
}

nvmlReturn_t rrto_client_nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *handle)
{
    const struct rrto_device_info *device;
    if (!handle || index != 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    *handle = (nvmlDevice_t)(void *)&the_device;
    return open_device(&device);
}

nvmlReturn_t rrto_client_nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *handle)
{
    return rrto_client_nvmlDeviceGetHandleByIndex_v2(index, handle);
}

nvmlReturn_t rrto_client_nvmlDeviceGetHandleByPciBusId_v2(const char *text, nvmlDevice_t *handle)
{
    const struct rrto_device_info *device;
    char ours[16];
    if (!text || !handle)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = open_device(&device);
    if (result)
        return result;
    /* NVML writes the domain with eight digits, CUDA with four: compare from the bus on. */
    rrto_device_pci_text(device, ours, sizeof ours);
    const char *bus = strchr(text, ':');
    if (!bus || strcasecmp(bus, ours + 4) != 0)
        return NVML_ERROR_NOT_FOUND;
    *handle = (nvmlDevice_t)(void *)&the_device;
    return NVML_SUCCESS;
}

nvmlReturn_t rrto_client_nvmlDeviceGetHandleByPciBusId(const char *text, nvmlDevice_t *handle)
{
    return rrto_client_nvmlDeviceGetHandleByPciBusId_v2(text, handle);
}

nvmlReturn_t rrto_client_nvmlDeviceGetHandleByUUID(const char *text, nvmlDevice_t *handle)
{
    const struct rrto_device_info *device;
    char ours[UUID_TEXT_BYTES];
    if (!text || !handle)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = open_device(&device);
    if (result)
        return result;
    uuid_text(device, ours);
    if (strcasecmp(text, ours) != 0)
        return NVML_ERROR_NOT_FOUND;
    *handle = (nvmlDevice_t)(void *)&the_device;
    return NVML_SUCCESS;
}

nvmlReturn_t rrto_client_nvmlDeviceGetName(nvmlDevice_t handle, char *name, unsigned int n)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = check(handle, &device);
    return result ? result : put_text(name, n, device->name);
}

nvmlReturn_t rrto_client_nvmlDeviceGetUUID(nvmlDevice_t handle, char *uuid, unsigned int n)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = check(handle, &device);
    if (result)
        return result;
    char text[UUID_TEXT_BYTES];
    uuid_text(device, text);
    return put_text(uuid, n, text);
}

nvmlReturn_t rrto_client_nvmlDeviceGetIndex(nvmlDevice_t handle, unsigned int *index)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = index ? check(handle, &device) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *index = 0;
    return result;
}

nvmlReturn_t rrto_client_nvmlDeviceGetMinorNumber(nvmlDevice_t handle, unsigned int *number)
{
    return rrto_client_nvmlDeviceGetIndex(handle, number);
}

nvmlReturn_t rrto_client_nvmlDeviceGetPciInfo_v3(nvmlDevice_t handle, nvmlPciInfo_t *pci)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = pci ? check(handle, &device) : NVML_ERROR_INVALID_ARGUMENT;
    if (result)
        return result;
    memset(pci, 0, sizeof *pci);
    pci->domain = (unsigned int)rrto_device_value(device, RRTO_DEVICE_PCI_DOMAIN);
    pci->bus = (unsigned int)rrto_device_value(device, RRTO_DEVICE_PCI_BUS);
    pci->device = (unsigned int)rrto_device_value(device, RRTO_DEVICE_PCI_DEVICE);
    rrto_device_pci_text(device, pci->busIdLegacy, sizeof pci->busIdLegacy);
    memcpy(pci->busId, "0000", 4);
    rrto_device_pci_text(device, pci->busId + 4, sizeof pci->busId - 4);
    return NVML_SUCCESS;
}

static nvmlReturn_t memory_of(nvmlDevice_t handle, uint64_t *ret_free, uint64_t *ret_total)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = check(handle, &device);
    if (result)
        return result;
    return rrto_arena_info(ret_free, ret_total) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

nvmlReturn_t rrto_client_nvmlDeviceGetMemoryInfo(nvmlDevice_t handle, nvmlMemory_t *memory)
{
    uint64_t available, total;
    nvmlReturn_t result = memory ? memory_of(handle, &available, &total) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *memory = (nvmlMemory_t){.total = total, .free = available, .used = total - available};
    return result;
}

nvmlReturn_t rrto_client_nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t handle, nvmlMemory_v2_t *memory)
{
    uint64_t available, total;
    nvmlReturn_t result = memory ? memory_of(handle, &available, &total) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *memory =
            (nvmlMemory_v2_t){.version = memory->version, .total = total, .free = available, .used = total - available};
    return result;
}

nvmlReturn_t rrto_client_nvmlDeviceGetUtilizationRates(nvmlDevice_t handle, nvmlUtilization_t *utilization)
{
    (void)handle;
    (void)utilization;
    return NVML_ERROR_NOT_SUPPORTED;
}

nvmlReturn_t rrto_client_nvmlDeviceGetCudaComputeCapability(nvmlDevice_t handle, int *major, int *minor)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = major && minor ? check(handle, &device) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result) {
        *major = rrto_device_value(device, RRTO_DEVICE_CAPABILITY_MAJOR);
        *minor = rrto_device_value(device, RRTO_DEVICE_CAPABILITY_MINOR);
    }
    return result;
}

nvmlReturn_t rrto_client_nvmlDeviceGetComputeMode(nvmlDevice_t handle, nvmlComputeMode_t *mode)
{
    const struct rrto_device_info *device;
    nvmlReturn_t result = mode ? check(handle, &device) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *mode = (nvmlComputeMode_t)rrto_device_value(device, RRTO_DEVICE_COMPUTE_MODE);
    return result;
}

/* Other clients of the server are none of this process's business. */
nvmlReturn_t rrto_client_nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t handle, unsigned int *count,
                                                                 nvmlProcessInfo_t *infos)
{
    const struct rrto_device_info *device;
    (void)infos;
    nvmlReturn_t result = count ? check(handle, &device) : NVML_ERROR_INVALID_ARGUMENT;
    if (!result)
        *count = 0;
    return result;
}

nvmlReturn_t rrto_client_nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t handle, unsigned int *count,
                                                              nvmlProcessInfo_t *infos)
{
    return rrto_client_nvmlDeviceGetComputeRunningProcesses_v3(handle, count, infos);
}
