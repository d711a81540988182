# fairlead_folder(NAME ARROWS folder...): the static library of src/NAME (all its .cc files but *_test.cc), its unit
# tests as the program NAME_test, and the folders it may use. A new file needs no line here or anywhere.
function(fairlead_folder name)
  cmake_parse_arguments(arg "" "" "ARROWS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.h)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")

  set(library fairlead_${name})
  list(TRANSFORM arg_ARROWS PREPEND fairlead_)
  if(sources)
    add_library(${library} STATIC ${sources} ${headers})
    target_include_directories(${library} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${library} PUBLIC ${arg_ARROWS} ${${library}_LIBRARIES})
    fairlead_precompile(${library})
  else()
    add_library(${library} INTERFACE)
    target_include_directories(${library} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(${library} INTERFACE ${arg_ARROWS} ${${library}_LIBRARIES})
  endif()

  if(tests AND FAIRLEAD_TESTS)
    fairlead_test(${name}_test ${library} ${tests})
  endif()
endfunction()

# fairlead_embed(LIBRARY FOLDER): every file below FOLDER of the library's own becomes a pair of path and text in
# "embedded_FOLDER.h", sorted: `inline constexpr std::pair<std::string_view, std::string_view> kFOLDER[]`.
function(fairlead_embed library folder)
  string(REPLACE "fairlead_" "src/" home ${library})
  set(root ${CMAKE_SOURCE_DIR}/${home}/${folder})
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${root} ${root}/*)
  list(SORT files)
  set(header "// Made by CMake from ${home}/${folder}.\n#pragma once\n\n#include <string_view>\n#include <utility>\n\ninline constexpr std::pair<std::string_view, std::string_view> k_${folder}[] = {\n")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${root}/${file})
    file(READ ${root}/${file} text)
    string(APPEND header "{\"${file}\", R\"embedded(${text})embedded\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/embedded/embedded_${folder}.h CONTENT "@header@};\n" @ONLY)
  target_include_directories(${library} PRIVATE ${CMAKE_BINARY_DIR}/embedded)
endfunction()

# fairlead_test(NAME LIBRARY file...): a GoogleTest program.
function(fairlead_test name library)
  add_executable(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE ${library} GTest::gmock GTest::gtest_main)
  # For tests that read data from tests/golden or fuzz/corpus.
  target_compile_definitions(${name} PRIVATE FAIRLEAD_SOURCE="${CMAKE_SOURCE_DIR}")
  fairlead_precompile(${name})
  set_property(GLOBAL APPEND PROPERTY FAIRLEAD_UNIT_TESTS ${name})
endfunction()

# fairlead_program(NAME SOURCES file... FOLDERS folder...): a program, put straight into the build folder.
function(fairlead_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;FOLDERS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  list(TRANSFORM arg_FOLDERS PREPEND fairlead_)
  target_link_libraries(${name} PRIVATE ${arg_FOLDERS})
  target_compile_definitions(${name} PRIVATE FAIRLEAD_VERSION="${PROJECT_VERSION}")
  fairlead_precompile(${name})
  set_property(GLOBAL APPEND PROPERTY FAIRLEAD_PROGRAMS ${name})
endfunction()

# One precompiled header, built once with base and reused by every target after it.
function(fairlead_precompile target)
  if(FAIRLEAD_TIDY)
    return()
  endif()
  if(target STREQUAL fairlead_base)
    target_precompile_headers(${target} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)
    # For ccache: what the header is made from. The flags are part of what it looks at anyway.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)
    file(SHA256 ${CMAKE_SOURCE_DIR}/cmake/precompiled.h content)
    file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/${target}.dir/cmake_pch.hxx.pch.sum
         "${content} ${CMAKE_CXX_COMPILER_VERSION}\n")
  else()
    target_link_libraries(${target} PRIVATE fmt::fmt)
    target_precompile_headers(${target} REUSE_FROM fairlead_base)
  endif()
endfunction()

# fairlead_fuzz_target(NAME SOURCES file... FOLDERS folder...): a libFuzzer program. ./test starts it with the corpus
# fuzz/corpus/NAME and the dictionary fuzz/NAME.dict where they exist.
function(fairlead_fuzz_target name)
  fairlead_program(${name} ${ARGN})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY FAIRLEAD_FUZZ_TARGETS ${name})
endfunction()

# The targets programs (all that ships), unit_tests and fuzz_targets build all of their kind, and BUILD/KIND.txt names
# them, for ./test.
function(fairlead_list_programs)
  foreach(kind programs unit_tests fuzz_targets)
    string(TOUPPER FAIRLEAD_${kind} property)
    get_property(names GLOBAL PROPERTY ${property})
    list(JOIN names "\n" lines)
    file(WRITE ${CMAKE_BINARY_DIR}/${kind}.txt "${lines}\n")
    add_custom_target(${kind} DEPENDS ${names})
  endforeach()
endfunction()
