# Finds libtorch without its own package config, which fails where no CUDA toolkit is installed.
#
# In:  RONDE_TORCH_FRONTEND  AUTO, ON (missing is an error) or OFF
#      RONDE_TORCH           a libtorch folder or a Python torch package (or from the environment)
#      RONDE_PYTHON          the Python whose torch is used when RONDE_TORCH is empty
# Out: ronde_libtorch            include folders, torch_cpu and c10
#      ronde_libtorch_cuda       the same and torch_cuda, c10_cuda; only where RONDE_TORCH_HAS_CUDA
#      RONDE_TORCH_FOUND, RONDE_TORCH_VERSION, RONDE_TORCH_DIR, RONDE_TORCH_HAS_CUDA
#      RONDE_PYTHON_EXECUTABLE   a Python with matplotlib, or empty
include_guard(GLOBAL)

set(RONDE_TORCH_MINIMUM 2.7) # the first wheels with the C++11 ABI
set(RONDE_TORCH "$ENV{RONDE_TORCH}" CACHE PATH "libtorch folder or Python torch package")
set(RONDE_PYTHON "" CACHE FILEPATH "Python of the environment that ./dev setup makes")

# The environments of `./dev setup`, in the order of preference.
function(ronde_find_python out)
  set(cache "$ENV{RONDE_CACHE}")
  if(NOT cache)
    set(cache "$ENV{HOME}/.cache/ronde")
  endif()
  set(candidates "${RONDE_PYTHON}" "${cache}/venv-torch-2.11.0/bin/python"
                 "${cache}/venv-plot/bin/python")
  set(${out} "" PARENT_SCOPE)
  foreach(candidate IN LISTS candidates)
    if(candidate AND EXISTS "${candidate}")
      set(${out} "${candidate}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Asks without importing torch, which would take seconds.
function(ronde_ask_python_for_torch python out)
  execute_process(
    COMMAND "${python}" -c "import importlib.util as u
s = u.find_spec('torch')
print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(${out} "${dir}" PARENT_SCOPE)
endfunction()

# A wheel has version.py, a libtorch archive build-version; both "2.11.0+cu130" or the like.
function(ronde_torch_version dir out)
  set(version "")
  if(EXISTS "${dir}/version.py")
    file(STRINGS "${dir}/version.py" version REGEX "^__version__" LIMIT_COUNT 1)
  elseif(EXISTS "${dir}/build-version")
    file(STRINGS "${dir}/build-version" version LIMIT_COUNT 1)
  endif()
  string(REGEX MATCH "[0-9]+\\.[0-9]+(\\.[0-9]+)?" version "${version}")
  set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Sets `out` to what is wrong with the libtorch in `dir`, or to nothing.
function(ronde_check_torch dir version out)
  set(problem "")
  if(NOT version)
    set(problem "${dir} has neither version.py nor build-version: not a libtorch folder")
  elseif(version VERSION_LESS RONDE_TORCH_MINIMUM)
    set(problem "${dir} is version ${version}; ${RONDE_TORCH_MINIMUM} or newer is needed")
  endif()
  foreach(file lib/libtorch_cpu.so lib/libc10.so include/torch/csrc/api/include/torch/torch.h)
    if(NOT problem AND NOT EXISTS "${dir}/${file}")
      set(problem "${dir}/${file} is missing")
    endif()
  endforeach()
  set(${out} "${problem}" PARENT_SCOPE)
endfunction()

function(ronde_import_library name dir)
  add_library(ronde_${name} SHARED IMPORTED GLOBAL)
  set_target_properties(ronde_${name} PROPERTIES IMPORTED_LOCATION "${dir}/lib/lib${name}.so"
                                                 IMPORTED_SONAME "lib${name}.so")
endfunction()

function(ronde_define_torch_targets dir)
  ronde_import_library(c10 "${dir}")
  ronde_import_library(torch_cpu "${dir}")
  add_library(ronde_libtorch INTERFACE IMPORTED GLOBAL)
  target_include_directories(ronde_libtorch SYSTEM INTERFACE
    "${dir}/include" "${dir}/include/torch/csrc/api/include")
  target_link_libraries(ronde_libtorch INTERFACE ronde_torch_cpu ronde_c10)
  # libtorch_cpu.so of a CUDA wheel needs libcudart and libcupti of sibling packages. Its own
  # run path finds them at run time; the linker has to be told.
  file(GLOB sibling_dirs LIST_DIRECTORIES true "${dir}/../nvidia/*/lib")
  foreach(sibling IN LISTS sibling_dirs)
    cmake_path(NORMAL_PATH sibling)
    target_link_options(ronde_libtorch INTERFACE "LINKER:-rpath-link,${sibling}")
  endforeach()

  set(RONDE_TORCH_HAS_CUDA FALSE PARENT_SCOPE)
  if(EXISTS "${dir}/lib/libtorch_cuda.so")
    ronde_import_library(c10_cuda "${dir}")
    ronde_import_library(torch_cuda "${dir}")
    add_library(ronde_libtorch_cuda INTERFACE IMPORTED GLOBAL)
    # Nothing refers to torch_cuda by symbol: it registers its kernels when it is loaded.
    target_link_libraries(ronde_libtorch_cuda INTERFACE
      "-Wl,--no-as-needed" ronde_torch_cuda ronde_c10_cuda "-Wl,--as-needed" ronde_libtorch)
    set(RONDE_TORCH_HAS_CUDA TRUE PARENT_SCOPE)
  endif()
endfunction()

set(RONDE_TORCH_FOUND FALSE)
set(RONDE_TORCH_HAS_CUDA FALSE)
set(RONDE_TORCH_VERSION "")
set(RONDE_TORCH_DIR "${RONDE_TORCH}")
ronde_find_python(RONDE_PYTHON_EXECUTABLE)

if(RONDE_TORCH_FRONTEND STREQUAL "OFF")
  message(STATUS "libtorch: off (RONDE_TORCH_FRONTEND=OFF)")
  return()
endif()

if(EXISTS /usr/include/torch/csrc OR EXISTS /usr/include/ATen/ATen.h)
  message(FATAL_ERROR "Debian's libtorch-dev is installed; its old headers would be found first. "
                      "Remove it (apt-get remove libtorch-dev) or set -DRONDE_TORCH_FRONTEND=OFF.")
endif()

if(NOT RONDE_TORCH_DIR AND RONDE_PYTHON_EXECUTABLE)
  ronde_ask_python_for_torch("${RONDE_PYTHON_EXECUTABLE}" RONDE_TORCH_DIR)
endif()
if(RONDE_TORCH_DIR)
  ronde_torch_version("${RONDE_TORCH_DIR}" RONDE_TORCH_VERSION)
  ronde_check_torch("${RONDE_TORCH_DIR}" "${RONDE_TORCH_VERSION}" ronde_torch_problem)
else()
  set(ronde_torch_problem "none found: run ./dev setup, or set RONDE_TORCH to a libtorch folder")
endif()

if(NOT ronde_torch_problem)
  set(RONDE_TORCH_FOUND TRUE)
  ronde_define_torch_targets("${RONDE_TORCH_DIR}")
  message(STATUS "libtorch: ${RONDE_TORCH_VERSION} in ${RONDE_TORCH_DIR}")
elseif(RONDE_TORCH_FRONTEND STREQUAL "ON" OR RONDE_TORCH)
  message(FATAL_ERROR "libtorch: ${ronde_torch_problem}")
else()
  message(STATUS "libtorch: ${ronde_torch_problem}; the torch front end is left out")
endif()
unset(ronde_torch_problem)
