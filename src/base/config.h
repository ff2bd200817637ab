/* SPDX-License-Identifier: Apache-2.0 */
/* The environment: one table (name, default, type, help). Parser, --help, man page, docs/environment.md and the warning
 * about unknown RRTO_* names all come from it. */
#ifndef RRTO_BASE_CONFIG_H
#define RRTO_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What RRTO_DISABLE switches off and RRTO_ENABLE on: X(CONSTANT, "name"); FIRST is the X of the first one. */
#define RRTO_DISABLE_LIST(FIRST, X)                                                                                    \
    FIRST(ELIDE, "elide")                                                                                              \
    X(MEMO, "memo")                                                                                                    \
    X(PREDICT, "predict")                                                                                              \
    X(LONG, "long")                                                                                                    \
    X(RESUME, "resume")                                                                                                \
    X(SHORT, "short")                                                                                                  \
    X(VALUES, "values")                                                                                                \
    X(ONCE, "once")                                                                                                    \
    X(INSIST, "insist")                                                                                                \
    X(PATCH, "patch")                                                                                                  \
    X(COUNTERS, "counters")                                                                                            \
    X(POINTERS, "pointers")                                                                                            \
    X(EARLY, "early")                                                                                                  \
    X(PUSH, "push")                                                                                                    \
    X(CODEC, "codec")
#define RRTO_ENABLE_LIST(FIRST, X)                                                                                     \
    FIRST(LAZYSYNC, "lazysync")                                                                                        \
    X(HOSTPOINTERS, "hostpointers")

/* "elide, memo, ..." */
#define RRTO_CONFIG_NAME(constant, name) name
#define RRTO_CONFIG_NEXT_NAME(constant, name) ", " name
#define RRTO_DISABLE_NAMES RRTO_DISABLE_LIST(RRTO_CONFIG_NAME, RRTO_CONFIG_NEXT_NAME)
#define RRTO_ENABLE_NAMES RRTO_ENABLE_LIST(RRTO_CONFIG_NAME, RRTO_CONFIG_NEXT_NAME)

#define X(constant, name) RRTO_DISABLE_##constant,
enum rrto_disable { RRTO_DISABLE_LIST(X, X) };
#undef X
#define X(constant, name) RRTO_ENABLE_##constant,
enum rrto_enable { RRTO_ENABLE_LIST(X, X) };
#undef X

/* X(field, "NAME", type, default, "help"); type is STRING (const char *), BOOL, UINT (uint64_t) or LIST (comma
 * separated names) */
#define RRTO_CONFIG_LIST(X)                                                                                            \
    X(server, "RRTO_SERVER", STRING, "", "where rrtod listens: HOST:PORT or unix:PATH")                                \
    X(mode, "RRTO_MODE", STRING, "replay", "plain, percall, percall-device, async or replay")                          \
    X(key_file, "RRTO_KEY_FILE", STRING, "", "file with id:hexkey, mode 0600 (not used yet)")                          \
    X(report, "RRTO_REPORT", STRING, "", "write the JSON report here at exit (without rrto run)")                      \
    X(run_dir, "RRTO_RUN_DIR", STRING, "", "private folder of rrto run: counters live there (set by rrto run)")        \
    X(inferences, "RRTO_INFERENCES", UINT, "0",                                                                        \
      "how many inferences to keep records of in the run folder (set by rrto run --inferences)")                       \
    X(log, "RRTO_LOG", STRING, "warn", "error, warn, info or debug; ,file=PATH appends to a file")                     \
    X(trace, "RRTO_TRACE", STRING, "", "write the op stream to this file")                                             \
    X(disable, "RRTO_DISABLE", LIST, "", "optimisations to switch off: " RRTO_DISABLE_NAMES)                           \
    X(enable, "RRTO_ENABLE", LIST, "", "opt-in, by name: " RRTO_ENABLE_NAMES)                                          \
    X(log_bytes, "RRTO_LOG_BYTES", UINT, "33554432", "bytes of past ops that both sides keep")                         \
    X(frame_bytes, "RRTO_FRAME_BYTES", UINT, "1048576", "largest chunk of a frame (tests use small ones)")             \
    X(deviate, "RRTO_DEVIATE", UINT, "0", "tests: drop every n-th prediction")                                         \
    X(period_us, "RRTO_PERIOD_US", UINT, "0",                                                                          \
      "hold inferences back so that one begins every so many microseconds (an open loop, set by rrto bench)")          \
    X(codec_stress, "RRTO_CODEC_STRESS", UINT, "0",                                                                    \
      "tests: a seed; every payload, either way, is coded, by any model")                                              \
    X(token_bits, "RRTO_TOKEN_BITS", UINT, "64", "tests: bits of a token that are looked at; few make tokens collide") \
    X(memory, "RRTO_MEMORY", UINT, "0", "device memory to ask for, in bytes; 0 = what the server grants")              \
    X(connect_timeout_ms, "RRTO_CONNECT_TIMEOUT_MS", UINT, "5000", "how long to try to reach the server")

struct rrto_config {
#define X(field, name, type, def, help) RRTO_CONFIG_FIELD_##type field;
#define RRTO_CONFIG_FIELD_STRING const char *
#define RRTO_CONFIG_FIELD_LIST const char *
#define RRTO_CONFIG_FIELD_UINT uint64_t
#define RRTO_CONFIG_FIELD_BOOL bool
    RRTO_CONFIG_LIST(X)
#undef X
};

/* The process's configuration, read from the environment at the first call. Never NULL. Any thread. */
const struct rrto_config *rrto_config_get(void);
/* Whether its name stands in the comma-separated RRTO_DISABLE / RRTO_ENABLE. */
bool rrto_config_disabled(enum rrto_disable what);
bool rrto_config_enabled(enum rrto_enable what);
/* Calls fn for each row, in order: name, type name, default, help. */
void rrto_config_each(void (*fn)(void *arg, const char *name, const char *type, const char *def, const char *help),
                      void *arg);

#endif
