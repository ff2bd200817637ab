# SPDX-License-Identifier: Apache-2.0
# The functions that rooms use in their CMakeLists.txt.

# Adds a folder that has a CMakeLists.txt. A macro: what the folder sets for its PARENT_SCOPE has to reach the caller.
macro(rrto_add_room folder)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/CMakeLists.txt)
        add_subdirectory(${folder})
    endif()
endmacro()

# Adds each folder below this one that has a CMakeLists.txt, in alphabetical order.
function(rrto_add_children)
    file(GLOB children CONFIGURE_DEPENDS LIST_DIRECTORIES false ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
    list(SORT children)
    foreach(child ${children})
        get_filename_component(folder ${child} DIRECTORY)
        add_subdirectory(${folder})
    endforeach()
endfunction()

# rrto_unit_test(NAME [SOURCES a.c ...] [LIBS rrto_base ...])
# One cmocka program, registered under its name with the label "short". SOURCES: NAME.c by default.
# A test whose libraries are not part of this build is left out, with a line.
function(rrto_unit_test name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    if(NOT CMOCKA_FOUND)
        message(STATUS "cmocka is missing: no unit test ${name}")
        return()
    endif()
    foreach(lib ${arg_LIBS})
        if(lib MATCHES "^rrto_" AND NOT TARGET ${lib})
            message(STATUS "no ${lib} here: no unit test ${name}")
            return()
        endif()
    endforeach()
    if(NOT arg_SOURCES)
        set(arg_SOURCES ${name}.c)
    endif()
    add_executable(test_${name} ${arg_SOURCES})
    set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/programs OUTPUT_NAME ${name})
    target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit) # "test.h"
    target_link_libraries(test_${name} PRIVATE ${arg_LIBS} PkgConfig::CMOCKA Threads::Threads)
    add_test(NAME ${name} COMMAND test_${name})
    set(timeout 120)
    if(CMAKE_CROSSCOMPILING OR RRTO_SANITIZE) # an emulator takes ten times as long, ThreadSanitizer at times a hundred
        set(timeout 600)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS short TIMEOUT ${timeout})
endfunction()

# rrto_script_test(NAME COMMAND ... [LABEL short] [TIMEOUT seconds])
# A program or script as a test; exit status 77 means skipped (it says why). It gets SOURCE_DIR and BUILD_DIR in its
# environment (not RRTO_*: those names belong to the programs under test).
# Scripts run programs of the build on the machine that builds: none of them when it is built for another kind of machine.
function(rrto_script_test name)
    if(CMAKE_CROSSCOMPILING)
        return()
    endif()
    cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
    if(NOT arg_LABEL)
        set(arg_LABEL short)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    set(limit_s 60) # of a program that a test runs
    if(RRTO_SANITIZE) # some programs take ten times as long
        math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 4")
        set(limit_s 240)
    endif()
    add_test(NAME ${name} COMMAND ${arg_COMMAND})
    set_tests_properties(${name} PROPERTIES
        LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "SOURCE_DIR=${CMAKE_SOURCE_DIR};BUILD_DIR=${CMAKE_BINARY_DIR};TEST_LIMIT_S=${limit_s}")
endfunction()
