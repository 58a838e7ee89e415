#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/control/message.h"

namespace ronde {

/// One rank's part in a locked schedule: all ranks execute the same units in the same order, again
/// and again, and nobody negotiates. A rank pledges a unit once it asks for all of it; pledges are
/// counted over the whole life of the lock. A unit runs when all ranks have pledged it, so no input
/// is touched before all have agreed. A rank that cannot keep to the schedule simply pledges no
/// more, and asks for the lock's end. Thread rule: engine-only. No I/O.
class LockedSchedule {
 public:
  LockedSchedule(Lock lock, std::int64_t now_ns);

  [[nodiscard]] std::uint64_t number() const { return lock_.number; }
  [[nodiscard]] bool Contains(int slot) const { return UnitOf(slot) >= 0; }

  /// This rank asks for `slot`, which the schedule contains, once until its unit has run.
  void MarkAsked(int slot, std::int64_t now_ns);
  /// Pledges every unit that is due and asked for. True when there is a new pledge.
  bool Pledge(std::int64_t now_ns);
  void Freeze() { frozen_ = true; }
  [[nodiscard]] bool frozen() const { return frozen_; }

  [[nodiscard]] std::uint64_t pledged() const { return pledged_; }
  [[nodiscard]] std::uint64_t executed() const { return executed_; }
  /// How many of the next unit to pledge this rank has yet to ask for.
  [[nodiscard]] std::size_t missing() const { return remaining_[pledged_ % remaining_.size()]; }
  /// Which unit is the next to execute, counted from 0 within the schedule.
  [[nodiscard]] std::size_t next_unit() const { return executed_ % remaining_.size(); }
  /// Its slots; then counts it as executed.
  [[nodiscard]] std::span<const std::uint32_t> NextUnit() const;
  void MarkExecuted(std::int64_t now_ns);
  /// How often the whole schedule has run.
  [[nodiscard]] std::uint64_t rounds() const { return executed_ / lock_.unit_ends.size(); }

  /// When this rank should give up on the schedule: what it asks for does not make up the next unit
  /// for `disorder_ns`, or others do not come for `patience_ns`. INT64_MAX where it waits for
  /// nothing.
  [[nodiscard]] std::int64_t GiveUpNs(std::int64_t disorder_ns, std::int64_t patience_ns) const;

 private:
  [[nodiscard]] int UnitOf(int slot) const {
    const auto index = static_cast<std::size_t>(slot);
    return index < unit_of_.size() ? unit_of_[index] : -1;
  }
  [[nodiscard]] std::uint32_t BeginOf(std::size_t unit) const {
    return unit == 0 ? 0 : lock_.unit_ends[unit - 1];
  }

  const Lock lock_;
  std::vector<int> unit_of_;              // by slot; -1: not in the schedule
  std::vector<std::uint32_t> remaining_;  // by unit: slots that this rank has yet to ask for
  std::uint64_t pledged_ = 0;
  std::uint64_t executed_ = 0;
  int asked_ = 0;                 // slots asked for that are not pledged
  std::int64_t progress_ns_ = 0;  // the first of them, or the last pledge or execution
  bool frozen_ = false;
};

/// What a rank shows on the notice board: the lock and how many of its units it has pledged.
[[nodiscard]] constexpr std::uint64_t PledgeWord(std::uint64_t lock, std::uint64_t pledged) {
  return (lock << 40) | (pledged & ((std::uint64_t{1} << 40) - 1));
}
/// The units pledged under `lock` that such a word tells of: none where it speaks of another lock.
[[nodiscard]] constexpr std::uint64_t PledgedIn(std::uint64_t word, std::uint64_t lock) {
  const std::uint64_t numbers = (std::uint64_t{1} << 24) - 1;
  return ((word >> 40) & numbers) == (lock & numbers) ? word & ((std::uint64_t{1} << 40) - 1) : 0;
}

}  // namespace ronde
