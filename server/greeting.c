/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a session: the device is opened, the arena agreed on, the client told what it has got. */
#include "base/log.h"
#include "base/status.h"
#include "base/version.h"
#include "gen/vendor.h"
#include "replay/coded.h"
#include "session.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

enum { HELLO_TIMEOUT_MS = 30000, ATTRIBUTE_PAGEABLE_ACCESS = 88 };
#define RESERVE_BYTES ((uint64_t)768 << 20) /* of a real GPU: for modules, cuBLAS and cuDNN */
#define SOFT_MAX_BYTES ((uint64_t)8 << 30)

static int answer_hello(struct rrto_worker *worker)
{
    struct rrto_hello_answer answer = {.major = RRTO_WIRE_MAJOR, .minor = RRTO_WIRE_MINOR};
    uint8_t bytes[RRTO_HELLO_BYTES];
    rrto_hello_answer_encode(bytes, &answer);
    return rrto_conn_write(&worker->conn, bytes, sizeof bytes, HELLO_TIMEOUT_MS);
}

static void refuse(struct rrto_worker *worker, int status, const char *why)
{
    struct rrto_control *control = calloc(1, sizeof *control);
    rrto_error("%s", why);
    if (!control)
        return;
    control->kind = RRTO_CONTROL_REFUSAL;
    control->refusal.status = status;
    snprintf(control->refusal.text, sizeof control->refusal.text, "%s", why);
    (void)rrto_control_send(&worker->conn, control, HELLO_TIMEOUT_MS);
    free(control);
}

/* --- the device
 * ---------------------------------------------------------------------------------------------------------------- */

static int open_device(struct rrto_worker *worker, char *why, size_t n_why)
{
    const char *device = worker->plain ? "soft" : worker->options.device;
    int status = rrto_driver_load(&worker->driver, device, worker->options.libraries, &worker->device, why, n_why);
    if (status != RRTO_OK)
        return status;
    int error = worker->driver.cuDevicePrimaryCtxRetain(&worker->context, worker->device);
    if (error == RRTO_CU_SUCCESS)
        error = worker->driver.cuCtxSetCurrent(worker->context);
    if (error == RRTO_CU_SUCCESS)
        return RRTO_OK;
    char text[200];
    rrto_driver_describe(&worker->driver, error, text, sizeof text);
    snprintf(why, n_why, "the GPU cannot be used: %s", text);
    return RRTO_REFUSED;
}

/* cuBLAS and cuDNN: what is missing answers "not supported" later. */
static void load_libraries(struct rrto_worker *worker)
{
    static const struct {
        enum rrto_library library;
        const char *soname;
    } libraries[] = {{RRTO_LIBRARY_cublaslt, "libcublasLt.so.13"},
                     {RRTO_LIBRARY_cublas, "libcublas.so.13"},
                     {RRTO_LIBRARY_cudnn, "libcudnn.so.9"}};
    const char *missing = NULL;
    unsigned n_missing = rrto_vendor_load(worker->vendor, RRTO_LIBRARY_driver, worker->driver.library, &missing);
    if (n_missing)
        rrto_debug("the driver lacks %u described functions, such as %s", n_missing, missing);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        char why[400] = "", path[4200];
        void *handle = NULL;
        if (!worker->driver.soft) {
            handle = rrto_driver_open(libraries[i].soname, worker->options.libraries, why, sizeof why);
        } else if (rrto_driver_soft_folder(path, 4096)) {
            snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", libraries[i].soname);
            handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
            if (!handle)
                snprintf(why, sizeof why, "%.300s", dlerror());
        }
        if (!handle) {
            rrto_info("programs that need %s will not run: %s", libraries[i].soname, why);
            continue;
        }
        missing = NULL;
        n_missing = rrto_vendor_load(worker->vendor, libraries[i].library, handle, &missing);
        if (n_missing)
            rrto_debug("%s lacks %u described functions, such as %s", libraries[i].soname, n_missing, missing);
    }
}

/* --- the welcome
 * --------------------------------------------------------------------------------------------------------------- */

static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = rrto_mix64(hash + (uint8_t)*text);
    return hash;
}

