# SPDX-License-Identifier: Apache-2.0
# Toolchain file: the client's side (doors, client library, rrto) for aarch64 Linux, built on another machine with Debian's cross compiler
# and its arm64 packages (scripts/install-packages aarch64). Generators and protoc-c run on the machine that builds.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Libraries and headers are the multiarch ones, below /usr like the machine's own; only programs are looked for among those that run here.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_PATH} "")

# Unit tests run under qemu-user where it is installed, with the arm64 C library that the packages bring. No "qemu -L /usr/aarch64-linux-gnu":
# the loader of the cross compiler beside the C library of the packages hangs in pthread_create. The limit: qemu 7 goes through a mapping page
# by page, which the terabytes of addresses that a client holds at first are too many for.
find_program(RRTO_QEMU_AARCH64 qemu-aarch64)
if(RRTO_QEMU_AARCH64)
    set(CMAKE_CROSSCOMPILING_EMULATOR prlimit --as=25769803776 ${RRTO_QEMU_AARCH64})
endif()
