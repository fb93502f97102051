# cmake/harness.cmake -- fuzz/fuzz_<target>.c as executables: the same objects under each engine.
#   libfuzzer   clang's engine
#   afl         AFL++'s libFuzzer driver (the compiler is afl-clang-fast)
#   (empty)     fuzz/standalone_main.c, which replays files
# LIB_FUZZING_ENGINE, where it is set, is linked instead, as OSS-Fuzz asks: options and archives in
# their order, behind the objects, with the C++ compiler if the environment names one (CXX). Beside
# it each harness is linked once more with fuzz/standalone_main.c, as replay/fuzz_<target>.
# Harnesses link nothing beyond libc: no SQLite.
# SPDX-License-Identifier: BSD-2-Clause
vringlab_glob(harness_mains fuzz/fuzz_*.c)
vringlab_glob(harness_common fuzz/*.c)
set(harness_standalone "${PROJECT_SOURCE_DIR}/fuzz/standalone_main.c")
if(harness_mains)
  list(REMOVE_ITEM harness_common ${harness_mains})
endif()
list(REMOVE_ITEM harness_common "${harness_standalone}")
if(VRINGLAB_LIBRARIES_ONLY OR NOT PROJECT_IS_TOP_LEVEL)
  set(harness_mains "")
endif()

# Of what harnesses share only the states are to be counted: which world an input needs, and whether
# it is open already, is nothing to search for, and would differ from run to run.
set(harness_uncovered ${harness_common})
list(FILTER harness_uncovered EXCLUDE REGEX "/feedback[.]c$")
vringlab_objects(vringlab_feedback fuzz/feedback.c)
vringlab_set(vringlab_feedback COVERED DEFINE VIRTQ_PORT_MODEL=1)
vringlab_objects(vringlab_fuzz ${harness_uncovered})
vringlab_set(vringlab_fuzz NOT_COVERED DEFINE VIRTQ_PORT_MODEL=1)

set(harness_engine "")
set(harness_extra "")
if(LIB_FUZZING_ENGINE)
  message(STATUS "vringlab: harnesses use LIB_FUZZING_ENGINE=${LIB_FUZZING_ENGINE}")
  separate_arguments(harness_engine UNIX_COMMAND "${LIB_FUZZING_ENGINE}")
  if(DEFINED ENV{CXX} OR CMAKE_CXX_COMPILER)
    enable_language(CXX)
    separate_arguments(harness_link UNIX_COMMAND "${VRINGLAB_ENGINE_LINK}")
  else()
    list(APPEND harness_engine stdc++ m pthread) # engines are C++
  endif()
elseif(VRINGLAB_ENGINE STREQUAL "libfuzzer" OR VRINGLAB_ENGINE STREQUAL "afl")
  set(harness_engine -fsanitize=fuzzer)
elseif(VRINGLAB_ENGINE STREQUAL "")
  set(harness_extra "${harness_standalone}")
else()
  message(FATAL_ERROR "VRINGLAB_ENGINE=${VRINGLAB_ENGINE}: it is empty, libfuzzer or afl")
endif()

if(harness_extra AND NOT EXISTS "${harness_extra}" AND harness_mains)
  message(STATUS "vringlab: no harnesses: fuzz/standalone_main.c is missing")
  set(harness_mains "")
endif()

# AFL++'s mutator is a library of its own, loaded by afl-fuzz: neither instrumented nor sanitized.
if(CMAKE_C_COMPILER MATCHES "/afl-[a-z-]+$" AND NOT LIB_FUZZING_ENGINE)
  set(mutator_flags ${vringlab_no_coverage} -fno-sanitize=all)
  add_library(vringlab_mutator MODULE fuzz/afl/mutator_afl.c ${harness_common} ${model_sources}
              ${lab_sources} ${vringlab_half_sources})
  target_compile_definitions(vringlab_mutator PRIVATE VIRTQ_PORT_MODEL=1)
  target_compile_options(vringlab_mutator PRIVATE ${mutator_flags})
  target_link_options(vringlab_mutator PRIVATE ${mutator_flags})
  target_link_libraries(vringlab_mutator PRIVATE ${CMAKE_DL_LIBS})
  set_target_properties(vringlab_mutator PROPERTIES PREFIX "" C_VISIBILITY_PRESET default
                        EXPORT_COMPILE_COMMANDS OFF
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  # What vringlab bench afl needs: a harness that does nothing, and a corpus in turns.
  add_library(vringlab_rotate MODULE fuzz/afl/rotate_afl.c)
  target_compile_options(vringlab_rotate PRIVATE ${mutator_flags})
  target_link_options(vringlab_rotate PRIVATE ${mutator_flags})
  set_target_properties(vringlab_rotate PROPERTIES PREFIX "" EXPORT_COMPILE_COMMANDS OFF
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  add_executable(afl_empty fuzz/afl/empty.c)
  target_link_options(afl_empty PRIVATE -fsanitize=fuzzer)
  set_target_properties(afl_empty PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
endif()

# Link one harness from what the other form of it was linked from, too.
function(vringlab_harness target main)
  add_executable(${target} "${main}" ${ARGN})
  vringlab_link(${target})
  vringlab_set(${target} COVERED)
  target_link_libraries(${target} PRIVATE vringlab_fuzz vringlab_feedback)
endfunction()

foreach(main IN LISTS harness_mains)
  get_filename_component(name "${main}" NAME_WE)
  vringlab_harness(${name} "${main}" ${harness_extra})
  if(LIB_FUZZING_ENGINE)
    target_link_libraries(${name} PRIVATE ${harness_engine})
    if(CMAKE_CXX_COMPILER)
      set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
      target_link_options(${name} PRIVATE ${harness_link})
    endif()
    vringlab_harness(replay_${name} "${main}" "${harness_standalone}")
    set_target_properties(replay_${name} PROPERTIES OUTPUT_NAME "${name}"
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/replay")
  else()
    target_link_options(${name} PRIVATE ${harness_engine})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
endforeach()

# What tools/minimise.sh runs: libFuzzer's edges without libFuzzer.
if(VRINGLAB_ENGINE STREQUAL "libfuzzer" AND NOT LIB_FUZZING_ENGINE)
  vringlab_glob(minimise_sources fuzz/minimise/*.c)
  vringlab_objects(vringlab_minimise ${minimise_sources})
  vringlab_set(vringlab_minimise NOT_COVERED DEFINE VIRTQ_PORT_MODEL=1)
  foreach(main IN LISTS harness_mains)
    get_filename_component(name "${main}" NAME_WE)
    string(REPLACE "fuzz_" "minimise_" name "${name}")
    vringlab_harness(${name} "${main}")
    target_link_libraries(${name} PRIVATE vringlab_minimise)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
  endforeach()
endif()
