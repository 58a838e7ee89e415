#pragma once

#include <cstddef>
#include <cstdint>

// What device code is written in: it is compiled for the device by nvcc and for the host by
// everybody else, so that its logic runs where no device is.
#if defined(__CUDACC__)
#define RONDE_DEVICE_CODE __host__ __device__ __forceinline__
#else
#define RONDE_DEVICE_CODE inline
#endif
// For the loop behind it, where it is compiled for the device: as a whole, or not at all.
#if defined(__CUDA_ARCH__)
#define RONDE_UNROLL _Pragma("unroll")
#define RONDE_NO_UNROLL _Pragma("unroll 1")
#else
#define RONDE_UNROLL
#define RONDE_NO_UNROLL
#endif

namespace ronde {

/// A kernel is a plain struct with its arguments and
///
///     template <typename Space> RONDE_DEVICE_CODE void operator()(Space& space) const;
///
/// that every thread of every block runs. A Space is the block's view of the machine:
///
///     int block() const, blocks() const;     // this block, and how many run
///     int thread() const, threads() const;   // this thread of the block, and how many
///     void SyncBlock();                       // all threads of the block; memory of the block too
///     bool SyncBlockOr(bool value);           // SyncBlock; whether a thread has brought true
///     // Words that blocks, devices and the host share; "system" scope.
///     uint64_t LoadAcquire(const uint64_t*);  void StoreRelease(uint64_t*, uint64_t);
///     uint64_t LoadRelaxed(const uint64_t*);  void StoreRelaxed(uint64_t*, uint64_t);
///     int64_t NowNs() const;                  // a clock that all blocks share
///     void Pause();                           // in a loop that waits
///
/// On the host a block is a thread of its own, and threads() is 1. Device::concurrent_blocks() says
/// how many blocks of a launch run at once for sure: kernels whose blocks wait for one another are
/// launched with no more. A kernel may have `static constexpr int kMaxThreads`, see
/// core/device/launch_cuda.cuh; launched it is by LaunchSimulated and LaunchCuda.

/// The elements that thread `space.thread()` of `space.block()` takes when `count` are dealt out to
/// all threads in turn: for (i = FirstOf(space); i < count; i += StepOf(space)).
template <typename Space>
RONDE_DEVICE_CODE std::int64_t FirstOf(const Space& space) {
  return static_cast<std::int64_t>(space.block()) * space.threads() + space.thread();
}
template <typename Space>
RONDE_DEVICE_CODE std::int64_t StepOf(const Space& space) {
  return static_cast<std::int64_t>(space.blocks()) * space.threads();
}

/// Stores 16 bytes to `to`, which is aligned so; on the device by one instruction, which the
/// compiler does not always find for a struct.
RONDE_DEVICE_CODE void StoreWords(void* to, const std::uint32_t (&words)[4]) {
#if defined(__CUDA_ARCH__)
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)),
               "r"(words[0]), "r"(words[1]), "r"(words[2]), "r"(words[3])
               : "memory");
#else
  __builtin_memcpy(to, words, sizeof(words));
#endif
}

}  // namespace ronde
