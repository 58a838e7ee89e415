#pragma once

#include <cstdint>

#include "core/device/space.h"

namespace ronde {

/// Ends when the host has raised the word (pinned memory), or after a while.
struct GateKernel {
  const std::uint64_t* word = nullptr;
  std::int64_t patience_ns = 10'000'000'000;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    if (space.thread() != 0) return;
    const std::int64_t end_ns = space.NowNs() + patience_ns;
    while (space.LoadAcquire(word) == 0 && space.NowNs() < end_ns) space.Pause();
  }
};

/// value = value * factor + addend, for every element: the order of launches shows in the result.
struct StepKernel {
  std::uint64_t* values = nullptr;
  std::int64_t count = 0;
  std::uint64_t factor = 1;
  std::uint64_t addend = 0;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    for (std::int64_t i = FirstOf(space); i < count; i += StepOf(space)) {
      values[i] = values[i] * factor + addend;
    }
  }
};

/// `rounds` barriers between all blocks of one or more launches; counts the waits that ended too
/// early or not at all.
struct BarrierKernel {
  std::uint64_t* flags = nullptr;  ///< one for each block of all launches, zero before
  std::uint64_t* data = nullptr;   ///< two for each block
  std::uint64_t* wrong = nullptr;  ///< one for each block, zero before
  std::uint64_t rounds = 0;
  int first = 0;   ///< of this launch's blocks among all
  int blocks = 0;  ///< all
  std::int64_t patience_ns = 10'000'000'000;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    if (space.thread() != 0) return;
    const int own = first + space.block();
    const std::int64_t end_ns = space.NowNs() + patience_ns;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      // Two halves in turn: a block is at most one round ahead of the others.
      std::uint64_t* const half = data + (round % 2) * blocks;
      half[own] = round;
      space.StoreRelease(flags + own, round);
      for (int other = 0; other < blocks; ++other) {
        while (space.LoadAcquire(flags + other) < round) {
          if (space.NowNs() > end_ns) {
            ++wrong[own];
            return;
          }
          space.Pause();
        }
        if (half[other] != round) ++wrong[own];
      }
    }
  }
};

}  // namespace ronde