/* What memoised answers depend on: device, driver, library builds, and whether results are real. */
static uint64_t fingerprint(const struct rrto_worker *worker, const struct rrto_control_welcome *welcome)
{
    uint64_t hash = mix_text(1, welcome->device_name);
    const uint64_t numbers[] = {(uint64_t)welcome->driver_version, welcome->cublas_version, welcome->cublaslt_version,
                                welcome->cudnn_version, welcome->soft};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        hash = rrto_mix64(hash + numbers[i]);
    for (size_t i = 0; i < RRTO_CONTROL_N_ATTRIBUTES; i++)
        hash = rrto_mix64(hash + (uint64_t)(int64_t)welcome->attributes[i]);
    hash = mix_text(hash, welcome->compute);
    return worker->driver.soft ? mix_text(hash, rrto_build_id()) : hash;
}

static void describe_device(struct rrto_worker *worker, struct rrto_control_welcome *welcome)
{
    const struct rrto_driver *driver = &worker->driver;
    const struct rrto_vendor *vendor = worker->vendor;
    (void)driver->cuDeviceGetName(welcome->device_name, sizeof welcome->device_name - 1, worker->device);
    if (driver->cuDeviceGetUuid_v2)
        (void)driver->cuDeviceGetUuid_v2(welcome->uuid, worker->device);
    for (int i = 1; i < RRTO_CONTROL_N_ATTRIBUTES; i++) {
        if (driver->cuDeviceGetAttribute(&welcome->attributes[i], i, worker->device) != RRTO_CU_SUCCESS)
            welcome->attributes[i] = 0;
    }
    (void)driver->cuDriverGetVersion(&welcome->driver_version);
    if (vendor->cublasGetProperty) {
        int major = 0, minor = 0, patch = 0;
        (void)vendor->cublasGetProperty(MAJOR_VERSION, &major);
        (void)vendor->cublasGetProperty(MINOR_VERSION, &minor);
        (void)vendor->cublasGetProperty(PATCH_LEVEL, &patch);
        welcome->cublas_version = (uint64_t)(major * 10000 + minor * 100 + patch);
    }
    if (vendor->cublasLtGetVersion)
        welcome->cublaslt_version = vendor->cublasLtGetVersion();
    if (vendor->cudnnGetVersion)
        welcome->cudnn_version = vendor->cudnnGetVersion();
    if (welcome->attributes[ATTRIBUTE_PAGEABLE_ACCESS])
        rrto_info(
            "kernels can reach this worker's memory (pageableMemoryAccess): it holds nothing but its client's data");
    welcome->soft = driver->soft;
    welcome->n_gates = rrto_gates_supported(driver) ? RRTO_GATES_MAX : 0;
    snprintf(welcome->compute, sizeof welcome->compute, "%s", worker->options.compute);
    if (worker->compute.mode == RRTO_COMPUTE_TIMED)
        snprintf(welcome->compute, sizeof welcome->compute, "%.24s ms", worker->options.compute);
    welcome->fingerprint = fingerprint(worker, welcome);
}

/* How much memory this session may have. */
static uint64_t grant(struct rrto_worker *worker, uint64_t wanted)
{
    size_t free_bytes = 0, total_bytes = 0;
    uint64_t memory = 0;
    if (worker->driver.cuMemGetInfo_v2(&free_bytes, &total_bytes) == RRTO_CU_SUCCESS)
        memory = free_bytes;
    if (worker->driver.soft) {
        struct sysinfo info;
        uint64_t ram = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : (uint64_t)2 << 30;
        memory = ram / 2 < SOFT_MAX_BYTES ? ram / 2 : SOFT_MAX_BYTES;
    } else {
        memory = memory > 2 * RESERVE_BYTES ? memory - RESERVE_BYTES : memory / 2;
    }
    if (worker->options.memory && worker->options.memory < memory)
        memory = worker->options.memory;
    if (wanted && wanted < memory)
        memory = wanted;
    return memory / RRTO_BACKING_PAGE_BYTES * RRTO_BACKING_PAGE_BYTES;
}

