# SPDX-License-Identifier: Apache-2.0
# The sources of this room; src/cuda/CMakeLists.txt includes this file.
set(RRTO_CUDA_BLAS_SOURCES
    ${CMAKE_CURRENT_LIST_DIR}/copy.c
    ${CMAKE_CURRENT_LIST_DIR}/handle.c
    ${CMAKE_CURRENT_LIST_DIR}/info.c
    ${CMAKE_CURRENT_LIST_DIR}/lt_descriptors.c
    ${CMAKE_CURRENT_LIST_DIR}/lt_matmul.c
    ${CMAKE_CURRENT_LIST_DIR}/lt_values.c)
