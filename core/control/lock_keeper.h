#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/control/message.h"
#include "core/control/negotiator.h"
#include "core/control/slot_directory.h"

namespace ronde {

/// Rank 0's side of locked schedules. It notices when the same whole-world operations have come,
/// from the response cache alone, for --lock-after iterations in a row; an iteration ends where an
/// operation comes for the second time. Operations become one unit where rank 0 was seen to ask for
/// the later before the first had completed, so that none waits for another, and where they fit
/// together into a batch; a group is always within one unit, so that a lock that ends has executed
/// all of it or nothing. It ends a lock in two steps: all ranks stop pledging and say how far they
/// had come, and the least of that is where negotiation goes on. Locks that end early are tried
/// again later and later. Thread rule: engine-only (rank 0). No I/O.
class LockKeeper {
 public:
  /// `lock_after` 0 is never.
  LockKeeper(int size, std::int64_t lock_after);

  /// Rank 0 asked for the operation of `slot` at `asked_ns`, and its execution ended at `end_ns`.
  void NoteExecuted(int slot, std::int64_t asked_ns, std::int64_t end_ns);

  /// Looks at a list that is about to go out, and adds a lock to it when it is time; `quiet`:
  /// nothing else is under way.
  void Observe(ResponseList& list, const SlotDirectory& slots, bool quiet,
               std::int64_t batch_bytes);

  [[nodiscard]] bool locked() const { return state_ != State::kOpen; }
  /// Ends the lock, if there is one; what a rank says under lock `number`, or 0 for any.
  void RequestUnlock(std::int64_t now_ns, std::uint64_t number = 0);
  /// The same for something that is no disorder: the lock may come again as soon as this one did.
  void Interrupt(std::int64_t now_ns);
  /// `rank` has stopped pledging after `pledged` units.
  void AddFrozen(int rank, std::uint64_t number, std::uint64_t pledged);
  /// Who has not said so yet, while that is waited for.
  [[nodiscard]] std::optional<WaitingTensor> Waiting() const;

  /// A list has to go out for it.
  [[nodiscard]] bool has_news() const { return freeze_due_ || frozen_count_ == size_; }
  /// Says in `list` what has to be said; afterwards locked() may be over.
  void Fill(ResponseList& list);

 private:
  enum class State { kOpen, kLocked, kFreezing };

  struct Times {
    std::int64_t asked_ns = INT64_MAX;
    std::int64_t end_ns = 0;
  };

  /// What no unit divides: an operation, or all of a group.
  struct Piece {
    std::vector<std::uint32_t> slots;
    std::int64_t bytes = 0;
    std::int64_t asked_ns = 0;        // for the last of them
    std::int64_t end_ns = INT64_MAX;  // of the first
  };

  void StartIteration();
  void EndIteration();
  [[nodiscard]] bool IsDue() const;
  [[nodiscard]] std::vector<Piece> Pieces(const SlotDirectory& slots) const;
  [[nodiscard]] Lock MakeLock(const SlotDirectory& slots, std::int64_t batch_bytes) const;

  const int size_;
  const std::int64_t lock_after_;
  State state_ = State::kOpen;
  std::uint64_t number_ = 0;  // of the last lock

  // What repeats: the operations of the iteration under way, in order, and of the one before.
  std::vector<std::uint32_t> order_;
  std::map<std::uint32_t, Times> times_;
  std::vector<std::uint32_t> last_order_;
  std::map<std::uint32_t, Times> last_times_;
  std::int64_t equal_ = 0;    // iterations in a row with the same operations
  std::int64_t backoff_ = 1;  // multiplies lock_after_
  bool interrupted_ = false;  // see Interrupt

  bool freeze_due_ = false;
  std::int64_t freezing_since_ns_ = 0;
  std::vector<bool> frozen_;    // by rank
  int frozen_count_ = 0;        // of them
  std::uint64_t executed_ = 0;  // the least that frozen ranks had pledged
  std::size_t units_ = 0;       // of the lock
};

}  // namespace ronde
