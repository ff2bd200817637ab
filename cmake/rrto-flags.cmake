# SPDX-License-Identifier: Apache-2.0
# Compiler flags: the language, the warnings, the build types and the sanitizers.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# Contracts (assert) stay on in every build type: no NDEBUG anywhere.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

# One _GNU_SOURCE for everybody; the empty value agrees with a plain `#define _GNU_SOURCE`.
add_compile_options(-D_GNU_SOURCE=)
add_compile_options($<$<COMPILE_LANGUAGE:C>:-Wall> $<$<COMPILE_LANGUAGE:C>:-Wextra> $<$<COMPILE_LANGUAGE:C>:-Wshadow>
                    $<$<COMPILE_LANGUAGE:C>:-Wconversion> $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
                    $<$<COMPILE_LANGUAGE:C>:-Wvla> $<$<COMPILE_LANGUAGE:C>:-fno-strict-aliasing>)
# Paths in assertions and debug information are relative to the tree: builds of two clones are alike.
add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

option(RRTO_WERROR "Warnings are errors" OFF)
if(RRTO_WERROR)
    add_compile_options(-Werror)
endif()

# RRTO_SANITIZE: what -fsanitize= gets, for example address,undefined or thread.
set(RRTO_SANITIZE "" CACHE STRING "Sanitizers for everything, for example address,undefined")
if(RRTO_SANITIZE)
    add_compile_options(-fsanitize=${RRTO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${RRTO_SANITIZE})
endif()

# RRTO_FUZZER (clang): coverage in everything; the targets in tests/fuzz link libFuzzer.
option(RRTO_FUZZER "Build the fuzz targets with libFuzzer (clang only)" OFF)
if(RRTO_FUZZER)
    add_compile_options(-fsanitize=fuzzer-no-link)
    add_link_options(-fsanitize=fuzzer-no-link)
endif()

# RRTO_LTO: the client library is optimised as a whole (GCC), which takes about a tenth off a replayed call: its way goes through five rooms, in
# functions of a few lines. Objects hold ordinary code as well, for everything else that links them: GCC optimises each program as a whole,
# unless it is told not to at its link.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT RRTO_SANITIZE AND NOT RRTO_FUZZER)
    set(lto_default ON)
else()
    set(lto_default OFF)
endif()
option(RRTO_LTO "Optimise the client library as a whole" ${lto_default})
set(RRTO_LTO_COMPILE "")
set(RRTO_LTO_LINK "")
if(RRTO_LTO)
    set(RRTO_LTO_COMPILE $<$<COMPILE_LANGUAGE:C>:-flto=auto> $<$<COMPILE_LANGUAGE:C>:-ffat-lto-objects>)
    set(RRTO_LTO_LINK -flto=auto)
    add_link_options($<$<NOT:$<BOOL:$<TARGET_PROPERTY:RRTO_LTO>>>:-fno-lto>)
endif()
