# Finds nccl.h, all that is needed to build: NCCL itself is loaded when a job first needs it.
#
# In:  RONDE_HAS_CUDA, CUDAToolkit_INCLUDE_DIRS
# Out: RONDE_HAS_NCCL, RONDE_NCCL_INCLUDE_DIR, RONDE_NCCL_VERSION (of the header)
include_guard(GLOBAL)

set(RONDE_NCCL_MINIMUM 2.14) # the first with communicators that do not block
set(RONDE_HAS_NCCL OFF)
set(RONDE_NCCL_VERSION "")
if(NOT RONDE_HAS_CUDA)
  message(STATUS "NCCL: off (no CUDA)")
  return()
endif()

find_path(RONDE_NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
if(NOT RONDE_NCCL_INCLUDE_DIR)
  message(STATUS "NCCL: nccl.h not found; install libnccl-dev or set RONDE_NCCL_INCLUDE_DIR")
  return()
endif()
file(STRINGS "${RONDE_NCCL_INCLUDE_DIR}/nccl.h" ronde_nccl_lines
  REGEX "^#define NCCL_(MAJOR|MINOR|PATCH) ")
foreach(line IN LISTS ronde_nccl_lines)
  string(REGEX MATCH "[0-9]+$" number "${line}")
  list(APPEND RONDE_NCCL_VERSION ${number})
endforeach()
list(JOIN RONDE_NCCL_VERSION "." RONDE_NCCL_VERSION)
unset(ronde_nccl_lines)
if(RONDE_NCCL_VERSION VERSION_LESS RONDE_NCCL_MINIMUM)
  message(STATUS "NCCL: ${RONDE_NCCL_INCLUDE_DIR}/nccl.h is ${RONDE_NCCL_VERSION}; "
                 "${RONDE_NCCL_MINIMUM} or newer is needed")
  return()
endif()
set(RONDE_HAS_NCCL ON)
message(STATUS "NCCL: header ${RONDE_NCCL_VERSION} in ${RONDE_NCCL_INCLUDE_DIR}")
