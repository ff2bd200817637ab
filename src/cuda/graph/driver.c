/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's capture and graph calls. */
#include "cuda/context.h"
#include "cuda/error.h"
#include "cuda/graph/calls.h"
#include "cuda/graph/capture.h"
#include "cuda/module.h"
#include "gen/client_bodies.h"

static CUresult driver(int32_t result)
{
    return (CUresult)rrto_cuda_to_driver(result);
}

CUresult rrto_client_cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_capture_begin(stream, (int32_t)mode, NULL, NULL, 0));
}

CUresult rrto_client_cuStreamBeginCaptureToGraph(CUstream stream, CUgraph graph, const CUgraphNode *dependencies,
                                                 const CUgraphEdgeData *edges, size_t n, CUstreamCaptureMode mode)
{
    int32_t result = rrto_context_need();
    return driver(result ? result : rrto_call_begin_capture_to(stream, (int32_t)mode, graph, dependencies, edges, n));
}

CUresult rrto_client_cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    return driver(rrto_call_end_capture(stream, graph));
}

CUresult rrto_client_cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status)
{
    return driver(rrto_call_is_capturing(stream, status));
}

CUresult rrto_client_cuStreamGetCaptureInfo_v2(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id,
                                               CUgraph *graph, const CUgraphNode **dependencies, size_t *n)
{
    return driver(rrto_call_capture_info(stream, status, id, graph, dependencies, NULL, n));
}

CUresult rrto_client_cuStreamGetCaptureInfo_v3(CUstream stream, CUstreamCaptureStatus *status, cuuint64_t *id,
                                               CUgraph *graph, const CUgraphNode **dependencies,
                                               const CUgraphEdgeData **edges, size_t *n)
{
    return driver(rrto_call_capture_info(stream, status, id, graph, dependencies, edges, n));
}

CUresult rrto_client_cuStreamUpdateCaptureDependencies(CUstream stream, CUgraphNode *dependencies, size_t n,
                                                       unsigned int flags)
{
    return driver(rrto_call_update_dependencies(stream, dependencies, NULL, n, flags));
}

CUresult rrto_client_cuStreamUpdateCaptureDependencies_v2(CUstream stream, CUgraphNode *dependencies,
                                                          const CUgraphEdgeData *edges, size_t n, unsigned int flags)
{
    return driver(rrto_call_update_dependencies(stream, dependencies, edges, n, flags));
}

CUresult rrto_client_cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode)
{
    return driver(rrto_capture_exchange_mode((int32_t *)mode));
}

CUresult rrto_client_cuGraphCreate(CUgraph *graph, unsigned int flags)
{
    return driver(rrto_call_graph_create(graph, flags));
}

CUresult rrto_client_cuGraphDestroy(CUgraph graph)
{
    return driver(rrto_call_graph_destroy(graph));
}

CUresult rrto_client_cuGraphClone(CUgraph *clone, CUgraph graph)
{
    return driver(rrto_call_graph_clone(clone, graph));
}

CUresult rrto_client_cuGraphNodeFindInClone(CUgraphNode *found, CUgraphNode node, CUgraph clone)
{
    return driver(rrto_call_find_in_clone(found, node, clone));
}

CUresult rrto_client_cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *n)
{
    return driver(rrto_call_graph_nodes(graph, false, nodes, n));
}

CUresult rrto_client_cuGraphGetRootNodes(CUgraph graph, CUgraphNode *nodes, size_t *n)
{
    return driver(rrto_call_graph_nodes(graph, true, nodes, n));
}

CUresult rrto_client_cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from, CUgraphNode *to, CUgraphEdgeData *edges,
                                        size_t *n)
{
    return driver(rrto_call_graph_edges(graph, from, to, edges, n));
}

CUresult rrto_client_cuGraphGetEdges(CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *n)
{
    return driver(rrto_call_graph_edges(graph, from, to, NULL, n));
}

CUresult rrto_client_cuGraphNodeGetDependencies_v2(CUgraphNode node, CUgraphNode *nodes, CUgraphEdgeData *edges,
                                                   size_t *n)
{
    return driver(rrto_call_neighbours(node, false, nodes, edges, n));
}

