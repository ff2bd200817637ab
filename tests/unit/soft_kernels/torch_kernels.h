/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of PyTorch 2.11.0 that the tests run: name and parameter layout (offset, size), as its cubins state them. */
#ifndef TESTS_SOFT_KERNELS_TORCH_KERNELS_H
#define TESTS_SOFT_KERNELS_TORCH_KERNELS_H

#include <stdint.h>

struct torch_kernel {
    const char *name;
    uint32_t param_bytes, n;
    uint32_t layout[20][2];
};

static const struct torch_kernel ADD __attribute__((unused)) = {
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIfEESt5arrayIPcLm3"
    "EEEEviT0_T1_",
    32,
    3,
    {{0, 4}, {4, 4}, {8, 24}}};
static const struct torch_kernel ADD_STRIDED __attribute__((unused)) = {
    "_ZN2at6native18elementwise_kernelILi128ELi2EZNS0_22gpu_kernel_impl_nocastINS0_15CUDAFunc"
    "tor_addIfEEEEvRNS_18TensorIteratorBaseERKT_EUliE_EEviT1_",
    656,
    2,
    {{0, 4}, {8, 648}}};
static const struct torch_kernel ADD_STRIDED_CAST __attribute__((unused)) = {
    "_ZN2at6native18elementwise_kernelILi128ELi4EZNS0_15gpu_kernel_implINS0_15CUDAFunctor_add"
    "IfEEEEvRNS_18TensorIteratorBaseERKT_EUliE_EEviT1_",
    656,
    2,
    {{0, 4}, {8, 648}}};
static const struct torch_kernel ADD_CAST __attribute__((unused)) = {
    "_ZN2at6native27unrolled_elementwise_kernelINS0_15CUDAFunctor_addIfEESt5arrayIPcLm3EELi4E"
    "23TrivialOffsetCalculatorILi2EjES7_ILi1EjENS0_6memory12LoadWithCastILi2EEENSA_13StoreWit"
    "hCastILi1EEEEEviT_T0_T2_T3_T4_T5_",
    56,
    7,
    {{0, 4}, {4, 4}, {8, 24}, {32, 1}, {33, 1}, {36, 12}, {48, 8}}};
static const struct torch_kernel CLAMP __attribute__((unused)) = {
    "_ZN2at6native29vectorized_elementwise_kernelILi4EZZZNS0_49_GLOBAL__N__d2ba64fb_16_Tensor"
    "Compare_cu_71e06f4e19launch_clamp_scalarERNS_18TensorIteratorBaseEN3c106ScalarES6_NS0_6d"
    "etail11ClampLimitsEENKUlvE_clEvENKUlvE5_clEvEUlfE_St5arrayIPcLm2EEEEviT0_T1_",
    48,
    3,
    {{0, 4}, {8, 24}, {32, 16}}};
static const struct torch_kernel MUL_SCALAR __attribute__((unused)) = {
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13BUnaryFunctorIfffNS0_15binary_int"
    "ernal10MulFunctorIfEEEESt5arrayIPcLm2EEEEviT0_T1_",
    32,
    3,
    {{0, 4}, {4, 8}, {16, 16}}};
static const struct torch_kernel EQUAL_SCALAR __attribute__((unused)) = {
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13AUnaryFunctorIllbNS0_51_GLOBAL__N"
    "__28ce311f_18_CompareEQKernel_cu_d8008c9616CompareEqFunctorIlEEEESt5arrayIPcLm2EEEEviT0_"
    "T1_",
    40,
    3,
    {{0, 4}, {8, 16}, {24, 16}}};
static const struct torch_kernel MUL_HALF __attribute__((unused)) = {
    "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_13BinaryFunctorIN3c104HalfES4_S4_NS"
    "0_15binary_internal10MulFunctorIfEEEESt5arrayIPcLm3EEEEviT0_T1_",
    32,
    3,
    {{0, 4}, {4, 1}, {8, 24}}};
