# cmake/faults.cmake -- corpus/faults/<name>/fault.patch as loadable players, players/<name>.so.
#
# A player is one half (its own files and ring/) with hidden symbols and one visible entry,
# lab_player_entry(). The patch is applied to copies; only the copies are compiled, everything else
# of the half comes from objects that all players of that side share. A patch that touches a header
# recompiles the half. vl_port_*() is found in the executable that loads the player.
#
# Which half: by the directory that the patch touches; for a patch of ring/ alone, fault.conf says
# side=driver or side=device.
# SPDX-License-Identifier: BSD-2-Clause
# A breach of a clause that no interposer can make is corpus/clauses/<ID>/fault.patch, and lands in
# players/<ID>.so in the same way; so does a bug of the zoo, corpus/zoo/<slug>/fault.patch
# (fault=zoo:<slug>).
vringlab_glob(patches
              corpus/faults/*/fault.patch corpus/clauses/*/fault.patch corpus/zoo/*/fault.patch)

# A fault that is gone leaves no player behind.
file(GLOB players "${CMAKE_BINARY_DIR}/players/*.so" "${CMAKE_BINARY_DIR}/naive-players/*.so")
foreach(player IN LISTS players)
  get_filename_component(name "${player}" NAME_WLE)
  if(NOT patches MATCHES "/${name}/fault[.]patch(;|$)")
    file(REMOVE "${player}")
  endif()
endforeach()

if(NOT patches)
  message(STATUS "vringlab: no players: corpus/faults/ has no fault.patch")
  return()
endif()
find_program(PATCH_PROGRAM patch)
if(NOT PATCH_PROGRAM)
  message(STATUS "vringlab: no players: patch is missing, so faults in the halves cannot be built"
                 " (Debian: patch)")
  return()
endif()

# Compile one set of a half's files the way that players need.
function(vringlab_player_objects name)
  add_library(${name} OBJECT ${ARGN})
  vringlab_set(${name} COVERED STRICT_C DEFINE VIRTQ_PORT_MODEL=1)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden
                        EXPORT_COMPILE_COMMANDS OFF)
endfunction()

foreach(side driver device)
  set(player_${side}_sources ${vringlab_${side}_sources} ${vringlab_ring_sources})
  set(glue "${CMAKE_SOURCE_DIR}/tools/lab/player_${side}.c")
  if(EXISTS "${glue}")
    list(APPEND player_${side}_sources "${glue}")
  endif()
  if(player_${side}_sources)
    vringlab_player_objects(player_${side} ${player_${side}_sources})
  endif()
endforeach()

# Read the patch: the files that it touches, and the side that it belongs to.
function(vringlab_read_fault patch name out_files out_side)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${patch}")
  set(files "")
  set(side "")
  file(STRINGS "${patch}" heads REGEX "^\\+\\+\\+ ")
  foreach(head IN LISTS heads)
    if(NOT head MATCHES "^\\+\\+\\+ [^/\t ]+/((ring|driver|device)/[^\t ]+)")
      message(FATAL_ERROR "fault ${name}: ${patch} touches something outside ring/, driver/ and "
                          "device/: ${head}")
    endif()
    list(APPEND files "${CMAKE_MATCH_1}")
    if(NOT CMAKE_MATCH_2 STREQUAL "ring")
      list(APPEND side "${CMAKE_MATCH_2}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES side)
  get_filename_component(dir "${patch}" DIRECTORY)
  if(EXISTS "${dir}/fault.conf")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${dir}/fault.conf")
  endif()
  if(side STREQUAL "" AND EXISTS "${dir}/fault.conf")
    file(STRINGS "${dir}/fault.conf" line REGEX "^side=(driver|device)$")
    string(REPLACE "side=" "" side "${line}")
  endif()
  if(files STREQUAL "" OR NOT side MATCHES "^(driver|device)$")
    message(FATAL_ERROR "fault ${name}: cannot tell which half ${patch} belongs to (files: "
                        "${files}; side: ${side}); a patch of ring/ alone needs side=driver or "
                        "side=device in fault.conf, and a patch may not touch both halves")
  endif()
  set(${out_files} "${files}" PARENT_SCOPE)
  set(${out_side} "${side}" PARENT_SCOPE)
endfunction()

# One loadable half from a patched tree.
#   target   also the name of its objects     dir      where name.so goes
#   objects  the function that compiles files  shared   objects of the files that are not patched
#   sources  all files of the half
function(vringlab_fault_module target name dir objects files shared sources)
  set(tree "${CMAKE_BINARY_DIR}/faults/${name}")
  set(copies "${files}")
  list(TRANSFORM copies PREPEND "${tree}/")
  set(compiled "${copies}")
  list(FILTER compiled INCLUDE REGEX "\\.c$")
  if(files MATCHES "\\.h(;|$)")
    # A changed header may matter anywhere: the originals of the other files are compiled anew.
    foreach(source IN LISTS sources)
      file(RELATIVE_PATH path "${CMAKE_SOURCE_DIR}" "${source}")
      if(NOT path IN_LIST files)
        list(APPEND compiled "${source}")
      endif()
    endforeach()
    set(shared "")
  else()
    foreach(path IN LISTS files)
      string(REPLACE "." "[.]" pattern "/${path}.o")
      set(shared "$<FILTER:${shared},EXCLUDE,${pattern}$>")
    endforeach()
  endif()

  cmake_language(CALL ${objects} ${target}_objects ${compiled} ${copies})
  set_target_properties(${target}_objects PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
  target_include_directories(${target}_objects BEFORE PRIVATE "${tree}")
  target_compile_options(${target}_objects PRIVATE "-ffile-prefix-map=${tree}/=")
  add_library(${target} MODULE $<TARGET_OBJECTS:${target}_objects> ${shared})
  set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C PREFIX "" OUTPUT_NAME "${name}"
                        LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${dir}")
  target_link_options(${target} PRIVATE ${vringlab_coverage})
endfunction()

function(vringlab_add_fault patch)
  get_filename_component(dir "${patch}" DIRECTORY)
  get_filename_component(name "${dir}" NAME)
  vringlab_read_fault("${patch}" "${name}" files side)
  set(tree "${CMAKE_BINARY_DIR}/faults/${name}")
  set(copies "${files}")
  list(TRANSFORM copies PREPEND "${tree}/")
  set(originals "${files}")
  list(TRANSFORM originals PREPEND "${CMAKE_SOURCE_DIR}/")
  list(JOIN files "," joined)
  add_custom_command(
    OUTPUT ${copies}
    COMMAND "${CMAKE_COMMAND}" "-DNAME=${name}" "-DFILES=${joined}" "-DTREE=${tree}"
            "-DROOT=${CMAKE_SOURCE_DIR}" "-DPATCH=${PATCH_PROGRAM}" "-DDIFF=${patch}"
            -P "${CMAKE_SOURCE_DIR}/cmake/apply_fault.cmake"
    DEPENDS "${patch}" ${originals} "${CMAKE_SOURCE_DIR}/cmake/apply_fault.cmake"
    COMMENT "Fault ${name}: patching ${joined}"
    VERBATIM)

  vringlab_fault_module(fault_${name} "${name}" players vringlab_player_objects "${files}"
                        "$<TARGET_OBJECTS:player_${side}>" "${player_${side}_sources}")
  add_dependencies(fault_${name} player_${side})
  if(VRINGLAB_NAIVE AND NOT patch MATCHES "/corpus/clauses/")
    set(parts naive_ring naive_${side}_half naive_${side}_side)
    set(shared "")
    set(sources "")
    foreach(part IN LISTS parts)
      list(APPEND shared "$<TARGET_OBJECTS:${part}>")
      get_target_property(more ${part} SOURCES)
      list(APPEND sources ${more})
    endforeach()
    list(JOIN shared ";" shared)
    vringlab_fault_module(naive_fault_${name} "${name}" naive-players vringlab_naive_objects
                          "${files}" "${shared}" "${sources}")
    add_dependencies(naive_fault_${name} ${parts})
    add_dependencies(naive_fault_${name}_objects fault_${name}_objects) # they share the copies
  endif()
endfunction()

foreach(patch IN LISTS patches)
  vringlab_add_fault("${patch}")
endforeach()
