#include "core/control/locked_schedule.h"

#include <algorithm>
#include <utility>

namespace ronde {

LockedSchedule::LockedSchedule(Lock lock, std::int64_t now_ns)
    : lock_(std::move(lock)), remaining_(lock_.unit_ends.size()), progress_ns_(now_ns) {
  for (std::size_t unit = 0; unit < remaining_.size(); ++unit) {
    remaining_[unit] = lock_.unit_ends[unit] - BeginOf(unit);
    for (std::uint32_t i = BeginOf(unit); i < lock_.unit_ends[unit]; ++i) {
      const std::size_t slot = lock_.slots[i];
      if (unit_of_.size() <= slot) unit_of_.resize(slot + 1, -1);
      unit_of_[slot] = static_cast<int>(unit);
    }
  }
}

void LockedSchedule::MarkAsked(int slot, std::int64_t now_ns) {
  --remaining_[static_cast<std::size_t>(UnitOf(slot))];
  if (asked_++ == 0) progress_ns_ = now_ns;
}

bool LockedSchedule::Pledge(std::int64_t now_ns) {
  if (frozen_) return false;
  const std::uint64_t before = pledged_;
  while (true) {
    const std::size_t unit = pledged_ % remaining_.size();
    if (remaining_[unit] > 0) break;
    const std::uint32_t size = lock_.unit_ends[unit] - BeginOf(unit);
    remaining_[unit] = size;  // for the next round, in which it may be asked for once it has run
    asked_ -= static_cast<int>(size);
    ++pledged_;
  }
  if (pledged_ == before) return false;
  progress_ns_ = now_ns;
  return true;
}

std::span<const std::uint32_t> LockedSchedule::NextUnit() const {
  const std::size_t unit = executed_ % remaining_.size();
  return std::span(lock_.slots).subspan(BeginOf(unit), lock_.unit_ends[unit] - BeginOf(unit));
}

void LockedSchedule::MarkExecuted(std::int64_t now_ns) {
  ++executed_;
  progress_ns_ = now_ns;
}

std::int64_t LockedSchedule::GiveUpNs(std::int64_t disorder_ns, std::int64_t patience_ns) const {
  if (frozen_) return INT64_MAX;
  // Having pledged, it is for others to come; they may compute for long.
  if (pledged_ > executed_) return progress_ns_ + patience_ns;
  return asked_ > 0 ? progress_ns_ + disorder_ns : INT64_MAX;
}

}  // namespace ronde
