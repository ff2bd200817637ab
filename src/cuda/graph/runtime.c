/* SPDX-License-Identifier: Apache-2.0 */
/* The runtime's capture and graph calls. */
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/graph/calls.h"
#include "cuda/graph/capture.h"
#include "cuda/module.h"
#include "cuda/register.h"
#include "gen/client_bodies.h"

enum { FLAG_UPLOAD = 2 };

cudaError_t rrto_client_cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result : rrto_capture_begin(stream, (int32_t)mode, NULL, NULL, 0));
}

cudaError_t rrto_client_cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                                      const cudaGraphNode_t *dependencies,
                                                      const cudaGraphEdgeData *edges, size_t n,
                                                      cudaStreamCaptureMode mode)
{
    int32_t result = rrto_context_use();
    return (cudaError_t)(result ? result
                                : rrto_call_begin_capture_to(stream, (int32_t)mode, graph, dependencies, edges, n));
}

cudaError_t rrto_client_cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    return (cudaError_t)rrto_call_end_capture(stream, graph);
}

cudaError_t rrto_client_cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status)
{
    return (cudaError_t)rrto_call_is_capturing(stream, status);
}

cudaError_t rrto_client_cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus *status,
                                                 unsigned long long *id, cudaGraph_t *graph,
                                                 const cudaGraphNode_t **dependencies, const cudaGraphEdgeData **edges,
                                                 size_t *n)
{
    return (cudaError_t)rrto_call_capture_info(stream, status, id, graph, dependencies, edges, n);
}

cudaError_t rrto_client_cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t *dependencies,
                                                            const cudaGraphEdgeData *edges, size_t n,
                                                            unsigned int flags)
{
    return (cudaError_t)rrto_call_update_dependencies(stream, dependencies, edges, n, flags);
}

cudaError_t rrto_client_cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode)
{
    return (cudaError_t)rrto_capture_exchange_mode((int32_t *)mode);
}

cudaError_t rrto_client_cudaGraphCreate(cudaGraph_t *graph, unsigned int flags)
{
    return (cudaError_t)rrto_call_graph_create(graph, flags);
}

cudaError_t rrto_client_cudaGraphDestroy(cudaGraph_t graph)
{
    return (cudaError_t)rrto_call_graph_destroy(graph);
}

cudaError_t rrto_client_cudaGraphClone(cudaGraph_t *clone, cudaGraph_t graph)
{
    return (cudaError_t)rrto_call_graph_clone(clone, graph);
}

cudaError_t rrto_client_cudaGraphNodeFindInClone(cudaGraphNode_t *found, cudaGraphNode_t node, cudaGraph_t clone)
{
    return (cudaError_t)rrto_call_find_in_clone(found, node, clone);
}

cudaError_t rrto_client_cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n)
{
    return (cudaError_t)rrto_call_graph_nodes(graph, false, nodes, n);
}

cudaError_t rrto_client_cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *n)
{
    return (cudaError_t)rrto_call_graph_nodes(graph, true, nodes, n);
}

cudaError_t rrto_client_cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t *from, cudaGraphNode_t *to,
                                          cudaGraphEdgeData *edges, size_t *n)
{
    return (cudaError_t)rrto_call_graph_edges(graph, from, to, edges, n);
}

cudaError_t rrto_client_cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t *nodes,
                                                     cudaGraphEdgeData *edges, size_t *n)
{
    return (cudaError_t)rrto_call_neighbours(node, false, nodes, edges, n);
}

cudaError_t rrto_client_cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t *nodes,
                                                       cudaGraphEdgeData *edges, size_t *n)
{
    return (cudaError_t)rrto_call_neighbours(node, true, nodes, edges, n);
}

cudaError_t rrto_client_cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t *from,
                                                 const cudaGraphNode_t *to, const cudaGraphEdgeData *edges, size_t n)
{
    return (cudaError_t)rrto_call_connect(graph, from, to, edges, n, true);
}

cudaError_t rrto_client_cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t *from,
                                                    const cudaGraphNode_t *to, const cudaGraphEdgeData *edges, size_t n)
{
    return (cudaError_t)rrto_call_connect(graph, from, to, edges, n, false);
}

cudaError_t rrto_client_cudaGraphDestroyNode(cudaGraphNode_t node)
{
    return (cudaError_t)rrto_call_destroy_node(node);
}

cudaError_t rrto_client_cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType *type)
{
    return (cudaError_t)rrto_call_node_type(node, type);
}

cudaError_t rrto_client_cudaGraphChildGraphNodeGetGraph(cudaGraphNode_t node, cudaGraph_t *graph)
{
    return (cudaError_t)rrto_call_node_child(node, graph);
}

cudaError_t rrto_client_cudaGraphEventRecordNodeGetEvent(cudaGraphNode_t node, cudaEvent_t *event)
{
    return (cudaError_t)rrto_call_node_event(node, RRTO_NODE_RECORD_EVENT, event);
}

cudaError_t rrto_client_cudaGraphEventWaitNodeGetEvent(cudaGraphNode_t node, cudaEvent_t *event)
{
    return (cudaError_t)rrto_call_node_event(node, RRTO_NODE_WAIT_EVENT, event);
}

