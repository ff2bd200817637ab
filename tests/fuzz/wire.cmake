# SPDX-License-Identifier: Apache-2.0
rrto_fuzz_target(wire LIBS rrto_wire rrto_base PkgConfig::PROTOBUFC)
rrto_fuzz_target(records LIBS rrto_replay rrto_compress rrto_codec rrto_base PkgConfig::ZSTD PkgConfig::PROTOBUFC)
