/* SPDX-License-Identifier: Apache-2.0 */
/* Doors against a stub client: the folder is the first argument of the program (doors/ with the built doors,
 * librrto-client.so beside it), the second is a folder of doors with no client beside it. */
#include "registers.h"
#include "test.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *folder, *lonely;

static void *open_door(const char *where, const char *soname)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/doors/%s", where, soname);
    void *door = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!door)
        fail_msg("%s", dlerror());
    return door;
}

static void *function(void *door, const char *name)
{
    void *symbol = dlsym(door, name);
    if (!symbol)
        fail_msg("%s", dlerror());
    return symbol;
}

/* The first call of a door resolves: arguments in all kinds of registers and on the stack arrive, errno is kept. */
static void test_arguments(void **state)
{
    (void)state;
    int (*call)(uint64_t, uint64_t, uint64_t, double, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
    void *symbol = function(open_door(folder, "libcudnn.so.9"), "cudnnSetActivationDescriptor");
    memcpy(&call, &symbol, sizeof call);
    errno = ENOTTY;
    assert_int_equal(call(1, 2, 3, 0.125, 4, 5, 6, 7, 8), 4711);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(call(1, 2, 3, 0.125, 4, 5, 6, 7, 9), 1);
}

/* The first call through a door, seen from the entry: no argument register has changed, vectors in full width and the
 * register for a result in memory (x8) included; the stack is aligned; errno is kept. */
static void test_registers(void **state)
{
    (void)state;
    void (*call)(void);
    void *symbol = function(open_door(folder, "libcudart.so.13"), "cudaDeviceSynchronize");
    memcpy(&call, &symbol, sizeof call);
    struct registers in = {.stack = 0};
    for (int i = 0; i < N_INTEGERS; i++)
        in.integers[i] = 0x9e3779b97f4a7c15u * (uint64_t)(i + 1);
    for (int i = 0; i < N_VECTOR_BYTES; i++)
        in.vectors[i] = (unsigned char)(i * 7 + 1);
    errno = ENOTTY;
    assert_int_equal(call_with_registers(call, &in), 0);
    assert_int_equal(errno, ENOTTY);

    char path[4096];
    snprintf(path, sizeof path, "%s/librrto-client.so", folder);
    const struct registers *seen = function(dlopen(path, RTLD_NOW | RTLD_NOLOAD), "rrto_stub_registers");
    assert_memory_equal(seen->integers, in.integers, N_INTEGERS * sizeof in.integers[0]);
    assert_memory_equal(seen->vectors, in.vectors, sizeof in.vectors);
    assert_true(seen->stack != 0 && seen->stack % 16 == 0);
}

static void test_version_node(void **state)
{
    (void)state;
    void *door = open_door(folder, "libcudart.so.13");
    assert_non_null(dlvsym(door, "cudaMalloc", "libcudart.so.13"));
    assert_null(dlvsym(door, "cudaMalloc", "libcudart.so.12"));
    assert_null(dlsym(door, "rrto_door_resolve"));
    assert_null(dlsym(door, "cudaNoSuchFunction"));
}

static pthread_barrier_t barrier;

static void *count_devices(void *argument)
{
    int (*call)(int *), n = 0;
    memcpy(&call, argument, sizeof call);
    pthread_barrier_wait(&barrier);
    return (void *)(intptr_t)(call(&n) == 0 && n == 1);
}

/* Many first calls at once. */
static void test_threads(void **state)
{
    (void)state;
    enum { N = 16 };
    pthread_t threads[N];
    void *symbol = function(open_door(folder, "libcuda.so.1"), "cuDeviceGetCount");
    pthread_barrier_init(&barrier, NULL, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_devices, &symbol), 0);
    for (int i = 0; i < N; i++) {
        void *ok = NULL;
        pthread_join(threads[i], &ok);
        assert_non_null(ok);
    }
}

/* No client: one line on stderr, and statuses that say "not initialised"; texts are texts. */
static void test_no_client(void **state)
{
    (void)state;
    /* Not a door that another test opened: the loader would take it for the same library. */
    void *door = open_door(lonely, "libcublas.so.13");
    int (*create)(void **);
    const char *(*status_string)(int);
    size_t (*version)(void);
    void *handle = &door, *symbol = function(door, "cublasCreate_v2");
    memcpy(&create, &symbol, sizeof symbol);
    symbol = function(door, "cublasGetStatusString");
    memcpy(&status_string, &symbol, sizeof symbol);
    symbol = function(door, "cublasGetCudartVersion");
    memcpy(&version, &symbol, sizeof symbol);
    assert_int_equal(create(&handle), 1 /* CUBLAS_STATUS_NOT_INITIALIZED */);
    assert_ptr_equal(handle, &door);
    assert_non_null(strstr(status_string(1), "rrto"));
    assert_int_equal(version(), 0);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s FOLDER LONELY\n", argv[0]);
        return 2;
    }
    folder = argv[1];
    lonely = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_registers), cmocka_unit_test(test_version_node),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_no_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
