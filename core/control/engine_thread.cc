#include <algorithm>
#include <cctype>
#include <utility>

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

std::uint64_t PayloadBytes(const Request& request) {
  if (request.kind == OperationKind::kBarrier || request.kind == OperationKind::kAllocate) return 0;
  return static_cast<std::uint64_t>(ElementCount(request.shape)) * SizeOf(request.dtype);
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
  TensorQueue::New drained = queue_.DrainNew();
  const bool leaving = drained.closed && !shutdown_announced_;
  if (drained.requests.empty() && !leaving) return Status::Ok();
  if (leaving) {
    shutdown_announced_ = true;
    last_progress_ns_ = clock_.NowNs();
  }
  RequestList list{.requests = std::move(drained.requests), .shutdown = leaving};
  if (coordinator_) return coordinator_->Add(rank_, std::move(list));
  return transport_.Post(0, Encode(list));
}

Status Engine::Impl::Receive() {
  while (!finished_) {
    RONDE_ASSIGN_OR_RETURN(std::optional<ControlMessage> message, transport_.Poll());
    if (!message) break;
    last_progress_ns_ = clock_.NowNs();
    if (coordinator_) {
      RONDE_ASSIGN_OR_RETURN(RequestList list, DecodeRequestList(message->payload));
      RONDE_RETURN_IF_ERROR(coordinator_->Add(message->source, std::move(list)));
    } else {
      RONDE_ASSIGN_OR_RETURN(const ResponseList list, DecodeResponseList(message->payload));
      RONDE_RETURN_IF_ERROR(Deliver(list));
    }
  }
  return Status::Ok();
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
  for (int peer = 1; peer < size_; ++peer) {
    RONDE_RETURN_IF_ERROR(transport_.Post(peer, bytes));
  }
  return Status::Ok();
}

Status Engine::Impl::Deliver(const ResponseList& list) {
  RONDE_ASSIGN_OR_RETURN(std::vector<ReadyOperation> operations, Match(list));
  if (!operations.empty()) RONDE_RETURN_IF_ERROR(Execute(std::move(operations)));
  finished_ = finished_ || list.shutdown;
  return Status::Ok();
}

Result<std::vector<ReadyOperation>> Engine::Impl::Match(const ResponseList& list) {
  std::vector<ReadyOperation> operations;
  operations.reserve(list.responses.size());
  for (const Response& response : list.responses) {
    std::optional<TensorEntry> entry = queue_.Take(response.request.name);
    if (!response.error.ok()) {
      // Ranks that have not submitted the name have nothing to complete.
      if (entry) entry->handle.Complete(response.error);
      continue;
    }
    if (!entry) {
      return Status::Internal(StrCat("rank 0 answered tensor '", response.request.name,
                                     "', which this rank has not submitted"));
    }
    auto agreed = std::make_shared<Response>(response);
    // This rank's own, where ranks may differ.
    agreed->request.shape = entry->request.shape;
    agreed->request.splits = entry->request.splits;
    operations.emplace_back(std::move(agreed), *std::move(entry));
  }
  return operations;
}

Status Engine::Impl::Execute(std::vector<ReadyOperation> operations) {
  std::vector<Handle> handles;
  handles.reserve(operations.size());
  std::uint64_t payload_bytes = 0;
  for (const ReadyOperation& operation : operations) {
    handles.push_back(operation.entry.handle);
    payload_bytes += PayloadBytes(operation.entry.request);
  }
  payload_bytes_.fetch_add(payload_bytes, std::memory_order_relaxed);
  response_lists_.fetch_add(1, std::memory_order_relaxed);
  RONDE_RETURN_IF_ERROR(BeginExecuting());
  const std::int64_t start_ns = clock_.NowNs();
  const Status status = executor_.Execute(operations);
  EndExecuting();
  last_progress_ns_ = clock_.NowNs();
  execute_ns_.fetch_add(last_progress_ns_ - start_ns, std::memory_order_relaxed);
  RONDE_RETURN_IF_ERROR(status);
  for (const Handle& handle : handles) {
    if (!handle.Poll()) return Status::Internal("the executor left an operation incomplete");
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
  std::int64_t wake_ns = coordinator_ ? coordinator_->NextWakeNs() : INT64_MAX;
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
