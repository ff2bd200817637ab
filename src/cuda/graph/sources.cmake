# SPDX-License-Identifier: Apache-2.0
# The sources of this room; src/cuda/CMakeLists.txt includes this file.
set(RRTO_CUDA_GRAPH_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/calls.c
    ${CMAKE_CURRENT_LIST_DIR}/capture.c
    ${CMAKE_CURRENT_LIST_DIR}/driver.c
    ${CMAKE_CURRENT_LIST_DIR}/event.c
    ${CMAKE_CURRENT_LIST_DIR}/exec.c
    ${CMAKE_CURRENT_LIST_DIR}/graph.c
    ${CMAKE_CURRENT_LIST_DIR}/library.c
    ${CMAKE_CURRENT_LIST_DIR}/record.c
    ${CMAKE_CURRENT_LIST_DIR}/runtime.c)
