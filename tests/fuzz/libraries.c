/* SPDX-License-Identifier: Apache-2.0 */
/* What the server builds for cuBLASLt and cuDNN from the bytes inside an op: whatever comes, it is refused or built,
 * nothing is left behind, and the vendor (a fake one) never sees a pointer of the peer's choice. The input is an op. */
#include "exec/cudnn.h"
#include "gen/server_bodies.h"
#include "libs/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void build_graph(const struct rrto_args_cudnn_heuristic *args)
{
    static struct rrto_cudnn_built built;
    int32_t status =
        rrto_cudnn_graph_build(&vendor.table, (cudnnHandle_t)(void *)&vendor, args->graph, args->n_graph, &built);
    if (status == 0)
        rrto_cudnn_graph_destroy(&vendor.table, &built);
    assert(vendor.n_descriptors == 0);
}

/* Descriptors of the legacy API: their words, of any kind. */
static void build_values(const uint8_t *data, size_t n)
{
    for (size_t at = 0; at < n && at < 64; at += 4) {
        (void)rrto_server_value_cudnn_tensor(NULL, data + at, (uint32_t)(n - at));
        (void)rrto_server_value_cudnn_activation(NULL, data + at, (uint32_t)(n - at));
        (void)rrto_server_value_cudnn_pooling(NULL, data + at, (uint32_t)(n - at));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    loop_reset();
    uint8_t *op = malloc(n + 1); /* aligned, and its end is watched by the sanitizer */
    uint16_t number = 0;
    assert(op);
    memcpy(op, data, n);
    if (n >= sizeof number)
        memcpy(&number, op, sizeof number);
    struct rrto_exec exec = {.worker = (struct rrto_worker *)(void *)&loop};
    rrto_buf_init(&exec.reply, 1 << 20);
    struct rrto_dec dec;
    rrto_dec_init(&dec, op, n);
    union {
        struct rrto_args_cublaslt_heuristic question;
        struct rrto_args_cublaslt_matmul matmul;
        struct rrto_args_cudnn_heuristic graph;
    } args;
    if (number == RRTO_OP_cublaslt_heuristic && rrto_unpack_cublaslt_heuristic(&dec, &args.question))
        (void)rrto_server_cublaslt_heuristic(&exec, &args.question);
    else if (number == RRTO_OP_cublaslt_matmul && rrto_unpack_cublaslt_matmul(&dec, &args.matmul))
        (void)rrto_server_cublaslt_matmul(&exec, &args.matmul);
    else if (number == RRTO_OP_cudnn_heuristic && rrto_unpack_cudnn_heuristic(&dec, &args.graph))
        build_graph(&args.graph);
    assert(vendor.n_open == 0);
    build_values(op, n);
    rrto_buf_fini(&exec.reply);
    free(op);
    return 0;
}
