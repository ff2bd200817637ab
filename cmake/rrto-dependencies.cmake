# SPDX-License-Identifier: Apache-2.0
# Libraries from the system, found once. A room links the imported target, for example PkgConfig::UV.
# scripts/install-packages installs them all on Debian.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_program(RRTO_PYTHON3 NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH) # the system's, not one from a version manager
if(NOT RRTO_PYTHON3)
    find_program(RRTO_PYTHON3 NAMES python3 REQUIRED)
endif()

pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
if(NOT RRTO_CLIENT_ONLY)
    pkg_check_modules(INIH REQUIRED IMPORTED_TARGET inih)
    pkg_check_modules(OPENBLAS IMPORTED_TARGET openblas)
endif()
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