CUresult rrto_client_cuGraphNodeGetDependencies(CUgraphNode node, CUgraphNode *nodes, size_t *n)
{
    return driver(rrto_call_neighbours(node, false, nodes, NULL, n));
}

CUresult rrto_client_cuGraphNodeGetDependentNodes_v2(CUgraphNode node, CUgraphNode *nodes, CUgraphEdgeData *edges,
                                                     size_t *n)
{
    return driver(rrto_call_neighbours(node, true, nodes, edges, n));
}

CUresult rrto_client_cuGraphNodeGetDependentNodes(CUgraphNode node, CUgraphNode *nodes, size_t *n)
{
    return driver(rrto_call_neighbours(node, true, nodes, NULL, n));
}

CUresult rrto_client_cuGraphAddDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                               const CUgraphEdgeData *edges, size_t n)
{
    return driver(rrto_call_connect(graph, from, to, edges, n, true));
}

CUresult rrto_client_cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t n)
{
    return driver(rrto_call_connect(graph, from, to, NULL, n, true));
}

CUresult rrto_client_cuGraphRemoveDependencies_v2(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                                  const CUgraphEdgeData *edges, size_t n)
{
    return driver(rrto_call_connect(graph, from, to, edges, n, false));
}

CUresult rrto_client_cuGraphRemoveDependencies(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t n)
{
    return driver(rrto_call_connect(graph, from, to, NULL, n, false));
}

CUresult rrto_client_cuGraphDestroyNode(CUgraphNode node)
{
    return driver(rrto_call_destroy_node(node));
}

CUresult rrto_client_cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type)
{
    return driver(rrto_call_node_type(node, type));
}

CUresult rrto_client_cuGraphChildGraphNodeGetGraph(CUgraphNode node, CUgraph *graph)
{
    return driver(rrto_call_node_child(node, graph));
}

CUresult rrto_client_cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent *event)
{
    return driver(rrto_call_node_event(node, RRTO_NODE_RECORD_EVENT, event));
}

CUresult rrto_client_cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent *event)
{
    return driver(rrto_call_node_event(node, RRTO_NODE_WAIT_EVENT, event));
}

/* A kernel node's work. */
static int32_t kernel_work(struct rrto_work *ret_work, const CUDA_KERNEL_NODE_PARAMS *params)
{
    if (!params)
        return RRTO_CUDA_INVALID_VALUE;
    struct rrto_function *function = rrto_function_check(params->func ? (const void *)params->func : params->kern);
    if (!function)
        return RRTO_CUDA_INVALID_HANDLE;
    if (params->extra)
        return RRTO_CUDA_NOT_SUPPORTED;
    struct rrto_launch launch = {.shape = {.grid = {params->gridDimX, params->gridDimY, params->gridDimZ},
                                           .block = {params->blockDimX, params->blockDimY, params->blockDimZ},
                                           .shared_bytes = params->sharedMemBytes},
                                 .args = params->kernelParams};
    return rrto_work_of_kernel(ret_work, function, &launch);
}

static bool side(CUmemorytype type, const void *host, CUdeviceptr device, size_t x, uint64_t *ret_address)
{
    *ret_address = (type == CU_MEMORYTYPE_HOST ? (uintptr_t)host : device) + x;
    return type == CU_MEMORYTYPE_HOST || type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_UNIFIED;
}

/* Of the copies that the driver describes, the one-dimensional ones are offered. */
static int32_t copy_work(struct rrto_work *ret_work, const CUDA_MEMCPY3D *copy)
{
    uint64_t dst, src;
    if (!copy)
        return RRTO_CUDA_INVALID_VALUE;
    if (copy->Height != 1 || copy->Depth != 1 || copy->srcY || copy->srcZ || copy->dstY || copy->dstZ ||
        !side(copy->srcMemoryType, copy->srcHost, copy->srcDevice, copy->srcXInBytes, &src) ||
        !side(copy->dstMemoryType, copy->dstHost, copy->dstDevice, copy->dstXInBytes, &dst))
        return RRTO_CUDA_NOT_SUPPORTED;
    int32_t kind =
        (copy->srcMemoryType == CU_MEMORYTYPE_DEVICE ? 2 : 0) + (copy->dstMemoryType == CU_MEMORYTYPE_DEVICE);
    if (copy->srcMemoryType == CU_MEMORYTYPE_UNIFIED || copy->dstMemoryType == CU_MEMORYTYPE_UNIFIED)
        kind = 4;
    return rrto_work_of_copy(ret_work, dst, src, copy->WidthInBytes, kind);
}

