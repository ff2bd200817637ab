/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz target: everything that src/fatbin does with untrusted bytes. */
#include "fatbin/fatbin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct rrto_fatbin_entry entry;
    if (rrto_fatbin_select(data, n, 80, &entry) == RRTO_OK) {
        struct rrto_buf mini;
        rrto_buf_init(&mini, 1 << 20);
        (void)rrto_fatbin_build(&entry, &mini);
        rrto_buf_fini(&mini);
        if (entry.n_uncompressed > 1 << 24)
            return 0; /* the caller's limit, not ours: allocating a gigabyte per input would only slow the search */
    }
    size_t cursor = 0;
    while (rrto_fatbin_next(data, n, &cursor, &entry) == RRTO_OK)
        if (entry.n_uncompressed > 1 << 24)
            return 0;
    struct rrto_module_image *module;
    if (rrto_module_parse_data(data, n, true, &module) == RRTO_OK) {
        for (uint32_t i = 0; i < module->n_kernels; i++)
            if (!rrto_module_kernel(module, module->kernels[i].name))
                __builtin_trap();
        rrto_module_destroy(module);
    }
    return 0;
}
