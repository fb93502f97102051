# cmake/tests.cmake -- tests/**/test_*.c (cmocka) and tests/**/test_*.sh as CTest tests.
# A test is named by its path: tests/ring/test_wire.c is ring.wire. tests/support/*.c is part of
# every C test. Tests in tests/native/ link the native halves and nothing else of ours.
# Every test sees VRINGLAB (the tool), BUILD (binary directory) and SRC (the root). A shell test
# that cannot run here says why and exits 77. A test that reads UPDATE_GOLDEN is labelled golden.
# SPDX-License-Identifier: BSD-2-Clause
file(GLOB_RECURSE c_tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/test_*.c")
file(GLOB_RECURSE sh_tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/test_*.sh")
vringlab_glob(support_sources tests/support/*.c)

find_path(CMOCKA_INCLUDE_DIR cmocka.h)
find_library(CMOCKA_LIBRARY cmocka)
if(NOT CMOCKA_INCLUDE_DIR OR NOT CMOCKA_LIBRARY)
  message(STATUS "vringlab: no tests in C: cmocka is missing (Debian: libcmocka-dev)")
  set(c_tests "")
endif()
find_program(BASH_PROGRAM bash)
if(NOT BASH_PROGRAM)
  message(STATUS "vringlab: no tests in shell: bash is missing")
  set(sh_tests "")
endif()

# "tests/a/b/test_c.sh" -> "a.b.c"
function(vringlab_test_name path out)
  file(RELATIVE_PATH name "${CMAKE_SOURCE_DIR}/tests" "${path}")
  string(REGEX REPLACE "(^|/)test_([^/]*)[.](c|sh)$" "\\1\\2" name "${name}")
  string(REPLACE "/" "." name "${name}")
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

function(vringlab_test_properties name source)
  set_tests_properties(
    "${name}" PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900 WORKING_DIRECTORY "${CMAKE_BINARY_DIR}")
  set_property(TEST "${name}" PROPERTY ENVIRONMENT "VRINGLAB=${CMAKE_BINARY_DIR}/vringlab"
               "BUILD=${CMAKE_BINARY_DIR}" "SRC=${CMAKE_SOURCE_DIR}")
  file(STRINGS "${source}" golden REGEX "UPDATE_GOLDEN" LIMIT_COUNT 1)
  if(golden)
    set_tests_properties("${name}" PROPERTIES LABELS golden)
  endif()
endfunction()

if(c_tests AND support_sources)
  add_library(vringlab_test_support OBJECT ${support_sources})
  target_compile_definitions(vringlab_test_support PRIVATE VIRTQ_PORT_MODEL=1)
  target_include_directories(vringlab_test_support SYSTEM PRIVATE "${CMOCKA_INCLUDE_DIR}")
endif()

foreach(source IN LISTS c_tests)
  vringlab_test_name("${source}" name)
  string(REPLACE "." "_" target "test_${name}")
  add_executable(${target} "${source}")
  if(source MATCHES "/tests/native/")
    target_link_libraries(${target} PRIVATE vringlab_native)
  else()
    vringlab_link(${target})
    target_link_libraries(${target} PRIVATE vringlab_trace)
    if(support_sources)
      target_link_libraries(${target} PRIVATE vringlab_test_support)
    endif()
    if(source MATCHES "/tests/fuzz/")
      target_link_libraries(${target} PRIVATE vringlab_fuzz vringlab_feedback)
    endif()
  endif()
  # tests/cmd/test_x.c is of tools/cmd/x.c, which no library has.
  string(REPLACE "tests/cmd/test_" "tools/cmd/" of_cmd "${source}")
  if(NOT of_cmd STREQUAL "${source}")
    target_sources(${target} PRIVATE "${of_cmd}")
    target_link_libraries(${target} PRIVATE m)
  endif()
  target_include_directories(${target} SYSTEM PRIVATE "${CMOCKA_INCLUDE_DIR}")
  target_link_libraries(${target} PRIVATE "${CMOCKA_LIBRARY}")
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  add_test(NAME "${name}" COMMAND ${target})
  vringlab_test_properties("${name}" "${source}")
endforeach()

foreach(source IN LISTS sh_tests)
  vringlab_test_name("${source}" name)
  add_test(NAME "${name}" COMMAND "${BASH_PROGRAM}" "${source}")
  vringlab_test_properties("${name}" "${source}")
endforeach()
