/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the soft driver share. Device memory is host memory; everything is executed at the call, in the
 * order of the calls, so a stream is always idle when a call returns; unless scheduler.h is switched on. */
#ifndef SOFT_DRIVER_DRIVER_H
#define SOFT_DRIVER_DRIVER_H

#include "gen/api_driver.h"
#include "kernels/kernels.h"

#include <stdbool.h>
#include <stdint.h>

#define SOFT_EXPORT __attribute__((visibility("default")))

enum { SOFT_GRANULARITY = 2 << 20 };

/* Handles are checked by a word at their start: an application's mistake becomes an error code where that is possible.
 */
enum soft_magic { SOFT_CONTEXT = 0x50C0C0DE, SOFT_STREAM, SOFT_EVENT, SOFT_MODULE, SOFT_FUNCTION };

struct CUctx_st {
    enum soft_magic magic;
    unsigned int flags;
    unsigned long long id;
};
struct CUstream_st {
    enum soft_magic magic;
    unsigned int flags;
    int priority;
    unsigned long long id;
    struct soft_queue *queue; /* scheduler.h; NULL while it is off */
};
struct CUevent_st {
    enum soft_magic magic;
    unsigned int flags;
    bool recorded;
    uint64_t time_ns;
    struct soft_op *mark; /* where it was recorded; NULL while the scheduler is off */
};
struct CUfunc_st {
    enum soft_magic magic;
    CUmodule module;
    const struct rrto_kernel_image *image;
    struct kernel_body *body;
    int max_dynamic_bytes, carveout;
    struct CUfunc_st *next; /* in the module's list */
};

/* 80 for compute capability 8.0; SOFT_GPU_CAPABILITY overrides it (tests). */
unsigned soft_capability(void);
/* The attribute's value; false for an unknown one. */
bool soft_attribute(int attribute, int *ret_value);
uint64_t soft_total_bytes(void);
/* CUDA_SUCCESS when the driver is initialised, the thread has a context and the device has not failed. */
CUresult soft_ready(void);
CUcontext soft_current(void);
bool soft_stream_ok(CUstream stream);
/* For the variants that are generated: from now on, for the calling thread, a NULL stream is its own one (on) or the
 * legacy one. Returns what it was. */
bool soft_per_thread(bool on);
/* The stream, or which of the default streams NULL means: the legacy one (1) or the per-thread one (2). */
CUstream soft_stream_meant(CUstream stream);
uint64_t soft_now_ns(void);
/* What the driver knows of an address range: page-locked host memory, device memory, or neither. */
enum soft_memory { SOFT_PAGEABLE, SOFT_PINNED, SOFT_DEVICE };
enum soft_memory soft_memory_kind(uint64_t address, uint64_t n_bytes);
/* Memory for a module's variables, and its end. */
CUdeviceptr soft_memory_alloc(size_t n_bytes);
bool soft_memory_free(CUdeviceptr address);
/* The tests' controls (flip.c): around the run of a kernel; NULL when nothing is to be flipped. */
struct soft_flip;
struct soft_flip *soft_flip_begin(const struct rrto_kernel_image *image, const uint8_t *params);
void soft_flip_end(struct soft_flip *flip, const struct rrto_kernel_image *image);
/* Whether this launch is to fail at its call. */
bool soft_refuses(const struct rrto_kernel_image *image);
/* What a kernel prints (fd 1), or says of an assertion (fd 2), and the moment at which it comes out (print.c). Any
 * thread. */
void soft_print(int fd, const char *text, size_t n);
void soft_print_flush(void);
/* One line on stderr, at most 1,000 bytes. */
void soft_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
