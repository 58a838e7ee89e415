#pragma once

#include <cstdint>
#include <type_traits>

#include <cuda_runtime.h>

#include "core/base/strcat.h"
#include "core/device/launch.h"
#include "core/device/space.h"
#include "core/device/status_cuda.h"
#include "core/device/stream.h"

namespace ronde {

/// A block on a GPU; see core/device/space.h.
class CudaSpace {
 public:
  __device__ int block() const { return static_cast<int>(blockIdx.x); }
  __device__ int blocks() const { return static_cast<int>(gridDim.x); }
  __device__ int thread() const { return static_cast<int>(threadIdx.x); }
  __device__ int threads() const { return static_cast<int>(blockDim.x); }
  __device__ void SyncBlock() { __syncthreads(); }
  __device__ bool SyncBlockOr(bool value) { return __syncthreads_or(value) != 0; }

  // System scope: the words lie in memory of this device, of a peer or of the host.
  __device__ std::uint64_t LoadAcquire(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.acquire.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  __device__ void StoreRelease(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.release.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
  }
  __device__ std::uint64_t LoadRelaxed(const std::uint64_t* word) {
    std::uint64_t value;
    asm volatile("ld.relaxed.sys.u64 %0, [%1];" : "=l"(value) : "l"(word) : "memory");
    return value;
  }
  __device__ void StoreRelaxed(std::uint64_t* word, std::uint64_t value) {
    asm volatile("st.relaxed.sys.u64 [%0], %1;" ::"l"(word), "l"(value) : "memory");
  }
  /// Its steps are some 32 ns to 1 us, by device.
  __device__ std::int64_t NowNs() const {
    std::uint64_t now;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
    return static_cast<std::int64_t>(now);
  }
  __device__ void Pause() { __nanosleep(20); }
};

/// The most threads that a block of `Kernel` is launched with: Kernel::kMaxThreads where it has
/// one. The fewer, the more registers a thread may have: 128 with these 512.
template <class Kernel>
constexpr int MaxThreads() {
  if constexpr (requires { Kernel::kMaxThreads; }) {
    return Kernel::kMaxThreads;
  } else {
    return 512;
  }
}

template <class Kernel>
__global__ void __launch_bounds__(MaxThreads<Kernel>())
    RunKernel(const __grid_constant__ Kernel kernel) {
  CudaSpace space;
  kernel(space);
}

/// Brings the kernel's code to the device, which else the first launch does -- and then may wait
/// for whatever runs there, for ever if that waits for this launch. Call it for every kernel of a
/// library when that is created, before any kernel that waits for another one can run.
template <class Kernel>
Status LoadCuda(Device& device) {
  const CurrentDeviceGuard guard(device.index());
  cudaFuncAttributes attributes = {};
  return CudaStatus(
      cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(&RunKernel<Kernel>)),
      device.index(), "loading a kernel");
}

/// Gives a launch of `kernel` (copied) to a stream of a CUDA device; may be captured in a graph.
/// Errors: kInternal for another kind of device, a shape that the kernel is not made for, and what
/// the driver says.
template <class Kernel>
Status LaunchCuda(StreamView stream, LaunchShape shape, const Kernel& kernel) {
  static_assert(std::is_trivially_copyable_v<Kernel>);
  static_assert(sizeof(Kernel) <= 32764, "the arguments of a kernel are bounded");
  if (stream.device == nullptr || stream.device->kind() != DeviceKind::kCuda) {
    return Status::Internal("a kernel for a CUDA device was launched on another");
  }
  const int device = stream.device->index();
  if (shape.blocks < 1 || shape.threads < 1 || shape.threads > MaxThreads<Kernel>()) {
    return Status::Internal(StrCat("cuda:", device, ": launch of ", shape.blocks, " blocks of ",
                                   shape.threads, " threads, with at most ", MaxThreads<Kernel>()));
  }
  const CurrentDeviceGuard guard(device);
  void* arguments[] = {const_cast<Kernel*>(&kernel)};
  return CudaStatus(
      cudaLaunchKernel(reinterpret_cast<const void*>(&RunKernel<Kernel>), dim3(shape.blocks),
                       dim3(shape.threads), arguments, 0, static_cast<cudaStream_t>(stream.native)),
      device, "launching a kernel");
}

/// For a kernel library that is written over a way of launching.
struct CudaLauncher {
  template <class Kernel>
  static Status Launch(StreamView stream, LaunchShape shape, const Kernel& kernel) {
    return LaunchCuda(stream, shape, kernel);
  }
};

}  // namespace ronde
