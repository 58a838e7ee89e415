#pragma once

// The loops of the bounds, compiled once per instruction set: each memory_<set>.cc gives them a
// `Set` and is built with its own flags. Everything here has internal linkage, so that no function
// is shared between translation units with different flags.

#include "bench/collectives/bound_kernels/memory_kernels.h"

namespace ronde::bench {
namespace {

constexpr std::size_t kLine = kKernelLineBytes;

// Calls visit(offset in bytes) for every line, one of each part in turn.
template <int kStreams, typename Visit>
inline __attribute__((always_inline)) void ForEachLine(std::size_t size_bytes, const Visit& visit) {
  const std::size_t part = size_bytes / kLine / kStreams * kLine;
  for (std::size_t i = 0; i < part; i += kLine) {
#pragma GCC unroll 4
    for (std::size_t stream = 0; stream < kStreams; ++stream) visit(stream * part + i);
  }
  for (std::size_t i = part * kStreams; i < size_bytes; i += kLine) visit(i);
}

template <typename Visit>
inline __attribute__((always_inline)) void ForEachLine(std::size_t size_bytes, int streams,
                                                       const Visit& visit) {
  if (streams == 4) return ForEachLine<4>(size_bytes, visit);
  if (streams == 2) return ForEachLine<2>(size_bytes, visit);
  ForEachLine<1>(size_bytes, visit);
}

template <typename Set>
constexpr std::size_t kVectorBytesOf = sizeof(typename Set::Vector);

template <typename Set>
void Copy(std::byte* to, const std::byte* from, std::size_t size_bytes, int streams,
          bool past_cache) {
  if (past_cache) {
    ForEachLine(size_bytes, streams, [=](std::size_t at) {
      for (std::size_t i = at; i < at + kLine; i += kVectorBytesOf<Set>) {
        Set::Stream(to + i, Set::Load(from + i));
      }
    });
    return;
  }
  ForEachLine(size_bytes, streams, [=](std::size_t at) {
    for (std::size_t i = at; i < at + kLine; i += kVectorBytesOf<Set>) {
      Set::Store(to + i, Set::Load(from + i));
    }
  });
}

template <typename Set>
void Change(std::byte* data, std::size_t size_bytes, int streams, std::uint64_t mask) {
  const typename Set::Vector masks = Set::Fill(mask);
  ForEachLine(size_bytes, streams, [=](std::size_t at) {
    for (std::size_t i = at; i < at + kLine; i += kVectorBytesOf<Set>) {
      Set::Store(data + i, Set::Load(data + i) ^ masks);
    }
  });
}

template <typename Set>
std::uint64_t Read(const std::byte* data, std::size_t size_bytes, int streams) {
  constexpr std::size_t kPerLine = kLine / kVectorBytesOf<Set>;
  typename Set::Vector words[kPerLine];
  for (typename Set::Vector& word : words) word = Set::Fill(0);
  ForEachLine(size_bytes, streams, [&words, data](std::size_t at) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kPerLine; ++i) {
      words[i] ^= Set::Load(data + at + i * kVectorBytesOf<Set>);
    }
  });
  std::uint64_t all = 0;
  for (const typename Set::Vector& word : words) {
    for (std::size_t lane = 0; lane < kVectorBytesOf<Set> / sizeof(std::uint64_t); ++lane) {
      all ^= static_cast<std::uint64_t>(word[lane]);
    }
  }
  return all;
}

template <typename Set>
constexpr MemoryKernels MakeMemoryKernels(const char* instruction_set) {
  return {instruction_set, &Copy<Set>, &Change<Set>, &Read<Set>};
}

}  // namespace
}  // namespace ronde::bench
