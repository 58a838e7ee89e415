# How CUDA sources (.cu) are compiled. Included where a toolkit was found; what only calls the runtime
# is C++ and needs none of this.
include_guard(GLOBAL)

# Code for the oldest and the newest architecture that is measured; newer ones take the latter's PTX.
set(CMAKE_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPU architectures to compile for")
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE}) # may be outside PATH
endif()
# The one that libtorch and NCCL use too: two runtimes in one process do not know of each other.
set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
enable_language(CUDA)

# ronde_configure_cuda(<target>): what ronde_configure_target does, for CUDA sources. The standard is
# a plain flag: CMake 3.25 does not know that nvcc has C++20.
function(ronde_configure_cuda target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:
    -std=c++20 -lineinfo --expt-relaxed-constexpr
    -Xcompiler=-Wall,-Wextra,-Wshadow,-Wno-missing-field-initializers>)
  # Kernels call no device code of other files: there is nothing to link on the device's side.
  set_target_properties(${target} PROPERTIES
    CUDA_SEPARABLE_COMPILATION OFF CUDA_RESOLVE_DEVICE_SYMBOLS OFF)
endfunction()
