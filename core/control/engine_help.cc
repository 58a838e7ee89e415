// A caller that waits does the engine's work itself while the engine's thread sleeps: that spares
// two switches of threads, which cost more than most operations.
#include <algorithm>

#include "core/control/engine_impl.h"

namespace ronde {
namespace {

// A wait that begins so soon after something could run makes it needless to wake the engine.
constexpr std::int64_t kSoonNs = 100'000;
constexpr int kSoonWaits = 3;  // in a row, before one is counted on

}  // namespace

void Engine::Impl::WakeFor(std::int64_t now_ns) {
  if (alone()) return Wake();
  std::int64_t none = 0;
  first_due_ns_.compare_exchange_strong(none, now_ns, std::memory_order_relaxed);
  // Where it has just been taken back, the engine has looked at the queue after that.
  if (waits_soon_.load(std::memory_order_seq_cst)) {
    ring_owed_.store(true, std::memory_order_seq_cst);
  } else {
    transport_.Ring();
  }
}

void Engine::Impl::Nudge() {
  if (!ring_owed_.load(std::memory_order_relaxed) || !ring_owed_.exchange(false)) return;
  waits_soon_.store(false, std::memory_order_seq_cst);
  soon_waits_.store(0, std::memory_order_relaxed);
  transport_.Ring();
}

void Engine::Impl::NoteWait() {
  const std::int64_t due_ns = first_due_ns_.exchange(0, std::memory_order_relaxed);
  if (due_ns == 0) return;
  const bool is_soon = clock_.NowNs() < due_ns + kSoonNs;
  const int before = soon_waits_.load(std::memory_order_relaxed);
  soon_waits_.store(is_soon ? std::min(before + 1, kSoonWaits) : 0, std::memory_order_relaxed);
}

void Engine::Impl::Help(const Handle& handle) {
  if (DrivesHere()) return;
  NoteWait();
  std::unique_lock turn(turn_, std::try_to_lock);
  if (!turn.owns_lock() || !MayHelp()) {
    if (ring_owed_.exchange(false)) transport_.Ring();
    return;
  }
  helper_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  helped_ns_ = clock_.NowNs();
  help_failure_ = DriveUntil(handle);
  const bool fails = !help_failure_.ok() || finished_;
  const bool counts_on_waits = soon_waits_.load(std::memory_order_relaxed) == kSoonWaits && !fails;
  waits_soon_.store(counts_on_waits, std::memory_order_seq_cst);
  // The engine's thread sleeps as long as was right when it began to.
  const std::int64_t now_ns = clock_.NowNs();
  const bool wakes_late = sleep_until_ns_ > std::min(NextWakeNs(), now_ns + 2 * kHelpedSleepNs);
  const bool has_more = !fails && !queue_.Expect(ExpectedCount(), busy_ns_ + kBurstNs);
  helper_id_.store({}, std::memory_order_relaxed);
  transport_.UnmuteRings();
  if (fails || wakes_late || has_more) transport_.Ring();
}

bool Engine::Impl::MayHelp() const {
  return !ended_ && !finished_ && help_failure_.ok() && may_help_.load(std::memory_order_relaxed);
}

Status Engine::Impl::DriveUntil(const Handle& handle) {
  while (true) {
    transport_.MuteRings();
    RONDE_RETURN_IF_ERROR(Step());
    if (finished_ || handle.issued()) return Status::Ok();
    if (clock_.NowNs() >= std::max(busy_ns_, helped_ns_) + look_on_ns_) return Status::Ok();
    std::this_thread::yield();
  }
}

}  // namespace ronde
