# SPDX-License-Identifier: Apache-2.0
# The sources of this room; src/cuda/CMakeLists.txt includes this file.
set(RRTO_CUDA_DNN_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/attributes.c
    ${CMAKE_CURRENT_LIST_DIR}/backend.c
    ${CMAKE_CURRENT_LIST_DIR}/graph.c
    ${CMAKE_CURRENT_LIST_DIR}/handle.c
    ${CMAKE_CURRENT_LIST_DIR}/info.c
    ${CMAKE_CURRENT_LIST_DIR}/node.c
    ${CMAKE_CURRENT_LIST_DIR}/query.c
    ${CMAKE_CURRENT_LIST_DIR}/rnn.c
    ${CMAKE_CURRENT_LIST_DIR}/values.c)
