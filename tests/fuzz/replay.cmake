# SPDX-License-Identifier: Apache-2.0
# What a server sends, as the client receives it. (The record stream, the other direction: wire.cmake.)
rrto_fuzz_target(receiver LIBS rrto_replay rrto_seq rrto_report rrto_wire rrto_api rrto_codec rrto_compress rrto_base)
if(TARGET fuzz_receiver)
    target_link_libraries(fuzz_receiver PRIVATE PkgConfig::ZSTD PkgConfig::PROTOBUFC)
endif()
