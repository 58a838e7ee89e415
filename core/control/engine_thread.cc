#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>
#include <variant>

#include "core/base/failure_cause.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/control/engine_impl.h"

namespace ronde {
namespace {

/// "rank 12: ..." as opposed to "rank 12 has ...".
bool NamesItsRank(std::string_view message) {
  constexpr std::string_view kPrefix = "rank ";
  if (!message.starts_with(kPrefix)) return false;
  message.remove_prefix(kPrefix.size());
  const auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  const auto end = std::find_if_not(message.begin(), message.end(), is_digit);
  return end != message.begin() && end != message.end() && *end == ':';
}

}  // namespace

void Engine::Impl::Run() {
  std::unique_lock turn(turn_);
  Status status;
  while (true) {
    status = Step();
    if (!status.ok() || finished_) break;
    status = Sleep(turn);
    if (status.ok()) status = help_failure_;
    if (!status.ok() || finished_) break;
  }
  ended_ = true;
  End(status);
}

Status Engine::Impl::Sleep(std::unique_lock<std::mutex>& turn) {
  const std::int64_t now_ns = clock_.NowNs();
  const bool helped = now_ns < helped_ns_ + kHelpedNs;
  if (!helped) waits_soon_.store(false, std::memory_order_seq_cst);  // before Expect looks
  const std::size_t expected = ExpectedCount();
  if (!queue_.Expect(expected, busy_ns_ + kBurstNs)) return Status::Ok();
  sleep_until_ns_ = NextWakeNs();
  if (expected != 1) sleep_until_ns_ = std::min(sleep_until_ns_, busy_ns_ + kBurstNs);
  if (helped) sleep_until_ns_ = std::min(sleep_until_ns_, now_ns + kHelpedSleepNs);
  const Deadline wake = sleep_until_ns_ == INT64_MAX
                            ? Deadline::Never()
                            : Deadline::After(static_cast<double>(sleep_until_ns_ - now_ns) * 1e-9);
  return takes_turns_ ? transport_.WaitForRing(wake, turn) : transport_.WaitForRing(wake);
}

std::size_t Engine::Impl::ExpectedCount() const {
  if (clock_.NowNs() >= busy_ns_ + kBurstNs) return 1;
  if (schedule_) return deviated_ ? 1 : schedule_->missing();
  return burst_.remaining(queue_.in_flight() == 0);
}

void Engine::Impl::Wake() {
  if (!alone()) return transport_.Ring();
  std::lock_guard lock(drive_mutex_);
  if (ended_) return;
  const Status status = Step();
  if (status.ok() && !finished_) return;
  ended_ = true;
  End(status);
}

void Engine::Impl::End(const Status& failure) {
  if (!failure.ok()) {
    executor_.Interrupt();
    Fail(failure);
  }
  const Status late = executor_.Drain(Deadline::After(timeout_s_));
  if (failure.ok() && !late.ok()) Fail(late);
  const Status latched = status();
  queue_.FailAll(latched.ok() ? Status::Shutdown("all ranks have shut down") : latched, observer_);
}

Status Engine::Impl::Step() {
  bool again = true;
  while (again && !finished_) {
    RONDE_RETURN_IF_ERROR(AbortRequest());
    RONDE_RETURN_IF_ERROR(Announce());
    if (!alone()) RONDE_RETURN_IF_ERROR(Receive());
    if (coordinator_) RONDE_RETURN_IF_ERROR(Coordinate());
    RONDE_ASSIGN_OR_RETURN(again, RunLocked());
  }
  if (!finished_) LeaveIfShutdownIsLate();
  return Status::Ok();
}

Status Engine::Impl::Announce() {
  const bool was_owed = ring_owed_.exchange(false);
  const TensorQueue::New drained = queue_.DrainNew();
  // The wait has not come.
  if (was_owed && std::this_thread::get_id() == thread_id_ && !drained.slots.empty()) {
    waits_soon_.store(false, std::memory_order_seq_cst);
    soon_waits_.store(0, std::memory_order_relaxed);
  }
  const bool leaving = drained.closed && !shutdown_announced_;
  if (drained.closed && !std::exchange(leaving_, true)) last_progress_ns_ = clock_.NowNs();
  if (!drained.slots.empty()) {
    busy_ns_ = clock_.NowNs();
    burst_.Note(drained.slots.size(), drained.is_burst);
  }
  if (drained.slots.empty() && !leaving) return PassOnReadiness();
  RequestList list;
  Sort(drained.slots, list);
  // Under a lock rank 0 hears of all that when the lock has ended.
  if (schedule_) return leaving || !deferred_.empty() ? Deviate() : Status::Ok();
  if (leaving) {
    shutdown_announced_ = true;
    list.shutdown = true;
    ListOutstanding(list);
  }
  if (coordinator_) return Tell(std::move(list));
  // Where rank 0 is the parent, one message does.
  if (relatives_.parent() == 0) static_cast<void>(tree_.Take(list, clock_.NowNs()));
  RONDE_RETURN_IF_ERROR(Tell(std::move(list)));
  return PassOnReadiness();
}

void Engine::Impl::Sort(std::span<TensorQueue::Slot* const> submitted, RequestList& list) {
  const std::int64_t now_ns = clock_.NowNs();
  RankSlots mine{rank_, {}};
  for (TensorQueue::Slot* operation : submitted) {
    // What was right before still is: nobody changes a set under a lock.
    if (schedule_ && !joined_ && operation->unchanged()) {
      SortLocked(*operation, now_ns);
      continue;
    }
    const Request& request = operation->request();
    if (const Status valid = CheckHere(request); !valid.ok()) {
      Answer(*operation, valid);
      continue;
    }
    if (schedule_) {
      SortLocked(*operation, now_ns);
      continue;
    }
    if (const int slot = SlotFor(*operation); slot >= 0) {
      asked_[slot] = operation;
      if (coordinator_) {
        mine.slots.push_back(static_cast<std::uint32_t>(slot));
      } else {
        tree_.AddOwn(slot, now_ns);
      }
      continue;
    }
    list.requests.push_back(request);
    if (request.kind != OperationKind::kJoin) continue;
    joined_ = true;
    join_ = request;
    ListOutstanding(list);
  }
  if (!mine.slots.empty()) list.partial.push_back(std::move(mine));
}

int Engine::Impl::SlotFor(const TensorQueue::Slot& submitted) const {
  const int slot = submitted.cache_slot;
  if (slot < 0) return -1;
  return submitted.unchanged() || cache_.Matches(slot, submitted.request()) ? slot : -1;
}

Status Engine::Impl::CheckHere(const Request& request) const {
  const int set = SetOf(request);
  if (joined_) {
    return Status::InvalidArgument(StrCat("tensor '", request.name, "': rank ", rank_,
                                          " has joined; wait for the handle of its join before ",
                                          "submitting more"));
  }
  if (sets_.Contains(set, rank_)) return Status::Ok();
  const std::vector<int>* members = sets_.Find(set);
  if (members == nullptr) {
    return Status::InvalidArgument(
        StrCat("tensor '", request.name, "': process set ", set, " does not exist, or no longer"));
  }
  return Status::InvalidArgument(
      StrCat("tensor '", request.name, "': rank ", rank_, " does not belong to process set ", set,
             ", which has ranks ", ToString(Shape(members->begin(), members->end()))));
}

void Engine::Impl::ListOutstanding(RequestList& list) const {
  RankSlots mine{rank_, {}};
  for (std::size_t slot = 0; slot < asked_.size(); ++slot) {
    if (asked_[slot] != nullptr) mine.slots.push_back(static_cast<std::uint32_t>(slot));
  }
  if (!mine.slots.empty()) list.partial.push_back(std::move(mine));
}

Status Engine::Impl::Tell(RequestList list) {
  list.as_of = last_list_;
  return TellAsOf(std::move(list));
}

Status Engine::Impl::TellAsOf(RequestList list) {
  const bool asks = !list.requests.empty() || !list.complete.empty() || !list.partial.empty();
  if (!asks && !list.shutdown && list.unlock == 0 && list.frozen == 0) return Status::Ok();
  if (coordinator_) return coordinator_->Add(rank_, std::move(list));
  return transport_.Post(0, Encode(list));
}

Status Engine::Impl::PassOnReadiness() {
  if (coordinator_) return Status::Ok();
  RequestList list;
  if (!tree_.Take(list, clock_.NowNs())) return Status::Ok();
  list.as_of = last_list_;
  return transport_.Post(relatives_.parent(), Encode(list));
}

Status Engine::Impl::Receive() {
  while (!finished_) {
    RONDE_ASSIGN_OR_RETURN(std::optional<ControlMessage> message, transport_.Poll());
    if (!message) break;
    last_progress_ns_ = clock_.NowNs();
    RONDE_ASSIGN_OR_RETURN(auto body, Decode(message->payload));
    if (auto* requests = std::get_if<RequestList>(&body)) {
      RONDE_RETURN_IF_ERROR(TakeIn(message->source, std::move(*requests)));
      continue;
    }
    const auto& list = std::get<ResponseList>(body);
    if (!list.direct) {
      for (const int child : relatives_.children()) {
        RONDE_RETURN_IF_ERROR(transport_.Post(child, message->payload));
      }
    }
    RONDE_RETURN_IF_ERROR(Deliver(list));
  }
  return Status::Ok();
}

Status Engine::Impl::TakeIn(int source, RequestList list) {
  if (coordinator_) return coordinator_->Add(source, std::move(list));
  tree_.AddBelow(source, list, clock_.NowNs());
  return PassOnReadiness();
}

Status Engine::Impl::Coordinate() {
  RONDE_RETURN_IF_ERROR(coordinator_->CheckStalls());
  while (std::optional<ResponseList> list = coordinator_->TakeDue()) {
    RONDE_RETURN_IF_ERROR(Send(*list));
    RONDE_RETURN_IF_ERROR(Deliver(*list));
  }
  return Status::Ok();
}

Status Engine::Impl::Send(const ResponseList& list) {
  if (size_ == 1) return Status::Ok();
  const std::vector<std::byte> bytes = Encode(list);
  std::vector<int> receivers = relatives_.children();
  if (list.direct) {
    receivers.resize(static_cast<std::size_t>(size_) - 1);
    std::iota(receivers.begin(), receivers.end(), 1);
  }
  for (const int receiver : receivers) {
    RONDE_RETURN_IF_ERROR(transport_.Post(receiver, bytes));
  }
  return Status::Ok();
}

Status Engine::Impl::BeginExecuting() {
  const std::lock_guard lock(mutex_);
  if (abort_request_) return *abort_request_;
  executing_ = true;
  return Status::Ok();
}

void Engine::Impl::EndExecuting() {
  const std::lock_guard lock(mutex_);
  executing_ = false;
}

void Engine::Impl::LeaveIfShutdownIsLate() {
  if (!leaving_) return;
  const double waited_s = static_cast<double>(clock_.NowNs() - last_progress_ns_) * 1e-9;
  if (waited_s < timeout_s_) return;
  std::string missing;
  if (coordinator_) {
    for (const int rank : coordinator_->running_ranks()) {
      missing += StrCat(missing.empty() ? "rank " : ", rank ", rank);
    }
  }
  const Status late = WithRank(
      Status::Timeout(StrCat("shut down without ", coordinator_ ? missing : "rank 0",
                             ", which gave no sign of ", "progress for --timeout-s ", timeout_s_)));
  Log(LogLevel::kWarning, late.message());
  Latch(late);
  finished_ = true;
  if (coordinator_) {
    // The others can agree on nothing without rank 0: let them leave as well.
    const ResponseList last = coordinator_->Dismiss(late);
    if (Send(last).ok() && Deliver(last).ok()) return;
  }
  // Ranks that come to what is pending here would wait for this rank in vain.
  if (queue_.in_flight() > 0) transport_.Abort(late);
}

void Engine::Impl::Fail(const Status& cause) {
  // What a caller of Abort said while the executor ran came first, and may be why that failed.
  const Status request = AbortRequest();
  TellFailure(request.ok() ? cause : request);
  const Status agreed = transport_.CheckLiveness();
  Latch(agreed.ok() ? WithRank(request.ok() ? cause : request) : agreed);
}

void Engine::Impl::TellFailure(const Status& cause) {
  // Another rank may have been earlier; all ranks report the same cause. What is told to the user
  // comes first: a launcher drops what comes when other ranks have ended.
  transport_.Abort(WithRank(cause), [&] { TellUser(cause); });
  if (transport_.gave_cause()) TellUser(cause);  // where the job had been ended for this one
}

void Engine::Impl::TellUser(const Status& cause) {
  if (alone() || std::exchange(told_, true)) return;
  // Of what was being done the executor knows most.
  const std::size_t known = cause.message().find(kSceneMark);
  const std::string scene =
      known == std::string::npos ? Scene() : cause.message().substr(known + kSceneMark.size());
  TellCause(FailureCause::Kind::kFailure, rank_, transport_.host_name(rank_),
            WithScene(WithRank(cause), scene).message());
}

std::string Engine::Impl::Scene() const {
  const std::size_t count = queue_.in_flight();
  if (count == 0) return StrCat("rank ", rank_, shutdown_announced_ ? " shut down" : " was idle");
  return StrCat("rank ", rank_, shutdown_announced_ ? " shut down with " : " negotiated ",
                NamesText(queue_.oldest(), count));
}

void Engine::Impl::Latch(const Status& failure) {
  std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = failure;
}

std::int64_t Engine::Impl::NextWakeNs() const {
  std::int64_t wake_ns = coordinator_ ? coordinator_->NextWakeNs() : tree_.NextWakeNs();
  if (schedule_ && !deviated_) {
    wake_ns = std::min(wake_ns, schedule_->GiveUpNs(kDisorderNs, patience_ns_));
  }
  if (leaving_) {
    const auto timeout_ns = static_cast<std::int64_t>(timeout_s_ * 1e9);
    wake_ns = std::min(wake_ns, last_progress_ns_ + timeout_ns);
  }
  return wake_ns;
}

Status Engine::Impl::AbortRequest() const {
  std::lock_guard lock(mutex_);
  return abort_request_.value_or(Status::Ok());
}

Status Engine::Impl::WithRank(const Status& cause) const {
  if (NamesItsRank(cause.message())) return cause;
  return {cause.code(), StrCat("rank ", rank_, ": ", cause.message())};
}

}  // namespace ronde
