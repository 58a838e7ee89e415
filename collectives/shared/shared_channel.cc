#include "collectives/shared/shared_channel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>
#include <string>

#include "collectives/shared/pause.h"
#include "collectives/shared/set_up_exchange.h"
#include "core/base/strcat.h"
#include "core/comm/futex.h"

namespace ronde {

namespace {

constexpr int kQuickLooks = 16;                    // before anything that costs more than a look
constexpr int kPausesPerLook = 32;                 // some 1 us between looks at clock and job
constexpr std::int64_t kSleepSliceNs = 5'000'000;  // how soon a sleeper notices an abort
constexpr std::int64_t kBriefSliceNs = 200'000;    // where other work must go on

std::size_t RoundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

struct Introduction {
  std::int64_t world_rank = 0;
  std::uint64_t slot_bytes = 0;
};

}  // namespace

/// What peers poll: the number of the round, and behind it what a tiny message carries, so that one
/// cache line brings both.
struct alignas(64) SharedChannel::Line {
  std::atomic<std::uint64_t> step;  // the last round that used this line
  std::byte payload[kTinyBytes];
};

/// One rank's flags: all fields are written by that rank alone, and never read-modify-written.
/// Lines take turns like slots, since a peer may still read the last round's. `sleeping_on` and
/// `core` hardly ever change, so their cache line stays shared in the readers' caches.
struct SharedChannel::Flags {
  Line lines[2];
  alignas(64) std::atomic<std::uint32_t> bell;         // step_'s low half: what the futex sleeps on
  alignas(64) std::atomic<std::uint32_t> sleeping_on;  // 1 + the rank whose bell it awaits, or 0
  std::atomic<std::int32_t> core;  // 1 + where it last ran, on a crowded host; 0: unknown
};

Result<std::unique_ptr<SharedChannel>> SharedChannel::Create(Transport& local,
                                                             const Options& options,
                                                             Deadline deadline) {
  static_assert(sizeof(Line) == kLineBytes && offsetof(Line, payload) == kLineBytes - kTinyBytes);
  static_assert(offsetof(Flags, lines) == 0 && sizeof(Flags) <= kFlagBytes);
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  std::vector<Introduction> all(static_cast<std::size_t>(local.size()));
  all[local.rank()] = {options.world_rank, RoundUp(options.slot_bytes, 64)};
  RONDE_RETURN_IF_ERROR(ExchangeRecords(local, &all, deadline));
  std::vector<int> world_ranks;
  for (const Introduction& rank : all) world_ranks.push_back(static_cast<int>(rank.world_rank));
  const auto slot_bytes = static_cast<std::size_t>(all.front().slot_bytes);

  const std::size_t part_bytes = kFlagBytes + 2 * RoundUp(slot_bytes, 4096);
  RONDE_ASSIGN_OR_RETURN(auto segment, SharedSegment::Create(local, part_bytes, deadline));
  return std::unique_ptr<SharedChannel>(new SharedChannel(
      local, std::move(segment), std::move(world_ranks), slot_bytes, options.wait));
}

SharedChannel::SharedChannel(Transport& transport, SharedSegment segment,
                             std::vector<int> world_ranks, std::size_t slot_bytes, WaitPolicy wait)
    : transport_(&transport),
      segment_(std::move(segment)),
      world_ranks_(std::move(world_ranks)),
      allocated_bytes_(slot_bytes),
      slot_stride_(RoundUp(slot_bytes, 4096)),
      slot_bytes_(slot_bytes),
      wait_(wait),
      rank_(transport.rank()),
      size_(transport.size()) {
  for (int rank = 0; rank < size_; ++rank) parts_.push_back(segment_.part(rank));
}

SharedChannel::Flags& SharedChannel::FlagsOf(int rank) const {
  // The region is zero-filled, which is these atomics' initial value.
  return *std::launder(reinterpret_cast<Flags*>(parts_[rank]));
}

// That of the current round.
SharedChannel::Line& SharedChannel::LineOf(int rank) const {
  return FlagsOf(rank).lines[step_ % 2];
}

bool SharedChannel::Arrived(int rank) const {
  // Acquire: what was written before the step is read after it.
  return LineOf(rank).step.load(std::memory_order_acquire) == step_;
}

void SharedChannel::ShowCore() {
  std::atomic<std::int32_t>& shown = FlagsOf(rank_).core;
  const int core = sched_getcpu() + 1;
  // Relaxed, here and below: a hint, which may be out of date anyway.
  if (shown.load(std::memory_order_relaxed) != core) shown.store(core, std::memory_order_relaxed);
}

bool SharedChannel::SharesCore(int rank) const {
  return FlagsOf(rank).core.load(std::memory_order_relaxed) == sched_getcpu() + 1;
}

// Shows the current round's line, whose payload is in place.
void SharedChannel::Publish() {
  if (wait_.yields > 0) ShowCore();
  // Release: publishes slot and payload.
  LineOf(rank_).step.store(step_, std::memory_order_release);
  // Sequentially consistent here and in SleepUntilRung: either a sleeper sees the new bell, or its
  // sleeping_on is seen here. Without that a wake-up could be lost.
  Flags& own = FlagsOf(rank_);
  own.bell.store(static_cast<std::uint32_t>(step_), std::memory_order_seq_cst);
  const auto mine = static_cast<std::uint32_t>(rank_ + 1);
  for (int peer = 0; peer < size_; ++peer) {
    if (FlagsOf(peer).sleeping_on.load(std::memory_order_seq_cst) == mine) {
      FutexWakeShared(&own.bell);
      return;
    }
  }
}

void SharedChannel::SleepUntilRung(int rank, std::int64_t timeout_ns) {
  Flags& own = FlagsOf(rank_);
  const Flags& awaited = FlagsOf(rank);
  own.sleeping_on.store(static_cast<std::uint32_t>(rank + 1), std::memory_order_seq_cst);
  const std::uint32_t bell = awaited.bell.load(std::memory_order_seq_cst);
  if (!Arrived(rank)) {
    FutexWaitShared(&awaited.bell, bell, Deadline::After(static_cast<double>(timeout_ns) * 1e-9));
  }
  own.sleeping_on.store(0, std::memory_order_release);
}

bool SharedChannel::SpinBriefly(int rank) const {
  const bool crowded = wait_.yields > 0;
  // A rank of this very core cannot arrive before it gets the core. One of another core is most
  // likely on its way: to hand this core to a rank that would wait for the same one is two switches
  // in vain.
  if (crowded ? SharesCore(rank) : wait_.spin_ns == 0) return Arrived(rank);
  for (int i = 0; i < kPausesPerLook; ++i) {
    if (Arrived(rank)) return true;
    CpuPause();
  }
  return false;
}

bool SharedChannel::SpinUntilArrived(int rank) const {
  const SteadyClock clock;
  for (std::int64_t end_ns = 0;;) {
    if (SpinBriefly(rank)) return true;
    if (wait_.spin_ns == 0) return false;
    // Where the awaited rank, or a computation, has been put on this very core, it runs now. Else
    // this costs a system call in a wait that is long already.
    sched_yield();
    const std::int64_t now_ns = clock.NowNs();
    if (end_ns == 0) end_ns = now_ns + wait_.spin_ns;
    if (now_ns >= end_ns) return false;
  }
}

// Pauses between looks: where the awaited rank runs on this core's other thread, each look would
// take its turn, and elsewhere it would take away the line that is about to be written.
bool SharedChannel::ArrivesSoon(int rank) const {
  for (int look = 0; look < kQuickLooks; ++look) {
    if (Arrived(rank)) return true;
    CpuPause();
  }
  return false;
}

Status SharedChannel::WaitLongFor(int rank, const Deadline& deadline) {
  while (true) {
    if (SpinUntilArrived(rank)) return Status::Ok();
    for (int yields = 0; yields < wait_.yields; ++yields) {
      sched_yield();
      if (SpinBriefly(rank)) return Status::Ok();
    }
    RONDE_RETURN_IF_ERROR(CheckWait(rank, deadline));
    if (wait_.sleeps) break;
  }
  const std::int64_t slice_ns = meanwhile_ ? kBriefSliceNs : kSleepSliceNs;
  while (!Arrived(rank)) {
    SleepUntilRung(rank, std::min(deadline.RemainingNs(), slice_ns));
    if (Arrived(rank)) break;
    RONDE_RETURN_IF_ERROR(CheckWait(rank, deadline));
  }
  return Status::Ok();
}

Status SharedChannel::CheckWait(int rank, const Deadline& deadline) {
  if (meanwhile_) RONDE_RETURN_IF_ERROR(meanwhile_());
  RONDE_RETURN_IF_ERROR(transport_->CheckLiveness());
  return deadline.Expired() ? Missing(rank) : Status::Ok();
}

Status SharedChannel::Missing(int awaited) const {
  std::string missing;
  int count = 0;
  for (int peer = 0; peer < size_; ++peer) {
    if (peer != awaited && Arrived(peer)) continue;
    missing += StrCat(count++ == 0 ? "" : ", ", world_ranks_[peer]);
  }
  return Status::Timeout(StrCat("rank ", world_ranks_[rank_], " waited in shared memory for ",
                                count == 1 ? "rank " : "ranks ", missing,
                                ", which did not arrive before the deadline; is it stopped or "
                                "very late? (--timeout-s)"));
}

// Ranks of this core first: each time it is given away, one of them goes on, and when this rank is
// back, those of other cores have mostly arrived.
Status SharedChannel::WaitForOwnCore(const Deadline& deadline) {
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_ || Arrived(peer) || !SharesCore(peer)) continue;
    RONDE_RETURN_IF_ERROR(WaitLongFor(peer, deadline));
  }
  return Status::Ok();
}

Status SharedChannel::WaitForAll(const Deadline& deadline) {
  if (wait_.yields > 0) RONDE_RETURN_IF_ERROR(WaitForOwnCore(deadline));
  // Nearest first in a circle, so that waiters spread over the lines.
  for (int distance = 1; distance < size_; ++distance) {
    const int peer = rank_ + distance < size_ ? rank_ + distance : rank_ + distance - size_;
    if (!ArrivesSoon(peer)) RONDE_RETURN_IF_ERROR(WaitLongFor(peer, deadline));
  }
  return Status::Ok();
}

Status SharedChannel::Step(Deadline deadline) {
  ++step_;
  Publish();
  return WaitForAll(deadline);
}

}  // namespace ronde
