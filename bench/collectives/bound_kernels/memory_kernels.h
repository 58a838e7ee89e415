#pragma once

#include <cstddef>
#include <cstdint>

namespace ronde::bench {

/// Bytes that a kernel works on at a time. All pointers and sizes are multiples of it.
inline constexpr std::size_t kKernelLineBytes = 64;

/// STREAM-like loops over memory of one instruction set. Each walks `streams` (1, 2 or 4) equal
/// parts of its buffers side by side, since more streams keep more of a memory's banks busy.
struct MemoryKernels {
  const char* instruction_set;
  /// to = from; `past_cache` stores past it, and needs EndStream() before others are told.
  void (*copy)(std::byte* to, const std::byte* from, std::size_t size_bytes, int streams,
               bool past_cache);
  /// data ^= mask, in place.
  void (*change)(std::byte* data, std::size_t size_bytes, int streams, std::uint64_t mask);
  /// All words ^ one another.
  std::uint64_t (*read)(const std::byte* data, std::size_t size_bytes, int streams);
};

[[nodiscard]] const MemoryKernels& BaselineMemoryKernels();
/// Only in builds for x86-64; to be called only where the CPU has the instructions.
[[nodiscard]] const MemoryKernels& Avx2MemoryKernels();
[[nodiscard]] const MemoryKernels& Avx512MemoryKernels();

/// Those of the instruction set that reductions use on this machine. Defined in dispatch_x86.cc or
/// dispatch_baseline.cc.
[[nodiscard]] const MemoryKernels& BestMemoryKernels();

}  // namespace ronde::bench