static const struct torch_kernel COPY_TO_HALF __attribute__((unused)) = {
    "_ZN2at6native27unrolled_elementwise_kernelIZZZNS0_23direct_copy_kernel_cudaERNS_18Tensor"
    "IteratorBaseEENKUlvE1_clEvENKUlvE8_clEvEUlN3c104HalfEE_St5arrayIPcLm2EELi4E23TrivialOffs"
    "etCalculatorILi1EjESD_NS0_6memory12LoadWithCastILi1EEENSE_13StoreWithCastILi1EEEEEviT_T0"
    "_T2_T3_T4_T5_",
    44,
    7,
    {{0, 4}, {4, 1}, {8, 16}, {24, 1}, {25, 1}, {28, 8}, {36, 8}}};
static const struct torch_kernel MEAN __attribute__((unused)) = {
    "_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIfNS0_7MeanOpsIffffEEjfLi4ELi4EEEEEv"
    "T1_",
    1048,
    1,
    {{0, 1048}}};
static const struct torch_kernel ARG_MAX __attribute__((unused)) = {
    "_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIfNS0_9ArgMaxOpsIfEEjlLi4ELi4EEEEEvT1_", 1064, 1, {{0, 1064}}};
static const struct torch_kernel SOFTMAX __attribute__((unused)) = {
    "_ZN43_GLOBAL__N__b6de9c8c_10_SoftMax_cu_9f978f6320softmax_warp_forwardIfffLi3ELb0ELb0EEE"
    "vPT0_PKT_iiiPKbib",
    45,
    8,
    {{0, 8}, {8, 8}, {16, 4}, {20, 4}, {24, 4}, {32, 8}, {40, 4}, {44, 1}}};
static const struct torch_kernel SOFTMAX_SPATIAL __attribute__((unused)) = {
    "_ZN2at6native43_GLOBAL__N__b6de9c8c_10_SoftMax_cu_9f978f6326cunn_SpatialSoftMaxForwardIf"
    "ffiNS1_22SoftMaxForwardEpilogueEEEvPT1_PKT_T2_S9_S9_",
    28,
    5,
    {{0, 8}, {8, 8}, {16, 4}, {20, 4}, {24, 4}}};
static const struct torch_kernel LAYER_NORM __attribute__((unused)) = {
    "_ZN2at6native53_GLOBAL__N__21739cd4_20_layer_norm_kernel_cu_9c5ada8a28vectorized_layer_n"
    "orm_kernelIffLb0EEEviT0_PKT_S6_S6_PS3_S7_PS4_",
    56,
    8,
    {{0, 4}, {4, 4}, {8, 8}, {16, 8}, {24, 8}, {32, 8}, {40, 8}, {48, 8}}};
static const struct torch_kernel MAX_POOL __attribute__((unused)) = {
    "_ZN2at6native52_GLOBAL__N__e57809e0_19_DilatedMaxPool2d_cu_6258b57421max_pool_forward_nc"
    "hwIfiEEvT0_PKT_llliiiiiiiiiiPS4_Pl",
    96,
    17,
    {{0, 4},
     {8, 8},
     {16, 8},
     {24, 8},
     {32, 8},
     {40, 4},
     {44, 4},
     {48, 4},
     {52, 4},
     {56, 4},
     {60, 4},
     {64, 4},
     {68, 4},
     {72, 4},
     {76, 4},
     {80, 8},
     {88, 8}}};
static const struct torch_kernel BILINEAR __attribute__((unused)) = {
    "_ZN2at6native54_GLOBAL__N__483be8b1_21_UpSampleBilinear2d_cu_607db5e329upsample_bilinear"
    "2d_out_frameIffEEviT0_S3_bN5torch10headeronly6detail27GenericPackedTensorAccessorINS6_14"
    "TensorAccessorIN3c108ArrayRefIlEEKT_Lm3ENS5_16DefaultPtrTraitsElEENS_6detail16IndexBound"
    "sCheckILm4ElEESD_Lm4ESE_lEENS7_INS8_ISB_SC_Lm3ESE_lEESI_SC_Lm4ESE_lEE",
    160,
    6,
    {{0, 4}, {4, 4}, {8, 4}, {12, 1}, {16, 72}, {88, 72}}};
