# cmake/apply_fault.cmake -- apply one fault's patch to copies of the files that it touches.
#   NAME  the fault      FILES  comma-separated, relative to ROOT      TREE  where the copies go
#   ROOT  the sources    PATCH  the patch program    DIFF  the patch
# The copies appear under their final names only when every hunk fitted exactly.
# SPDX-License-Identifier: BSD-2-Clause
string(REPLACE "," ";" files "${FILES}")
set(work "${TREE}.new")
file(REMOVE_RECURSE "${work}" "${TREE}")
foreach(path IN LISTS files)
  if(NOT EXISTS "${ROOT}/${path}")
    message(FATAL_ERROR "fault ${NAME}: ${DIFF} changes ${path}, which "
                        "does not exist")
  endif()
  get_filename_component(dir "${path}" DIRECTORY)
  file(COPY "${ROOT}/${path}" DESTINATION "${work}/${dir}")
endforeach()
execute_process(
  COMMAND "${PATCH}" -p1 -F0 --force --no-backup-if-mismatch
          -i "${DIFF}"
  WORKING_DIRECTORY "${work}" RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(failed)
  file(REMOVE_RECURSE "${work}")
  message(FATAL_ERROR "fault ${NAME}: ${DIFF} no longer applies to "
                      "${FILES}. Make it anew against the present source.\n${said}")
endif()
file(RENAME "${work}" "${TREE}")
