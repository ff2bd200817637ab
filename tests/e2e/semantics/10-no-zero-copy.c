/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that host and device share is not there, and nothing says that it were.
 *
 * Rule: 10
 * Seen to fail: the soft driver claims canMapHostMemory: wrong on the soft driver; the other ways, where the client
 * refuses the attribute whatever the device says, differ from it. */
#include "driver.h"

int main(void)
{
    static const struct {
        const char *name;
        CUdevice_attribute number;
    } attributes[] = {{"canMapHostMemory", CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY},
                      {"managedMemory", CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY},
                      {"concurrentManagedAccess", CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS},
                      {"pageableMemoryAccess", CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS}};
    start();
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        int value = -1;
        OK(cuDeviceGetAttribute(&value, attributes[i].number, 0));
        check(attributes[i].name, value == 0);
    }
    CUdeviceptr address = 0;
    void *pinned = pinned_floats(1000);
    check("no device address of host memory",
          cuMemHostGetDevicePointer_v2(&address, pinned, 0) == CUDA_ERROR_NOT_SUPPORTED);
    unsigned type = 0;
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)(uintptr_t)pinned));
    check("page-locked memory is host memory", type == CU_MEMORYTYPE_HOST);
    return wrong;
}