static int32_t set_work(struct rrto_work *ret_work, const CUDA_MEMSET_NODE_PARAMS *params)
{
    return params ? rrto_work_of_set(ret_work, params->dst, params->pitch, params->value, params->elementSize,
                                     params->width, params->height)
                  : RRTO_CUDA_INVALID_VALUE;
}

static int32_t host_work(struct rrto_work *ret_work, const CUDA_HOST_NODE_PARAMS *params)
{
    return params ? rrto_work_of_host(ret_work, params->fn, params->userData) : RRTO_CUDA_INVALID_VALUE;
}

CUresult rrto_client_cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies,
                                             size_t n, const CUDA_KERNEL_NODE_PARAMS *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_need();
    if (!result)
        result = kernel_work(&work, params);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddMemcpyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t n,
                                          const CUDA_MEMCPY3D *params, CUcontext context)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    (void)context;
    int32_t result = rrto_context_need();
    if (!result)
        result = copy_work(&work, params);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddMemsetNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t n,
                                          const CUDA_MEMSET_NODE_PARAMS *params, CUcontext context)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    (void)context;
    int32_t result = rrto_context_need();
    if (!result)
        result = set_work(&work, params);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddHostNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t n,
                                        const CUDA_HOST_NODE_PARAMS *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_need();
    if (!result)
        result = host_work(&work, params);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies,
                                              size_t n, CUgraph child)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_work_of_graph(&work, child);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddEventRecordNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies,
                                               size_t n, CUevent event)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_work_of_event(&work, RRTO_NODE_RECORD_EVENT, event);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddEventWaitNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies,
                                             size_t n, CUevent event)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    int32_t result = rrto_context_need();
    if (!result)
        result = rrto_work_of_event(&work, RRTO_NODE_WAIT_EVENT, event);
    return driver(rrto_call_add_node(result, node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *dependencies, size_t n)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return driver(rrto_call_add_node(rrto_context_need(), node, graph, dependencies, n, &work));
}

CUresult rrto_client_cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
    return driver(rrto_call_instantiate(exec, graph, flags));
}

CUresult rrto_client_cuGraphExecGetFlags(CUgraphExec exec, cuuint64_t *flags)
{
    return driver(rrto_call_exec_flags(exec, flags));
}

CUresult rrto_client_cuGraphExecUpdate_v2(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *info)
{
    return driver(rrto_call_exec_update(exec, graph, info));
}

CUresult rrto_client_cuGraphExecKernelNodeSetParams_v2(CUgraphExec exec, CUgraphNode node,
                                                       const CUDA_KERNEL_NODE_PARAMS *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return driver(rrto_call_set_node(kernel_work(&work, params), exec, node, &work));
}

CUresult rrto_client_cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *params,
                                                    CUcontext context)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    (void)context;
    return driver(rrto_call_set_node(copy_work(&work, params), exec, node, &work));
}

CUresult rrto_client_cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                    const CUDA_MEMSET_NODE_PARAMS *params, CUcontext context)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    (void)context;
    return driver(rrto_call_set_node(set_work(&work, params), exec, node, &work));
}

CUresult rrto_client_cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                  const CUDA_HOST_NODE_PARAMS *params)
{
    struct rrto_work work = {.kind = RRTO_NODE_EMPTY};
    return driver(rrto_call_set_node(host_work(&work, params), exec, node, &work));
}

CUresult rrto_client_cuGraphUpload(CUgraphExec exec, CUstream stream)
{
    return driver(rrto_call_upload(exec, stream));
}

CUresult rrto_client_cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
    return driver(rrto_call_launch(exec, stream));
}

CUresult rrto_client_cuGraphExecDestroy(CUgraphExec exec)
{
    return driver(rrto_call_exec_destroy(exec));
}
