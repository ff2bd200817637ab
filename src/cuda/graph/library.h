/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of cuBLAS and cuDNN that belong to graph launches alone. A launch changes a handle's stream, workspace and
 * modes; the application's handle, which another thread may be using, is left as it is. A launch takes a twin for each
 * library and gives it back, so there are as many as ever launched at the same time. */
#ifndef RRTO_CUDA_GRAPH_LIBRARY_H
#define RRTO_CUDA_GRAPH_LIBRARY_H

#include "cuda/graph/graph.h"

struct rrto_library_twins {
    void *cublas, *cudnn; /* taken when first needed */
};

/* Makes sure that there is one to take. Returns a CUDA error. */
int32_t rrto_library_ready(enum rrto_library_kind library);
/* Takes what is needed for the library before it is needed: making one may wait. Returns a CUDA error. */
int32_t rrto_library_take(struct rrto_library_twins *twins, enum rrto_library_kind library);
/* The session id of a twin whose state on the server is that of use, but for the stream. Returns a CUDA error. */
int32_t rrto_library_twin(struct rrto_library_twins *twins, const struct rrto_library_use *use, uint32_t stream,
                          uint32_t *ret_handle);
void rrto_library_give_back(struct rrto_library_twins *twins);

/* By the libraries' own files: a handle without an application; NULL when the server makes none. */
void *rrto_cublas_twin_create(void);
void *rrto_cudnn_twin_create(void);
/* Brings the twin's state to the server. Returns what issue returned. */
int32_t rrto_cublas_twin_prepare(void *twin, const struct rrto_library_use *use, uint32_t stream, uint32_t *ret_handle);
int32_t rrto_cudnn_twin_prepare(void *twin, uint32_t stream, uint32_t *ret_handle);

#endif
