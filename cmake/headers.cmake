# cmake/headers.cmake -- target check_headers: each header compiles alone, twice in a row.
# A header that says "Included by FILE alone." in its opening comment is exempt: it is a part of
# FILE. Headers of ring/, driver/ and device/ are compiled for both builds of the port.
# SPDX-License-Identifier: BSD-2-Clause
vringlab_glob(headers ring/*.h driver/*.h device/*.h model/*.h model/*/*.h tools/*/*.h fuzz/*.h)
set(model_units "")
set(native_units "")
foreach(header IN LISTS headers)
  file(STRINGS "${header}" opening LIMIT_COUNT 8)
  if(opening MATCHES "Included by [a-z_/.]+ alone")
    continue()
  endif()
  file(RELATIVE_PATH name "${PROJECT_SOURCE_DIR}" "${header}")
  string(MAKE_C_IDENTIFIER "${name}" id)
  set(unit "${PROJECT_BINARY_DIR}/headers/${id}.c")
  file(CONFIGURE OUTPUT "${unit}" @ONLY CONTENT
       "#include \"@name@\"\n#include \"@name@\"\nextern int vringlab_header_unit;\n")
  list(APPEND model_units "${unit}")
  if(name MATCHES "^(ring|driver|device)/")
    list(APPEND native_units "${unit}")
  endif()
endforeach()

add_custom_target(check_headers)
foreach(build model native)
  if(${build}_units)
    add_library(headers_${build} OBJECT EXCLUDE_FROM_ALL ${${build}_units})
    set_target_properties(headers_${build} PROPERTIES EXPORT_COMPILE_COMMANDS OFF)
    add_dependencies(check_headers headers_${build})
  endif()
endforeach()
if(model_units)
  target_compile_definitions(headers_model PRIVATE VIRTQ_PORT_MODEL=1)
endif()
