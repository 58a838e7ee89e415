#include "collectives/shared/shared_channel.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <new>
#include <string>

#include "collectives/shared/pause.h"
#include "collectives/tags.h"
#include "core/base/strcat.h"
#include "core/comm/futex.h"

namespace ronde {

namespace {

constexpr std::size_t kLineAreaBytes = 4096;       // keeps slots page-aligned
constexpr int kPausesPerLook = 32;                 // some 1-2 us between looks at clock and job
constexpr std::int64_t kSleepSliceNs = 5'000'000;  // how soon a sleeper notices an abort

std::size_t RoundUp(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

struct Introduction {
  std::int64_t world_rank = 0;
  std::uint64_t slot_bytes = 0;
};

// An allgather through local rank 0; set-up only.
Status Introduce(Transport& local, std::vector<Introduction>* all, const Deadline& deadline) {
  const auto one = [all](int rank) { return std::span(*all).subspan(rank, 1); };
  const int rank = local.rank();
  if (rank != 0) {
    RONDE_RETURN_IF_ERROR(local.Send(0, kSetUpTag, std::as_bytes(one(rank)), deadline));
    return local.Receive(0, kSetUpTag, std::as_writable_bytes(std::span(*all)), deadline);
  }
  for (int peer = 1; peer < local.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(
        local.Receive(peer, kSetUpTag, std::as_writable_bytes(one(peer)), deadline));
  }
  for (int peer = 1; peer < local.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(local.Send(peer, kSetUpTag, std::as_bytes(std::span(*all)), deadline));
  }
  return Status::Ok();
}

}  // namespace

/// One rank's flags: all fields are written by that rank alone, and never read-modify-written.
/// `step` and `bell` change every round; `sleeping_on` hardly ever, so it has its own cache line,
/// which stays shared in the readers' caches.
struct SharedChannel::Line {
  alignas(64) std::atomic<std::uint64_t> step;         // rounds that this rank has published
  std::atomic<std::uint32_t> bell;                     // its low half: what the futex sleeps on
  alignas(64) std::atomic<std::uint32_t> sleeping_on;  // 1 + the rank whose bell it awaits, or 0
};

Result<std::unique_ptr<SharedChannel>> SharedChannel::Create(Transport& local,
                                                             const Options& options,
                                                             Deadline deadline) {
  static_assert(sizeof(Line) == 128 && std::atomic<std::uint64_t>::is_always_lock_free);
  std::vector<Introduction> all(static_cast<std::size_t>(local.size()));
  all[local.rank()] = {options.world_rank, RoundUp(options.slot_bytes, 64)};
  RONDE_RETURN_IF_ERROR(Introduce(local, &all, deadline));
  std::vector<int> world_ranks;
  for (const Introduction& rank : all) world_ranks.push_back(static_cast<int>(rank.world_rank));
  const auto slot_bytes = static_cast<std::size_t>(all.front().slot_bytes);

  const std::size_t part_bytes = kLineAreaBytes + 2 * RoundUp(slot_bytes, 4096);
  RONDE_ASSIGN_OR_RETURN(auto segment, SharedSegment::Create(local, part_bytes, deadline));
  return std::unique_ptr<SharedChannel>(new SharedChannel(
      local, std::move(segment), std::move(world_ranks), slot_bytes, options.wait));
}

SharedChannel::SharedChannel(Transport& transport, SharedSegment segment,
                             std::vector<int> world_ranks, std::size_t slot_bytes, WaitPolicy wait)
    : transport_(&transport),
      segment_(std::move(segment)),
      world_ranks_(std::move(world_ranks)),
      slot_bytes_(slot_bytes),
      wait_(wait),
      rank_(transport.rank()),
      size_(transport.size()) {}

SharedChannel::Line& SharedChannel::LineOf(int rank) const {
  // The region is zero-filled, which is these atomics' initial value.
  return *std::launder(reinterpret_cast<Line*>(segment_.part(rank)));
}

std::byte* SharedChannel::SlotOf(int rank, std::uint64_t step) const {
  return segment_.part(rank) + kLineAreaBytes + (step % 2) * RoundUp(slot_bytes_, 4096);
}

bool SharedChannel::Arrived(int rank) const {
  // Acquire: the slot that was written before the step is read after it.
  return LineOf(rank).step.load(std::memory_order_acquire) >= step_;
}

void SharedChannel::Publish() {
  Line& line = LineOf(rank_);
  ++step_;
  // Release: publishes the slot.
  line.step.store(step_, std::memory_order_release);
  // Sequentially consistent here and in SleepUntilRung: either a sleeper sees the new bell, or its
  // sleeping_on is seen here. Without that a wake-up could be lost.
  line.bell.store(static_cast<std::uint32_t>(step_), std::memory_order_seq_cst);
  const auto mine = static_cast<std::uint32_t>(rank_ + 1);
  for (int peer = 0; peer < size_; ++peer) {
    if (LineOf(peer).sleeping_on.load(std::memory_order_seq_cst) == mine) {
      FutexWakeShared(&line.bell);
      return;
    }
  }
}

void SharedChannel::SleepUntilRung(int rank, std::int64_t timeout_ns) {
  Line& line = LineOf(rank_);
  const Line& awaited = LineOf(rank);
  line.sleeping_on.store(static_cast<std::uint32_t>(rank + 1), std::memory_order_seq_cst);
  const std::uint32_t bell = awaited.bell.load(std::memory_order_seq_cst);
  if (!Arrived(rank)) {
    FutexWaitShared(&awaited.bell, bell, Deadline::After(static_cast<double>(timeout_ns) * 1e-9));
  }
  line.sleeping_on.store(0, std::memory_order_release);
}

bool SharedChannel::SpinUntilArrived(int rank) const {
  const SteadyClock clock;
  for (std::int64_t end_ns = 0;;) {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (Arrived(rank)) return true;
      if (wait_.spin_ns == 0) return false;
      CpuPause();
    }
    const std::int64_t now_ns = clock.NowNs();
    if (end_ns == 0) end_ns = now_ns + wait_.spin_ns;
    if (now_ns >= end_ns) return false;
  }
}

Status SharedChannel::WaitFor(int rank, const Deadline& deadline) {
  if (SpinUntilArrived(rank)) return Status::Ok();
  for (int yields = 0; yields < wait_.yields; ++yields) {
    sched_yield();
    if (Arrived(rank)) return Status::Ok();
  }
  while (!Arrived(rank)) {
    RONDE_RETURN_IF_ERROR(transport_->CheckLiveness());
    if (deadline.Expired()) return Missing(rank);
    SleepUntilRung(rank, std::min(deadline.RemainingNs(), kSleepSliceNs));
  }
  return Status::Ok();
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

Status SharedChannel::Step(const Deadline& deadline) {
  Publish();
  // Nearest first in a circle, so that waiters spread over the lines.
  for (int distance = 1; distance < size_; ++distance) {
    RONDE_RETURN_IF_ERROR(WaitFor((rank_ + distance) % size_, deadline));
  }
  return Status::Ok();
}

}  // namespace ronde
