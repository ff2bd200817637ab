/* SPDX-License-Identifier: Apache-2.0 */
/* The controls of the tests. SOFT_GPU_FLIP=TEXT flips one bit of what each launch of a kernel whose name contains TEXT
 * has written: a comparison of results that does not notice is worth nothing. SOFT_GPU_REFUSE=TEXT:N makes the N-th
 * launch of such a kernel fail as one for which the driver finds no memory. */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PLACES = 16, MAX_BYTES = 4096 };

/* The start of what a pointer in the parameter block points to, as it was before the launch. */
struct soft_flip {
    unsigned n_places;
    struct {
        uint8_t *at;
        size_t n_bytes;
        uint8_t before[MAX_BYTES];
    } places[MAX_PLACES];
};

bool soft_refuses(const struct rrto_kernel_image *image)
{
    static unsigned long n_launches;
    const char *wanted = getenv("SOFT_GPU_REFUSE"), *colon = wanted ? strrchr(wanted, ':') : NULL;
    char text[200];
    if (!colon || (size_t)(colon - wanted) >= sizeof text)
        return false;
    memcpy(text, wanted, (size_t)(colon - wanted));
    text[colon - wanted] = '\0';
    return strstr(image->name, text) &&
           __atomic_add_fetch(&n_launches, 1, __ATOMIC_RELAXED) == strtoul(colon + 1, NULL, 10);
}

struct soft_flip *soft_flip_begin(const struct rrto_kernel_image *image, const uint8_t *params)
{
    const char *wanted = getenv("SOFT_GPU_FLIP");
    if (!wanted || !*wanted || !strstr(image->name, wanted))
        return NULL;
    struct soft_flip *flip = calloc(1, sizeof *flip);
    for (uint32_t offset = 0; flip && offset + 8 <= image->param_bytes && flip->n_places < MAX_PLACES; offset += 8) {
        CUdeviceptr address, base;
        size_t n_bytes;
        memcpy(&address, params + offset, sizeof address);
        if (cuMemGetAddressRange_v2(&base, &n_bytes, address) != CUDA_SUCCESS)
            continue; /* a number, not an address */
        size_t left = (size_t)(base + n_bytes - address);
        flip->places[flip->n_places].at = (uint8_t *)(uintptr_t)address;
        flip->places[flip->n_places].n_bytes = left < MAX_BYTES ? left : MAX_BYTES;
        memcpy(flip->places[flip->n_places].before, (const void *)(uintptr_t)address,
               flip->places[flip->n_places].n_bytes);
        flip->n_places++;
    }
    return flip;
}

/* The lowest bit of the first 32-bit word that has changed: the last place of a float. */
void soft_flip_end(struct soft_flip *flip, const struct rrto_kernel_image *image)
{
    bool done = false;
    for (unsigned i = 0; flip && i < flip->n_places && !done; i++) {
        for (size_t at = 0; at + 4 <= flip->places[i].n_bytes && !done; at += 4) {
            if (memcmp(flip->places[i].at + at, flip->places[i].before + at, 4) != 0) {
                flip->places[i].at[at] ^= 1;
                soft_complain("soft GPU: flipped a bit of what %.200s wrote", image->name);
                done = true;
            }
        }
    }
    free(flip);
}