static const struct torch_kernel BICUBIC __attribute__((unused)) = {
    "_ZN2at6native53_GLOBAL__N__9a173a14_20_UpSampleBicubic2d_cu_80ee57ca28upsample_bicubic2d"
    "_out_frameIffEEviT0_S3_bN5torch10headeronly6detail27GenericPackedTensorAccessorINS6_14Te"
    "nsorAccessorIN3c108ArrayRefIlEEKT_Lm3ENS5_16DefaultPtrTraitsElEENS_6detail16IndexBoundsC"
    "heckILm4ElEESD_Lm4ESE_lEENS7_INS8_ISB_SC_Lm3ESE_lEESI_SC_Lm4ESE_lEE",
    160,
    6,
    {{0, 4}, {4, 4}, {8, 4}, {12, 1}, {16, 72}, {88, 72}}};
static const struct torch_kernel CAT __attribute__((unused)) = {
    "_ZN2at6native40_GLOBAL__N__0f1a8107_8_Shape_cu_49f7391c26CatArrayBatchedCopy_contigINS1_"
    "10OpaqueTypeILj4EEEjLi2ELi128ELi1EEEvPT_NS1_25CatArrInputTensorMetadataIS5_T0_XT2_EXT3_E"
    "EENS1_16TensorSizeStrideIS8_Lj4EEEiS8_",
    2768,
    5,
    {{0, 8}, {8, 2720}, {2728, 32}, {2760, 4}, {2764, 4}}};
static const struct torch_kernel CAT_VECTORIZED __attribute__((unused)) = {
    "_ZN2at6native40_GLOBAL__N__0f1a8107_8_Shape_cu_49f7391c30CatArrayBatchedCopy_vectorizedI"
    "NS1_10OpaqueTypeILj4EEEjLi2ELi128ELi1ELi16ELi4EEEvPcNS1_25CatArrInputTensorMetadataIT_T0"
    "_XT2_EXT3_EEENS1_16TensorSizeStrideIS8_Lj4EEEiS8_",
    2768,
    5,
    {{0, 8}, {8, 2720}, {2728, 32}, {2760, 4}, {2764, 4}}};
static const struct torch_kernel SELECT __attribute__((unused)) = {
    "_ZN2at6native44_GLOBAL__N__50c743a2_11_Indexing_cu_89862edb21indexSelectSmallIndexIfljLi"
    "2ELi2ELin2EEEvNS_4cuda6detail10TensorInfoIT_T1_EENS5_IKS6_S7_EENS5_IKT0_S7_EEiiS7_l",
    672,
    7,
    {{0, 216}, {216, 216}, {432, 216}, {648, 4}, {652, 4}, {656, 4}, {664, 8}}};
static const struct torch_kernel ARANGE __attribute__((unused)) = {
    "_ZN50_GLOBAL__N__fa15d16e_17_RangeFactories_cu_38772b0829elementwise_kernel_with_indexIi"
    "ZZZN2at6native15arange_cuda_outERKN3c106ScalarES6_S6_RNS1_6TensorEENKUlvE_clEvENKUlvE2_c"
    "lEvEUllE_EEvT_T0_PN15function_traitsISD_E11result_typeE",
    40,
    3,
    {{0, 4}, {8, 24}, {32, 8}}};
static const struct torch_kernel ATTENTION __attribute__((unused)) = {
    "_Z39fmha_cutlassF_f32_aligned_64x64_rf_sm80N22PyTorchMemEffAttention15AttentionKernelIfN"
    "7cutlass4arch4Sm80ELb1ELi64ELi64ELi64ELb1ELb1EE6ParamsE",
    272,
    1,
    {{0, 272}}};

#endif
