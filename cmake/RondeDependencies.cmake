# Finds what Ronde is built on. Optional parts become RONDE_HAS_<PART>, which only CMake files read:
# they choose source files, never conditionals inside them.

find_package(PkgConfig REQUIRED)
pkg_check_modules(hwloc REQUIRED IMPORTED_TARGET hwloc)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(ZLIB REQUIRED)
find_program(RONDE_FLATC flatc REQUIRED)
find_path(RONDE_FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)
find_path(RONDE_EIGEN_INCLUDE_DIR Eigen/Core PATH_SUFFIXES eigen3 REQUIRED)

set(RONDE_HAS_MPI OFF)
if(NOT RONDE_MPI STREQUAL "OFF")
  if(RONDE_MPI STREQUAL "ON")
    find_package(MPI REQUIRED COMPONENTS C)
  else()
    find_package(MPI COMPONENTS C)
  endif()
  set(RONDE_HAS_MPI ${MPI_C_FOUND})
endif()

# A wire between hosts for the ranks of MPI. Only its headers are needed to build: it is loaded when
# a job has several hosts.
set(RONDE_HAS_UCX OFF)
if(RONDE_HAS_MPI AND NOT RONDE_UCX STREQUAL "OFF")
  if(RONDE_UCX STREQUAL "ON")
    pkg_check_modules(ucx REQUIRED ucx>=1.13)
  else()
    pkg_check_modules(ucx ucx>=1.13)
  endif()
  if(ucx_FOUND)
    set(RONDE_HAS_UCX ON)
  endif()
endif()

# `auto`: on where nvcc is found. Without it everything still configures, builds and runs.
set(RONDE_HAS_CUDA OFF)
if(RONDE_CUDA STREQUAL "ON")
  find_package(CUDAToolkit REQUIRED)
  set(RONDE_HAS_CUDA ON)
elseif(RONDE_CUDA STREQUAL "AUTO")
  find_program(RONDE_NVCC nvcc)
  if(RONDE_NVCC)
    find_package(CUDAToolkit)
    include(CheckLanguage)
    check_language(CUDA) # nvcc refuses host compilers that are too new for it
    if(CUDAToolkit_FOUND AND CMAKE_CUDA_COMPILER)
      set(RONDE_HAS_CUDA ON)
    endif()
  endif()
endif()
if(RONDE_HAS_CUDA)
  include(RondeCuda)
endif()
include(RondeNccl)

set(RONDE_HAS_TORCH OFF)
if(NOT RONDE_TORCH_FRONTEND STREQUAL "OFF")
  include(RondeTorch)
  set(RONDE_HAS_TORCH ${RONDE_TORCH_FOUND})
endif()
if(RONDE_HAS_TORCH) # the trainer's image folders
  pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET libturbojpeg)
  pkg_check_modules(png REQUIRED IMPORTED_TARGET libpng)
endif()

message(STATUS
  "Ronde: MPI ${RONDE_HAS_MPI}, UCX ${RONDE_HAS_UCX}, CUDA ${RONDE_HAS_CUDA}, libtorch ${RONDE_HAS_TORCH}")
