# cmake/buildid.cmake -- the build id, known to one file only: tools/cmd/main.c.
# "<version> <git hash or nogit>[+dirty] <compiler> <preset>". It is taken when CMake configures,
# which tools/dev does before each build; every other object stays independent of it.
# SPDX-License-Identifier: BSD-2-Clause
find_package(Git QUIET)
set(hash "")
set(changes "")
if(GIT_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --short=12 HEAD
                  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
                  OUTPUT_VARIABLE hash ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE
                  RESULT_VARIABLE git_failed)
  if(git_failed)
    set(hash "")
  else()
    execute_process(COMMAND "${GIT_EXECUTABLE}" status --porcelain
                    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
                    OUTPUT_VARIABLE changes ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  endif()
endif()
if(hash STREQUAL "")
  set(hash "nogit")
elseif(NOT changes STREQUAL "")
  string(APPEND hash "+dirty")
endif()
string(TOLOWER "${CMAKE_C_COMPILER_ID}" compiler)
if(compiler STREQUAL "gnu")
  set(compiler "gcc")
endif()
string(APPEND compiler "-${CMAKE_C_COMPILER_VERSION}")
set_property(SOURCE "${CMAKE_SOURCE_DIR}/tools/cmd/main.c" APPEND PROPERTY COMPILE_DEFINITIONS
             "VL_BUILD_ID=\"${PROJECT_VERSION} ${hash} ${compiler} ${VRINGLAB_PRESET}\"")