/* What was not computed is mostly zeros: coded, it would flatter the system that --compute is there to measure. */
static uint64_t results_past(const struct rrto_worker *worker, const struct rrto_control_hello *hello)
{
    if (worker->compute.mode != RRTO_COMPUTE_REAL && !hello->results_stress)
        return 0;
    return hello->results_past_bytes < RRTO_CODED_RESULTS_PAST_BYTES ? hello->results_past_bytes
                                                                     : RRTO_CODED_RESULTS_PAST_BYTES;
}

static int open_session(struct rrto_worker *worker, const struct rrto_control_hello *hello,
                        struct rrto_control_welcome *welcome, char *why, size_t n_why)
{
    if (hello->log_bytes < RRTO_LOG_MIN_BYTES || hello->log_bytes > (uint64_t)1 << 30) {
        snprintf(why, n_why, "the log may have %d bytes to 1 GiB, not %llu; change RRTO_LOG_BYTES", RRTO_LOG_MIN_BYTES,
                 (unsigned long long)hello->log_bytes);
        return RRTO_INVALID;
    }
    if (hello->slot_kinds & ~(uint32_t)RRTO_SLOTS_ALL) {
        snprintf(
            why, n_why,
            "the client predicts words in ways that this version does not know; use the same version on both sides");
        return RRTO_INVALID;
    }
    worker->log_bytes = welcome->log_bytes = hello->log_bytes;
    worker->slot_kinds = hello->slot_kinds;
    worker->reply_times = hello->reply_times;
    worker->past_bytes = welcome->past_bytes =
        hello->past_bytes < RRTO_CODED_PAST_BYTES ? hello->past_bytes : RRTO_CODED_PAST_BYTES;
    worker->results_stress = hello->results_stress;
    worker->results_past_bytes = welcome->results_past_bytes = results_past(worker, hello);
    load_libraries(worker);
    uint64_t memory = grant(worker, hello->memory_wanted);
    if (memory == 0) {
        snprintf(why, n_why, "the device has no memory left");
        return RRTO_NO_MEMORY;
    }
    /* Shared pages and short runs make the mapped memory a little larger than what the client counts. */
    int status = rrto_backing_open(&worker->backing, &worker->driver, worker->device, hello->candidates,
                                   hello->n_candidates, memory + memory / 8 + ((uint64_t)64 << 20), why, n_why);
    if (status != RRTO_OK)
        return status;
    welcome->arena_base = worker->backing.base;
    welcome->arena_bytes = worker->backing.n_bytes;
    welcome->memory = welcome->total_memory = memory;
    describe_device(worker, welcome);
    return RRTO_OK;
}

int rrto_worker_greet(struct rrto_worker *worker)
{
    char why[500] = "";
    struct rrto_control *control = calloc(1, sizeof *control);
    /* At once: opening the device takes seconds, and the client's patience with the Welcome is longer. */
    int status = control ? answer_hello(worker) : RRTO_NO_MEMORY;
    if (status == RRTO_OK)
        status = rrto_control_receive(&worker->conn, control, HELLO_TIMEOUT_MS);
    if (status == RRTO_OK && control->kind != RRTO_CONTROL_HELLO)
        status = RRTO_PROTOCOL;
    if (status != RRTO_OK) {
        free(control);
        rrto_info("no session: the client's Hello did not come (%s)", rrto_status_text(status));
        return status;
    }
    struct rrto_control_hello hello = control->hello;
    memset(control, 0, sizeof *control);
    control->kind = RRTO_CONTROL_WELCOME;
    status = open_device(worker, why, sizeof why);
    if (status == RRTO_OK)
        status = open_session(worker, &hello, &control->welcome, why, sizeof why);
    if (status == RRTO_OK) {
        rrto_info("%s, %lu MiB at 0x%lx, compute %s", control->welcome.device_name, control->welcome.memory >> 20,
                  control->welcome.arena_base, control->welcome.compute);
        status = rrto_control_send(&worker->conn, control, HELLO_TIMEOUT_MS);
    } else {
        refuse(worker, status, why);
    }
    free(control);
    return status;
}