/* A kernel node's work. */
static int32_t kernel_work(struct rrto_work *ret_work, const cudaKernelNodeParams *params)
{
    struct rrto_function *function;
    if (!params || params->extra)
        return params ? RRTO_CUDA_NOT_SUPPORTED : RRTO_CUDA_INVALID_VALUE;
    int32_t result = rrto_register_find_kernel(params->func, &function);
    if (result == RRTO_CUDA_INVALID_FUNCTION) {
        function = rrto_function_check(params->func);
        result = function ? RRTO_CUDA_SUCCESS : RRTO_CUDA_INVALID_FUNCTION;
    }
    if (result)
        return result;
    struct rrto_launch launch = {.shape = {.grid = {params->gridDim.x, params->gridDim.y, params->gridDim.z},
                                           .block = {params->blockDim.x, params->blockDim.y, params->blockDim.z},
                                           .shared_bytes = params->sharedMemBytes},
                                 .args = params->kernelParams};
    return rrto_work_of_kernel(ret_work, function, &launch);
}

static int32_t set_work(struct rrto_work *ret_work, const cudaMemsetParams *params)
{
    return params ? rrto_work_of_set(ret_work, (uintptr_t)params->dst, params->pitch, params->value,
                                     params->elementSize, params->width, params->height)
                  : RRTO_CUDA_INVALID_VALUE;
}

static int32_t host_work(struct rrto_work *ret_work, const cudaHostNodeParams *params)
{
    return params ? rrto_work_of_host(ret_work, params->fn, params->userData) : RRTO_CUDA_INVALID_VALUE;
}

cudaError_t rrto_client_cudaGraphAddKernelNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                               const cudaGraphNode_t *dependencies, size_t n,
                                               const cudaKernelNodeParams *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = kernel_work(&work, params);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddMemcpyNode1D(cudaGraphNode_t *node, cudaGraph_t graph,
                                                 const cudaGraphNode_t *dependencies, size_t n, void *dst,
                                                 const void *src, size_t n_bytes, cudaMemcpyKind kind)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = rrto_work_of_copy(&work, (uintptr_t)dst, (uintptr_t)src, n_bytes, (int32_t)kind);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddMemsetNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                               const cudaGraphNode_t *dependencies, size_t n,
                                               const cudaMemsetParams *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = set_work(&work, params);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddHostNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                             const cudaGraphNode_t *dependencies, size_t n,
                                             const cudaHostNodeParams *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = host_work(&work, params);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddChildGraphNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                                   const cudaGraphNode_t *dependencies, size_t n, cudaGraph_t child)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = rrto_work_of_graph(&work, child);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddEventRecordNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                                    const cudaGraphNode_t *dependencies, size_t n, cudaEvent_t event)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = rrto_work_of_event(&work, RRTO_NODE_RECORD_EVENT, event);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddEventWaitNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                                  const cudaGraphNode_t *dependencies, size_t n, cudaEvent_t event)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_use();
    if (!result)
        result = rrto_work_of_event(&work, RRTO_NODE_WAIT_EVENT, event);
    return (cudaError_t)rrto_call_add_node(result, node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphAddEmptyNode(cudaGraphNode_t *node, cudaGraph_t graph,
                                              const cudaGraphNode_t *dependencies, size_t n)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return (cudaError_t)rrto_call_add_node(rrto_context_use(), node, graph, dependencies, n, &work);
}

cudaError_t rrto_client_cudaGraphInstantiateWithParams(cudaGraphExec_t *exec, cudaGraph_t graph,
                                                       cudaGraphInstantiateParams *params)
{
    if (!params)
        return cudaErrorInvalidValue;
    int32_t result = rrto_call_instantiate(exec, graph, params->flags);
    if (!result && params->flags & FLAG_UPLOAD)
        result = rrto_call_upload(*exec, params->uploadStream);
    params->errNode_out = NULL;
    params->result_out = result ? cudaGraphInstantiateError : cudaGraphInstantiateSuccess;
    return (cudaError_t)result;
}

cudaError_t rrto_client_cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
    return (cudaError_t)rrto_call_instantiate(exec, graph, flags);
}

cudaError_t rrto_client_cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph,
                                                      unsigned long long flags)
{
    return (cudaError_t)rrto_call_instantiate(exec, graph, flags);
}

cudaError_t rrto_client_cudaGraphExecGetFlags(cudaGraphExec_t exec, unsigned long long *flags)
{
    return (cudaError_t)rrto_call_exec_flags(exec, flags);
}

cudaError_t rrto_client_cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                            cudaGraphExecUpdateResultInfo *info)
{
    return (cudaError_t)rrto_call_exec_update(exec, graph, info);
}

cudaError_t rrto_client_cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                         const cudaKernelNodeParams *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return (cudaError_t)rrto_call_set_node(kernel_work(&work, params), exec, node, &work);
}

cudaError_t rrto_client_cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node, void *dst,
                                                           const void *src, size_t n_bytes, cudaMemcpyKind kind)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return (cudaError_t)rrto_call_set_node(
        rrto_work_of_copy(&work, (uintptr_t)dst, (uintptr_t)src, n_bytes, (int32_t)kind), exec, node, &work);
}

cudaError_t rrto_client_cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                         const cudaMemsetParams *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return (cudaError_t)rrto_call_set_node(set_work(&work, params), exec, node, &work);
}

cudaError_t rrto_client_cudaGraphExecHostNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                                       const cudaHostNodeParams *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return (cudaError_t)rrto_call_set_node(host_work(&work, params), exec, node, &work);
}

cudaError_t rrto_client_cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream)
{
    return (cudaError_t)rrto_call_upload(exec, stream);
}

cudaError_t rrto_client_cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    return (cudaError_t)rrto_call_launch(exec, stream);
}

cudaError_t rrto_client_cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    return (cudaError_t)rrto_call_exec_destroy(exec);
}
