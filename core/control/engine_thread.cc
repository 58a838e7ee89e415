#include <algorithm>
#include <cctype>
#include <numeric>
#include <utility>
#include <variant>

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
  Status status;
  while (true) {
    status = Step();
    if (!status.ok() || finished_) break;
    status = transport_.WaitForRing(NextWake());
    if (!status.ok()) break;
  }
  End(status);
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
  if (!failure.ok()) Fail(failure);
  const Status latched = status();
  queue_.FailAll(latched.ok() ? Status::Shutdown("all ranks have shut down") : latched);
}

Status Engine::Impl::Step() {
  RONDE_RETURN_IF_ERROR(AbortRequest());
  RONDE_RETURN_IF_ERROR(Announce());
  if (!alone()) RONDE_RETURN_IF_ERROR(Receive());
  if (coordinator_) RONDE_RETURN_IF_ERROR(Coordinate());
  if (!finished_) LeaveIfShutdownIsLate();
  return Status::Ok();
}

Status Engine::Impl::Announce() {
  const TensorQueue::New drained = queue_.DrainNew();
  const bool leaving = drained.closed && !shutdown_announced_;
  if (drained.requests.empty() && !leaving) return PassOnReadiness();
  RequestList list;
  Sort(drained, list);
  if (leaving) {
    shutdown_announced_ = true;
    last_progress_ns_ = clock_.NowNs();
    list.shutdown = true;
    ListOutstanding(list);
  }
  if (coordinator_) return Tell(std::move(list));
  // Where rank 0 is the parent, one message does.
  if (relatives_.parent() == 0) static_cast<void>(tree_.Take(list, clock_.NowNs()));
  RONDE_RETURN_IF_ERROR(Tell(std::move(list)));
  return PassOnReadiness();
}

void Engine::Impl::Sort(const TensorQueue::New& drained, RequestList& list) {
  const std::int64_t now_ns = clock_.NowNs();
  std::vector<std::pair<std::string, Status>> refused;
  RankSlots mine{rank_, {}};
  for (const Request* request : drained.requests) {
    if (Status valid = CheckHere(*request); !valid.ok()) {
      refused.emplace_back(KeyOf(*request), std::move(valid));
      continue;
    }
    const int slot = cache_.Find(*request);
    if (slot < 0) {
      list.requests.push_back(*request);
    } else {
      if (outstanding_.size() <= static_cast<std::size_t>(slot)) outstanding_.resize(slot + 1);
      outstanding_[slot] = true;
      if (coordinator_) {
        mine.slots.push_back(static_cast<std::uint32_t>(slot));
      } else {
        tree_.AddOwn(slot, now_ns);
      }
    }
    if (request->kind == OperationKind::kJoin) {
      joined_ = true;
      ListOutstanding(list);
    }
  }
  if (!mine.slots.empty()) list.partial.push_back(std::move(mine));
  for (const auto& [key, status] : refused) {
    if (std::optional<TensorEntry> entry = queue_.Take(key)) Answer(*entry, status);
  }
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
  for (std::size_t slot = 0; slot < outstanding_.size(); ++slot) {
    if (outstanding_[slot]) mine.slots.push_back(static_cast<std::uint32_t>(slot));
  }
  if (!mine.slots.empty()) list.partial.push_back(std::move(mine));
}

Status Engine::Impl::Tell(RequestList list) {
  if (list.requests.empty() && list.complete.empty() && list.partial.empty() && !list.shutdown) {
    return Status::Ok();
  }
  list.as_of = last_list_;
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
  if (!shutdown_announced_) return;
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
  const Status first = WithRank(request.ok() ? cause : request);
  // Another rank may have been earlier; all ranks report the same cause.
  if (transport_.CheckLiveness().ok()) transport_.Abort(first);
  const Status agreed = transport_.CheckLiveness();
  Latch(agreed.ok() ? first : agreed);
}

void Engine::Impl::Latch(const Status& failure) {
  std::lock_guard lock(mutex_);
  if (failure_.ok()) failure_ = failure;
}

Deadline Engine::Impl::NextWake() const {
  std::int64_t wake_ns = coordinator_ ? coordinator_->NextWakeNs() : tree_.NextWakeNs();
  if (shutdown_announced_) {
    const auto timeout_ns = static_cast<std::int64_t>(timeout_s_ * 1e9);
    wake_ns = std::min(wake_ns, last_progress_ns_ + timeout_ns);
  }
  if (wake_ns == INT64_MAX) return Deadline::Never();
  return Deadline::After(static_cast<double>(wake_ns - clock_.NowNs()) * 1e-9);
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
