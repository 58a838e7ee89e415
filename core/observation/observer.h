#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/status.h"
#include "core/control/message.h"

namespace ronde {

/// How a list of agreed operations came to be, and what it holds.
struct ListInfo {
  std::uint64_t number = 0;     ///< counted from 1, the same on all ranks
  std::size_t cached = 0;       ///< operations that were answered from the response cache
  std::size_t negotiated = 0;   ///< operations that were negotiated in full
  bool locked = false;          ///< a batch of the locked schedule: not negotiated at all
  std::size_t queue_depth = 0;  ///< operations in flight on this rank when it came
};

/// In place of a time of submission: this rank has joined and only stands in, with zeros, for an
/// operation that it did not ask for.
inline constexpr std::int64_t kStandsIn = -1;

/// Watches an engine: timeline, metrics. Times are of the engine's Clock, in nanoseconds.
/// Thread rule: OnSubmitted may come from any thread, the rest from the engine's; implementations
/// guard themselves. Must not block, and costs little: it sits in the path of every operation.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  /// This rank asks for an operation.
  virtual void OnSubmitted(const Request& /*request*/, std::int64_t /*now_ns*/) {}
  /// A list has arrived; the operations in it follow, each by OnAgreed.
  virtual void OnList(const ListInfo& /*info*/, std::int64_t /*now_ns*/) {}
  /// All ranks have asked for it (submitted here at `submitted_ns`, or kStandsIn); it now waits for
  /// its turn.
  virtual void OnAgreed(const Request& /*request*/, std::int64_t /*submitted_ns*/,
                        std::int64_t /*now_ns*/) {}
  /// Operations that travel together begin: what follows, until OnBatchEnd, concerns them.
  virtual void OnBatchBegin(std::span<const Request* const> /*requests*/,
                            std::size_t /*packed_bytes*/, std::int64_t /*now_ns*/) {}
  /// A part of the work on that batch has ended: "PACK", "UNPACK", the algorithm's name, or a phase
  /// of it.
  virtual void OnPhase(std::string_view /*phase*/, std::int64_t /*begin_ns*/,
                       std::int64_t /*end_ns*/) {}
  virtual void OnBatchEnd(std::int64_t /*now_ns*/) {}
  /// Its handle is about to complete, with a failure or without.
  virtual void OnCompleted(const Request& /*request*/, const Status& /*status*/,
                           std::int64_t /*submitted_ns*/, std::int64_t /*now_ns*/) {}
  /// Rank 0 only: `rank` was the last to ask for `name`, that long after the first.
  virtual void OnStraggler(int /*rank*/, std::string_view /*name*/, std::int64_t /*wait_ns*/) {}
};

}  // namespace ronde
