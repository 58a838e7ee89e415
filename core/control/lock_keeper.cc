#include "core/control/lock_keeper.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/control/process_sets.h"

namespace ronde {
namespace {

constexpr std::int64_t kLongestBackoff = 64;
// A lock that has served this many iterations was worth it.
constexpr std::uint64_t kWorthwhileRounds = 20;

bool IsWholeWorld(const ResponseList& list, const SlotDirectory& slots) {
  return std::all_of(list.cached.begin(), list.cached.end(), [&slots](std::uint32_t slot) {
    return SetOf(slots.ResponseOf(static_cast<int>(slot))->request) == kWorld;
  });
}

std::int64_t BytesOf(const Request& request) {
  return ElementCount(request.shape) * static_cast<std::int64_t>(SizeOf(request.dtype));
}

}  // namespace

LockKeeper::LockKeeper(int size, std::int64_t lock_after) : size_(size), lock_after_(lock_after) {}

void LockKeeper::NoteExecuted(int slot, std::int64_t asked_ns, std::int64_t end_ns) {
  const auto found = times_.find(static_cast<std::uint32_t>(slot));
  if (found != times_.end()) found->second = {asked_ns, end_ns};
}

void LockKeeper::Observe(ResponseList& list, const SlotDirectory& slots, bool quiet,
                         std::int64_t batch_bytes) {
  if (lock_after_ == 0 || locked()) return;
  const bool ordinary = list.responses.empty() && list.evicted.empty() && !list.absent_changed &&
                        !list.tunables && !list.shutdown && IsWholeWorld(list, slots);
  if (!ordinary) {
    StartIteration();
    last_order_.clear();
    equal_ = 0;
    return;
  }
  // A list belongs to one iteration: what comes before the repeated operation in it may well be of
  // the next one, since ranks are never further apart than that.
  const bool repeats = std::any_of(list.cached.begin(), list.cached.end(),
                                   [this](std::uint32_t slot) { return times_.contains(slot); });
  if (repeats) EndIteration();
  for (const std::uint32_t slot : list.cached) {
    order_.push_back(slot);
    times_[slot] = {};
  }
  if (!quiet || !IsDue()) return;
  list.lock = MakeLock(slots, batch_bytes);
  number_ = list.lock.number;
  units_ = list.lock.unit_ends.size();
  state_ = State::kLocked;
}

void LockKeeper::StartIteration() {
  order_.clear();
  times_.clear();
}

void LockKeeper::EndIteration() {
  const std::set<std::uint32_t> now(order_.begin(), order_.end());
  const std::set<std::uint32_t> before(last_order_.begin(), last_order_.end());
  equal_ = now == before ? equal_ + 1 : 1;
  last_order_ = std::move(order_);
  last_times_ = std::move(times_);
  StartIteration();
}

bool LockKeeper::IsDue() const {
  // What has come of this iteration must be what came of the ones before.
  return equal_ >= lock_after_ * backoff_ &&
         std::all_of(order_.begin(), order_.end(),
                     [this](std::uint32_t slot) { return last_times_.contains(slot); });
}

std::vector<LockKeeper::Piece> LockKeeper::Pieces(const SlotDirectory& slots) const {
  std::vector<Piece> pieces;
  int missing = 0;  // members of the group that the last piece is
  for (const std::uint32_t slot : last_order_) {
    const Request& request = slots.ResponseOf(static_cast<int>(slot))->request;
    // Rank 0 lets a group go as a whole, so that its members follow one another.
    if (missing == 0) {
      pieces.emplace_back();
      missing = request.group.empty() ? 1 : request.group_size;
    }
    --missing;
    Piece& piece = pieces.back();
    const Times& times = last_times_.at(slot);
    piece.slots.push_back(slot);
    piece.bytes += BytesOf(request);
    piece.asked_ns = std::max(piece.asked_ns, times.asked_ns);
    piece.end_ns = std::min(piece.end_ns, times.end_ns);
  }
  return pieces;
}

Lock LockKeeper::MakeLock(const SlotDirectory& slots, std::int64_t batch_bytes) const {
  Lock lock;
  lock.number = number_ + 1;
  // The schedule goes on where the iteration under way has got to.
  std::vector<Piece> pieces = Pieces(slots);
  const auto is_due = [this](const Piece& piece) { return !times_.contains(piece.slots.front()); };
  const auto begun = std::stable_partition(pieces.begin(), pieces.end(), is_due);
  std::int64_t unit_bytes = 0;
  std::int64_t unit_end_ns = 0;  // when the first of the unit had completed
  for (auto piece = pieces.begin(); piece != pieces.end(); ++piece) {
    const bool joins = piece != pieces.begin() && piece != begun && piece->asked_ns < unit_end_ns &&
                       unit_bytes + piece->bytes <= batch_bytes;
    if (!joins) {
      if (piece != pieces.begin()) {
        lock.unit_ends.push_back(static_cast<std::uint32_t>(lock.slots.size()));
      }
      unit_bytes = 0;
      unit_end_ns = piece->end_ns;
    }
    unit_bytes += piece->bytes;
    lock.slots.insert(lock.slots.end(), piece->slots.begin(), piece->slots.end());
  }
  lock.unit_ends.push_back(static_cast<std::uint32_t>(lock.slots.size()));
  return lock;
}

void LockKeeper::RequestUnlock(std::int64_t now_ns, std::uint64_t number) {
  if (state_ != State::kLocked || (number != 0 && number != number_)) return;
  state_ = State::kFreezing;
  freeze_due_ = true;
  interrupted_ = false;
  freezing_since_ns_ = now_ns;
  frozen_.assign(static_cast<std::size_t>(size_), false);
  frozen_count_ = 0;
  executed_ = UINT64_MAX;
}

void LockKeeper::Interrupt(std::int64_t now_ns) {
  if (state_ != State::kLocked) return;
  RequestUnlock(now_ns);
  interrupted_ = true;
}

void LockKeeper::AddFrozen(int rank, std::uint64_t number, std::uint64_t pledged) {
  if (state_ != State::kFreezing || number != number_ || frozen_[rank]) return;
  frozen_[rank] = true;
  ++frozen_count_;
  executed_ = std::min(executed_, pledged);
}

std::optional<WaitingTensor> LockKeeper::Waiting() const {
  if (state_ != State::kFreezing) return std::nullopt;
  WaitingTensor waiting;
  waiting.name = "(the end of a locked schedule)";
  waiting.since_ns = freezing_since_ns_;
  for (int rank = 0; rank < size_; ++rank) {
    (frozen_[rank] ? waiting.waiting : waiting.missing).push_back(rank);
  }
  return waiting;
}

void LockKeeper::Fill(ResponseList& list) {
  if (std::exchange(freeze_due_, false)) {
    list.freeze = number_;
    return;
  }
  if (frozen_count_ < size_) return;
  list.unlocked = number_;
  list.executed = executed_;
  const bool was_worth_it = executed_ >= kWorthwhileRounds * units_;
  if (was_worth_it) {
    backoff_ = 1;
  } else if (!interrupted_) {
    backoff_ = std::min(2 * backoff_, kLongestBackoff);
  }
  frozen_count_ = 0;
  state_ = State::kOpen;
  StartIteration();
  last_order_.clear();
  equal_ = 0;
}

}  // namespace ronde
