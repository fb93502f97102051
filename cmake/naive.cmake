# cmake/naive.cmake -- the naive baseline: fuzz/naive/ over the native build of the halves.
# naive_{device,driver,pci} are libFuzzer's with the halves instrumented; naive-players/<name>.so is
# a faulty half with the cases of its side, made of the same patched copies as players/<name>.so
# (cmake/faults.cmake). Only with AddressSanitizer is there something that a case could find.
# SPDX-License-Identifier: BSD-2-Clause
if(NOT VRINGLAB_NAIVE)
  return()
endif()
if(NOT CMAKE_C_FLAGS MATCHES "-fsanitize=[a-z,]*address" OR
   NOT VRINGLAB_ENGINE STREQUAL "libfuzzer")
  message(FATAL_ERROR "VRINGLAB_NAIVE=ON needs AddressSanitizer and VRINGLAB_ENGINE=libfuzzer")
endif()

# Compile files of the halves, or what stands around them, on the native port.
function(vringlab_naive_objects name)
  add_library(${name} OBJECT ${ARGN})
  vringlab_set(${name} COVERED)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
endfunction()

set(naive_root "${CMAKE_SOURCE_DIR}/fuzz/naive")
vringlab_naive_objects(naive_ring ${vringlab_ring_sources} "${vringlab_port_native}"
                       "${naive_root}/naive_world.c")
vringlab_naive_objects(naive_device_half ${vringlab_device_sources})
vringlab_naive_objects(naive_driver_half ${vringlab_driver_sources})
vringlab_naive_objects(naive_device_side "${naive_root}/side_device.c")
vringlab_naive_objects(naive_driver_side "${naive_root}/side_driver.c"
                       "${naive_root}/naive_config.c")
set_target_properties(naive_ring naive_device_half naive_driver_half
                      PROPERTIES EXPORT_COMPILE_COMMANDS OFF)

# Both sides' cases are in the harnesses, where their entries need two names.
vringlab_naive_objects(naive_both "${naive_root}/side_device.c" "${naive_root}/side_driver.c"
                       "${naive_root}/naive_config.c" "${naive_root}/naive_open.c")
set_target_properties(naive_both PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
foreach(side driver device)
  set(renamed "naive_player_entry=naive_player_${side}_entry")
  set_property(SOURCE "${naive_root}/side_${side}.c" APPEND PROPERTY COMPILE_DEFINITIONS
               "$<$<STREQUAL:$<TARGET_PROPERTY:NAME>,naive_both>:${renamed}>")
endforeach()

foreach(target device driver pci)
  add_executable(naive_${target} "${naive_root}/naive_${target}.c")
  target_link_libraries(naive_${target} PRIVATE naive_both naive_ring naive_device_half
                                                naive_driver_half ${CMAKE_DL_LIBS})
  target_link_options(naive_${target} PRIVATE -fsanitize=fuzzer)
  set_target_properties(naive_${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
endforeach()
