#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/clock.h"
#include "core/control/handle.h"

namespace ronde {

class HandlePool;

/// What the copies of a handle share. An operation that succeeds and that nobody waits for touches
/// the first 64 bytes alone: after a step's data none of it is in the cache.
struct alignas(64) Handle::State {
  // Bits of `word`, which is what waiters sleep on.
  static constexpr std::uint32_t kClaimed = 1;     // one caller of Complete has won
  static constexpr std::uint32_t kIssued = 2;      // publishes done
  static constexpr std::uint32_t kFailed = 4;      // publishes status, with kCompleted
  static constexpr std::uint32_t kCompleted = 8;   // publishes result
  static constexpr std::uint32_t kWaiters = 16;    // somebody sleeps, or is about to
  static constexpr std::uint32_t kCallbacks = 32;  // there are some, or are about to be
  static constexpr std::uint32_t kHandle = 64;     // what each handle adds that shares this

  // One word, so that completing and letting go are one locked instruction.
  std::atomic<std::uint32_t> word{kHandle};
  HandleOwner* owner = nullptr;  // until told
  void* item = nullptr;
  HandlePool* pool = nullptr;  // null: of its own
  State* next = nullptr;       // in the pool, while nobody has it
  // The engine's until completed, then immutable; null where nothing was delivered.
  std::unique_ptr<OperationResult> result;
  std::shared_ptr<const Event> done;  // immutable once issued

  Status status;  // kOk until it has failed
  std::mutex mutex;
  std::vector<Callback> callbacks;  // guarded by mutex

  [[nodiscard]] bool Has(std::uint32_t bits) const {
    return (word.load(std::memory_order_acquire) & bits) != 0;
  }
  /// Sleeps until one of `bits` is there; false where the deadline came first.
  bool Await(std::uint32_t bits, const Deadline& deadline);
  /// Adds `bits` and wakes whoever sleeps; what was there before.
  std::uint32_t Raise(std::uint32_t bits);
  [[nodiscard]] Status Outcome() const { return Has(kFailed) ? status : Status::Ok(); }

  /// Wins the right to complete, once.
  bool Claim();
  /// The rest of Complete: all but telling the owner.
  void Finish(const Status& outcome);
  /// The same of success, without Claim, and lets go of one handle.
  void FinishAndRelease();
  /// As new, for the next operation.
  void Clear();
};

}  // namespace ronde
