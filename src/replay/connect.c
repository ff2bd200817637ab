/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the session: find the server, greet it, agree on the arena. Every failure ends in one sentence that names
 * cause and fix. */
#include "wire/connect.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/format.h"
#include "base/log.h"
#include "base/status.h"
#include "replay/claim.h"
#include "replay/process.h"
#include "replay/trace.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE_BYTES = 64 << 20, WELCOME_TIMEOUT_MS = 60000 };

static bool fail(struct rrto_process *process, int status, const char *server, const char *why)
{
    rrto_format(process->error.text, sizeof process->error.text, "no GPU session with '%s': %s", server, why);
    process->error.library = "";
    process->error.code = 0;
    rrto_format(process->counters->error, sizeof process->counters->error, "%s", process->error.text);
    process->counters->session_status = status;
    rrto_error("%s", process->error.text);
    return false;
}

/* A dead peer is noticed within half a minute even when nothing is sent; a killed one at once, by the end of the
 * stream. */
static void keep_alive(int fd)
{
    int on = 1, idle_s = 10, interval_s = 5, count = 4;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* RRTO_SERVER, or where rrtod listens if nothing is said: the user's socket, the system's, the loopback port. */
static const char *server_name(const struct rrto_config *config)
{
    static char name[108 + 8];
    const char *run = getenv("XDG_RUNTIME_DIR");
    if (*config->server)
        return config->server;
    if (run && *run == '/') {
        rrto_format(name, sizeof name, "unix:%s/rrto/rrtod.sock", run);
        if (access(name + strlen("unix:"), F_OK) == 0)
            return name;
    }
    return access("/run/rrto/rrtod.sock", F_OK) == 0 ? "unix:/run/rrto/rrtod.sock" : "127.0.0.1";
}

static void describe(struct rrto_process *process, const struct rrto_control_welcome *welcome)
{
    struct rrto_device_info *device = &process->device;
    _Static_assert(sizeof device->attributes == sizeof welcome->attributes, "the same attributes");
    memcpy(device->name, welcome->device_name, sizeof device->name);
    device->name[sizeof device->name - 1] = 0;
    memcpy(device->uuid, welcome->uuid, sizeof device->uuid);
    memcpy(device->attributes, welcome->attributes, sizeof device->attributes);
    device->total_memory = welcome->total_memory;
    device->driver_version = welcome->driver_version;
    device->cublas_version = welcome->cublas_version;
    device->cublaslt_version = welcome->cublaslt_version;
    device->cudnn_version = welcome->cudnn_version;
    device->arena_base = welcome->arena_base;
    device->arena_bytes = welcome->arena_bytes;
    device->memory = welcome->memory;
    device->fingerprint = welcome->fingerprint;
    device->soft = welcome->soft;
    device->n_gates = welcome->n_gates;
    rrto_format(device->compute, sizeof device->compute, "%s", welcome->compute);
    rrto_format(process->counters->device, sizeof process->counters->device, "%s", device->name);
    rrto_format(process->counters->compute, sizeof process->counters->compute, "%s", device->compute);
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static unsigned slot_kinds(void)
{
    return (rrto_config_disabled(RRTO_DISABLE_COUNTERS) ? 0u : RRTO_SLOTS_COUNTERS) |
           (rrto_config_disabled(RRTO_DISABLE_POINTERS) ? 0u : RRTO_SLOTS_POINTERS);
}

static unsigned seq_levels(void)
{
    return (rrto_config_disabled(RRTO_DISABLE_LONG) ? 0u : RRTO_SEQ_LONG) |
           (rrto_config_disabled(RRTO_DISABLE_RESUME) ? 0u : RRTO_SEQ_RESUME) |
           (rrto_config_disabled(RRTO_DISABLE_SHORT) ? 0u : RRTO_SEQ_SHORT) |
           (rrto_config_disabled(RRTO_DISABLE_VALUES) ? 0u : RRTO_SEQ_VALUES) |
           (rrto_config_disabled(RRTO_DISABLE_ONCE) ? 0u : RRTO_SEQ_ONCE);
}

/* Coded payloads: in the mode that predicts, or wherever they are forced. */
static bool wants_coding(const struct rrto_process *process, const struct rrto_config *config)
{
    return config->codec_stress || (process->mode->predict && !rrto_config_disabled(RRTO_DISABLE_CODEC));
}

static bool open_session(struct rrto_process *process, const struct rrto_conn *conn,
                         const struct rrto_control_welcome *welcome)
{
    const struct rrto_config *config = rrto_config_get();
    struct rrto_session_options options = {
        .mode = process->mode,
        .table = rrto_optable_generated(),
        .elide = !rrto_config_disabled(RRTO_DISABLE_ELIDE),
        .memo = !rrto_config_disabled(RRTO_DISABLE_MEMO),
        .predict = !rrto_config_disabled(RRTO_DISABLE_PREDICT),
        .patch = !rrto_config_disabled(RRTO_DISABLE_PATCH),
        .early = !rrto_config_disabled(RRTO_DISABLE_EARLY),
        .push = !rrto_config_disabled(RRTO_DISABLE_PUSH),
        .lazysync = rrto_config_enabled(RRTO_ENABLE_LAZYSYNC),
        .flusher = true,
        .slot_kinds = slot_kinds(),
        .seq_levels = seq_levels(),
        .insist = !rrto_config_disabled(RRTO_DISABLE_INSIST),
        .log_bytes = welcome->log_bytes,
        .chunk_bytes = clamp(config->frame_bytes, 64, RRTO_CHUNK_MAX_BYTES),
        .deviate = config->deviate,
        .token_hidden = config->token_bits < 64 ? UINT64_MAX << config->token_bits : 0,
        .queue_bytes = QUEUE_BYTES,
        .now_ns = rrto_now_ns,
        .inferences = process->inferences,
        .period_ns = config->period_us * 1000,
        .past_bytes = welcome->past_bytes,
        .results_past_bytes = welcome->results_past_bytes,
        .codec_stress = config->codec_stress,
        .trace = *config->trace ? rrto_trace_create(config->trace, (uint32_t)getpid()) : NULL,
    };
    return rrto_session_init(&process->session, conn, &options, process->counters) == RRTO_OK;
}

bool rrto_process_connect(struct rrto_process *process)
{
    const struct rrto_config *config = rrto_config_get();
    const char *server = server_name(config);
    struct rrto_conn conn;
    char why[200] = "";
    rrto_format(process->counters->server, sizeof process->counters->server, "%s", server);
    int timeout_ms = (int)clamp(config->connect_timeout_ms, 1, 3600000);
    uint32_t flags = process->mode->soft_server ? RRTO_HELLO_PLAIN : 0;
    int status = rrto_wire_connect(server, timeout_ms, flags, &conn, why, sizeof why);
    if (status != RRTO_OK)
        return fail(process, status, server, *why ? why : rrto_status_text(status));
    keep_alive(conn.fd);

    static struct rrto_control_hello hello; /* large; under the caller's lock */
    static struct rrto_control_welcome welcome;
    struct rrto_claim claim;
    rrto_claim_candidates(&claim);
    if (claim.n == 0) {
        rrto_conn_close(&conn);
        return fail(process, RRTO_NO_MEMORY, server,
                    "this process has no 4 GiB of free addresses for device memory; raise its limit (ulimit -v)");
    }
    hello = (struct rrto_control_hello){
        .plain = process->mode->soft_server,
        .log_bytes = clamp(config->log_bytes, RRTO_LOG_MIN_BYTES, RRTO_LOG_MAX_BYTES) & ~(uint64_t)63,
        .slot_kinds = slot_kinds(),
        .reply_times = true,
        .past_bytes = wants_coding(process, config) ? RRTO_CODED_PAST_BYTES : 0,
        .results_past_bytes = wants_coding(process, config) ? RRTO_CODED_RESULTS_PAST_BYTES : 0,
        .results_stress = config->codec_stress,
        .memory_wanted = config->memory,
        .n_candidates = claim.n,
    };
    memcpy(hello.candidates, claim.held, sizeof hello.candidates);
    status = rrto_control_open(&conn, &hello, timeout_ms > WELCOME_TIMEOUT_MS ? timeout_ms : WELCOME_TIMEOUT_MS,
                               &welcome, why, sizeof why);
    bool kept = rrto_claim_keep(&claim, status == RRTO_OK ? welcome.arena_base : 0,
                                status == RRTO_OK ? welcome.arena_bytes : 0);
    if (status != RRTO_OK || !kept) {
        rrto_conn_close(&conn);
        return fail(process, status != RRTO_OK ? status : RRTO_REFUSED, server,
                    status != RRTO_OK
                        ? (*why ? why : rrto_status_text(status))
                        : "client and server found no address range that is free on both sides; try again, "
                          "or ask for less with RRTO_MEMORY");
    }
    describe(process, &welcome);
    if (!open_session(process, &conn, &welcome)) /* it has closed the connection */
        return fail(process, RRTO_NO_MEMORY, server, "out of memory; set a smaller RRTO_LOG_BYTES");
    process->counters->connected_ns = rrto_now_ns();
    rrto_info("session with %s: %s", server, process->device.name);
    return true;
}
