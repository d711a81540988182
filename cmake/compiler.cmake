# Compilers, flags and build speed. Presets (CMakePresets.json) choose between what is offered here.

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} is too old: GCC 12 miscompiles coroutines (temporaries in co_await are "
    "destroyed twice, and a co_await in a condition resumes at the wrong place). Use clang 17 or later "
    "(Debian 12: apt install clang-19, then -DCMAKE_CXX_COMPILER=clang++-19, as the presets do) or GCC 14.")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 17)
  message(FATAL_ERROR "clang ${CMAKE_CXX_COMPILER_VERSION} is too old for std::expected; use clang 17 or later.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(FAIRLEAD_FUZZ "Build the libFuzzer targets in fuzz/" OFF)
option(FAIRLEAD_TESTS "Build the unit tests" ON)
set(FAIRLEAD_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
option(FAIRLEAD_COVERAGE "Instrument for llvm-cov" OFF)
option(FAIRLEAD_TIDY "Run clang-tidy on every file" OFF)

add_compile_options(-Wall -Wextra -Wpedantic -Wno-missing-field-initializers -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough -Werror
                    -fno-omit-frame-pointer -fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
# Everything is part of a position-independent executable; said once, so that libraries and programs share one
# precompiled header.
add_compile_options(-fPIE)
add_link_options(-pie -Wl,-z,relro -Wl,-z,now)
# GNU ld, Debian's default, is slow on static libraries; lld stands beside the compiler.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
  find_program(FAIRLEAD_LLD NAMES ld.lld-19 ld.lld)
  if(FAIRLEAD_LLD)
    add_link_options(--ld-path=${FAIRLEAD_LLD})
  endif()
endif()

if(FAIRLEAD_SANITIZE)
  add_compile_options(-fsanitize=${FAIRLEAD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FAIRLEAD_SANITIZE})
endif()
if(FAIRLEAD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(FAIRLEAD_COVERAGE)
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
if(FAIRLEAD_TIDY)
  find_program(FAIRLEAD_CLANG_TIDY NAMES clang-tidy-19 clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY ${FAIRLEAD_CLANG_TIDY} --quiet)
endif()

# ccache makes a second build (another preset, a fresh clone) cheap. It knows the precompiled header by what it is made from
# (cmake/house.cmake writes that beside it), not by its bytes, which hold the path of this checkout.
find_program(FAIRLEAD_CCACHE ccache)
if(FAIRLEAD_CCACHE AND NOT FAIRLEAD_TIDY)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_PCH_EXTSUM=1 CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${FAIRLEAD_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Time stamps left out, and only paths that ccache can make relative.
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
    set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)
  endif()
endif()
