# cmake/package.cmake -- the libraries that other projects link, and what is installed.
#
#   vringlab::vringlab  libvringlab.a        both halves, the machine, the lab, tools/plug
#   vringlab::fuzz      libvringlab_fuzz.a   a harness for a half of one's own: vringlab_fuzz.h
#   vringlab::watch     libvringlab_watch.a  what code compiled with -fsanitize=thread calls, in
#                                            place of that sanitizer's runtime: tools/plug/watch/
#   vringlab::trace     libvringlab_trace.a  recording; only where SQLite is
#
# The same names come from add_subdirectory(), from find_package(vringlab), and (without "::", with
# "-" or alone) from pkg-config. Headers are installed below include/vringlab with the directories
# that they have here, since they include each other by those.
# SPDX-License-Identifier: BSD-2-Clause
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ---- archives ----------------------------------------------------------------------------------

set(vringlab_public_includes
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/vringlab>)

# An archive NAME as vringlab::EXPORTED; the other arguments are its sources or objects.
function(vringlab_archive name exported)
  if(NOT TARGET ${name})
    add_library(${name} STATIC ${ARGN})
  endif()
  add_library(vringlab::${exported} ALIAS ${name})
  target_include_directories(${name} INTERFACE "${vringlab_public_includes}")
  target_compile_definitions(${name} INTERFACE VIRTQ_PORT_MODEL=1)
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${exported} EXPORT_COMPILE_COMMANDS OFF)
  install(TARGETS ${name} EXPORT vringlab ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

vringlab_archive(vringlab_whole vringlab $<TARGET_OBJECTS:vringlab_halves>
                 $<TARGET_OBJECTS:vringlab_model> $<TARGET_OBJECTS:vringlab_lab>)
set_target_properties(vringlab_whole PROPERTIES OUTPUT_NAME vringlab LINKER_LANGUAGE C)
target_link_libraries(vringlab_whole INTERFACE ${CMAKE_DL_LIBS})

set(fuzz_objects $<TARGET_OBJECTS:vringlab_fuzz>)
if(TARGET vringlab_feedback)
  list(APPEND fuzz_objects $<TARGET_OBJECTS:vringlab_feedback>)
endif()
vringlab_archive(vringlab_fuzz_whole fuzz ${fuzz_objects})
set_target_properties(vringlab_fuzz_whole PROPERTIES OUTPUT_NAME vringlab_fuzz LINKER_LANGUAGE C)
target_link_libraries(vringlab_fuzz_whole INTERFACE vringlab_whole)

vringlab_glob(watch_sources tools/plug/watch/*.c)
vringlab_archive(vringlab_watch watch ${watch_sources})
target_link_libraries(vringlab_watch INTERFACE vringlab_whole)
vringlab_set(vringlab_watch NOT_COVERED DEFINE VIRTQ_PORT_MODEL=1)

# Traces are the only thing that links SQLite.
find_package(SQLite3 QUIET)
if(SQLite3_FOUND)
  vringlab_glob(trace_sources model/trace/*.c tools/plug/record/*.c)
  vringlab_archive(vringlab_trace trace ${trace_sources})
  target_link_libraries(vringlab_trace PUBLIC SQLite::SQLite3)
  target_link_libraries(vringlab_trace INTERFACE vringlab_whole)
  vringlab_set(vringlab_trace NOT_COVERED DEFINE VIRTQ_PORT_MODEL=1)
endif()

# ---- headers -----------------------------------------------------------------------------------

# What an embedder may include, and what those include. Each compiles as C17 and as C++17.
vringlab_glob(
  public_headers
  ring/*.h driver/*.h device/*.h model/core/*.h model/memory/*.h model/referee/vl_clause.h
  model/referee/clauses.def
  model/referee/vl_referee.h model/trace/vl_record.h model/trace/vl_trace.h tools/lab/lab_player.h
  tools/lab/lab_fault.h tools/lab/lab_scenario.h tools/lab/lab_input.h tools/lab/lab_world.h
  tools/lab/lab_buffers.h tools/plug/*.h fuzz/vringlab_fuzz.h)
list(FILTER public_headers EXCLUDE REGEX "(_regs|_axioms|_internal)\\.h$") # one room's own
foreach(header IN LISTS public_headers)
  file(RELATIVE_PATH name "${PROJECT_SOURCE_DIR}" "${header}")
  get_filename_component(dir "${name}" DIRECTORY)
  install(FILES "${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/vringlab/${dir}")
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# ---- find_package(vringlab) and pkg-config -----------------------------------------------------

install(EXPORT vringlab NAMESPACE vringlab:: FILE vringlab-targets.cmake
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/vringlab")
set(VRINGLAB_HAS_TRACE "${SQLite3_FOUND}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/vringlab-config.cmake.in"
  "${PROJECT_BINARY_DIR}/vringlab-config.cmake"
  INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/vringlab")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/vringlab-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/vringlab-config.cmake"
              "${PROJECT_BINARY_DIR}/vringlab-config-version.cmake"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/vringlab")

# One .pc file a library. Paths are found from where the file lies, so that a tree can be moved.
function(vringlab_pc name description requires requires_private libs)
  file(RELATIVE_PATH up "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
  set(PC_NAME "${name}")
  set(PC_DESCRIPTION "${description}")
  set(PC_REQUIRES "${requires}")
  set(PC_REQUIRES_PRIVATE "${requires_private}")
  set(PC_LIBS "${libs}")
  set(PC_PREFIX "\${pcfiledir}/${up}")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/vringlab.pc.in" "${PROJECT_BINARY_DIR}/${name}.pc"
                 @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

set(dl "")
if(CMAKE_DL_LIBS)
  set(dl " -l${CMAKE_DL_LIBS}")
endif()
vringlab_pc(vringlab "virtqueue halves, their simulated machine and the lab" "" ""
            "-lvringlab${dl}")
vringlab_pc(vringlab-fuzz "fuzzing harness for virtqueue halves" "vringlab" "" "-lvringlab_fuzz")
vringlab_pc(vringlab-watch "sees the memory accesses of instrumented ring code" "vringlab" ""
            "-lvringlab_watch")
if(SQLite3_FOUND)
  vringlab_pc(vringlab-trace "records runs as SQLite files" "vringlab sqlite3" ""
              "-lvringlab_trace")
endif()
