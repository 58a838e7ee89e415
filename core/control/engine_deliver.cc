// What the engine thread does with a list of responses.
#include <algorithm>
#include <utility>

#include "core/base/failure_cause.h"
#include "core/base/strcat.h"
#include "core/control/engine_impl.h"

namespace ronde {
namespace {

std::uint64_t PayloadBytesOf(const Request& request) {
  switch (request.kind) {
    case OperationKind::kBarrier:
    case OperationKind::kAllocate:
    case OperationKind::kJoin:
    case OperationKind::kAddProcessSet:
    case OperationKind::kRemoveProcessSet:
      return 0;
    default:
      return static_cast<std::uint64_t>(ElementCount(request.shape)) * SizeOf(request.dtype);
  }
}

}  // namespace

std::uint64_t Engine::Impl::PayloadBytes(std::span<const ReadyOperation> operations) {
  std::uint64_t payload_bytes = 0;
  for (const ReadyOperation& operation : operations) {
    payload_bytes += PayloadBytesOf(operation.response->request);
  }
  return payload_bytes;
}

Status Engine::Impl::Deliver(const ResponseList& list) {
  const std::uint64_t before = std::exchange(last_list_, list.number);
  if (list.freeze != 0) return Freeze(list.freeze);
  if (list.unlocked != 0) return Unlock(list.unlocked, list.executed);
  const std::size_t queue_depth = observer_ == nullptr ? 0 : queue_.in_flight();
  if (observer_ != nullptr) {
    observer_->OnList({.number = list.number,
                       .cached = list.cached.size(),
                       .negotiated = list.responses.size(),
                       .locked = false,
                       .queue_depth = queue_depth},
                      clock_.NowNs());
  }
  if (list.tunables) executor_.Apply(*list.tunables);
  std::vector<TensorQueue::Slot*> ask_again;
  for (const std::uint32_t slot : list.evicted) {
    if (slot < asked_.size() && asked_[slot] != nullptr) ask_again.push_back(asked_[slot]);
    EvictSlot(static_cast<int>(slot), list.number);
  }
  // Before anything of this list can end what is to be asked for again.
  RONDE_RETURN_IF_ERROR(AskAgain(ask_again, before));
  RONDE_ASSIGN_OR_RETURN(std::vector<ReadyOperation> operations, Match(list));
  if (std::exchange(asked_changed_, false)) RONDE_RETURN_IF_ERROR(LeaveAgain());
  if (list.absent_changed) {
    tree_.SetAbsent(list.absent);
    RONDE_RETURN_IF_ERROR(PassOnReadiness());  // of which nobody may be missing now
  }
  if (!operations.empty()) RONDE_RETURN_IF_ERROR(Execute(operations));
  if (list.lock.number != 0) RONDE_RETURN_IF_ERROR(EnterLock(list));
  finished_ = finished_ || list.shutdown;
  return Status::Ok();
}

void Engine::Impl::ForgetSlot(int slot, std::uint64_t list) {
  if (cache_.Holds(slot)) cache_.MarkAnswered(slot, list);
  if (slot < static_cast<int>(asked_.size()) && asked_[slot] != nullptr) {
    asked_[slot] = nullptr;
    asked_changed_ = true;
  }
  tree_.Forget(slot);
}

void Engine::Impl::EvictSlot(int slot, std::uint64_t list) {
  ForgetSlot(slot, list);
  cache_.Evict(slot, list);
  if (slot >= static_cast<int>(kept_.size()) || kept_[slot] == nullptr) return;
  TensorQueue::Slot& place = *std::exchange(kept_[slot], nullptr);
  place.cache_slot = -1;
  queue_.Keep(place, false);
}

void Engine::Impl::Remember(const Response& response, std::shared_ptr<Response> agreed,
                            TensorQueue::Slot* submitted, std::uint64_t list) {
  if (response.slot < 0) return;
  const auto slot = static_cast<std::size_t>(response.slot);
  cache_.Put(response.slot, std::move(agreed),
             submitted == nullptr ? nullptr : &submitted->request(), list);
  if (submitted == nullptr) return;
  if (asked_.size() <= slot) {
    asked_.resize(slot + 1, nullptr);
    kept_.resize(slot + 1, nullptr);
  }
  kept_[slot] = submitted;
  submitted->cache_slot = response.slot;
  queue_.Keep(*submitted, true);
}

Status Engine::Impl::AskAgain(std::span<TensorQueue::Slot* const> submitted, std::uint64_t as_of) {
  RequestList list;
  // Where the list that evicts them also ends this rank's join, rank 0 has kept what it had asked.
  list.as_of = as_of;
  for (const TensorQueue::Slot* operation : submitted) {
    list.requests.push_back(operation->request());
  }
  return TellAsOf(std::move(list));
}

Status Engine::Impl::LeaveAgain() {
  if (!joined_ && !shutdown_announced_) return Status::Ok();
  RequestList list;
  if (joined_) list.requests.push_back(join_);
  list.shutdown = shutdown_announced_;
  ListOutstanding(list);
  return Tell(std::move(list));
}

Result<std::vector<ReadyOperation>> Engine::Impl::Match(const ResponseList& list) {
  std::vector<ReadyOperation> operations;
  operations.reserve(list.responses.size() + list.cached.size());
  if (joined_) {
    for (const Response& response : list.responses) stand_ins_.Reserve(response);
  }
  for (const Response& response : list.responses) {
    RONDE_RETURN_IF_ERROR(MatchResponse(response, list.number, operations));
  }
  for (const std::uint32_t slot : list.cached) {
    RONDE_RETURN_IF_ERROR(MatchCached(static_cast<int>(slot), list.number, operations));
  }
  if (observer_ == nullptr) return operations;
  const std::int64_t now_ns = clock_.NowNs();
  for (const ReadyOperation& operation : operations) {
    observer_->OnAgreed(operation.response->request, operation.entry.enqueued_ns, now_ns);
  }
  return operations;
}

Status Engine::Impl::MatchResponse(const Response& response, std::uint64_t list,
                                   std::vector<ReadyOperation>& operations) {
  const int set = SetOf(response.request);
  const std::string key = KeyOf(response.request);
  if (const int slot = cache_.SlotOf(key); slot >= 0) ForgetSlot(slot, list);
  if (!sets_.Contains(set, rank_)) {
    Remember(response, std::make_shared<Response>(response), nullptr, list);
    return Status::Ok();
  }
  TensorQueue::Slot* const submitted = queue_.Find(key);
  const bool ends_join = submitted != nullptr && submitted->request().kind == OperationKind::kJoin;
  if (ends_join) joined_ = false;  // by an error, too
  if (!response.error.ok()) {
    if (coordinator_ && response.error.code() == StatusCode::kShutdown &&
        !std::exchange(hinted_, true)) {
      TellCause(FailureCause::Kind::kHint, rank_, transport_.host_name(rank_),
                response.error.message());
    }
    // Ranks that have not submitted the name have nothing to complete, nor have those that did so
    // only after what it concerns.
    const std::vector<std::int64_t>& to = response.rank_extents;
    const bool concerned = to.empty() || std::find(to.begin(), to.end(), rank_) != to.end();
    if (submitted != nullptr && concerned) Answer(*submitted, response.error);
    return Status::Ok();
  }
  if (submitted == nullptr && !joined_) {
    return Status::Internal(StrCat("rank 0 answered tensor '", response.request.name,
                                   "', which this rank has not submitted"));
  }
  auto agreed = std::make_shared<Response>(response);
  if (submitted == nullptr) {
    const std::vector<int>& members = *sets_.Find(set);
    const auto place = std::lower_bound(members.begin(), members.end(), rank_) - members.begin();
    TensorEntry entry =
        stand_ins_.EntryFor(response, static_cast<int>(place), static_cast<int>(members.size()));
    entry.enqueued_ns = kStandsIn;
    agreed->request.shape = entry.request.shape;
    operations.emplace_back(std::move(agreed), std::move(entry));
    return Status::Ok();
  }
  // This rank's own, where ranks may differ.
  agreed->request.shape = submitted->request().shape;
  agreed->request.splits = submitted->request().splits;
  Remember(response, agreed, submitted, list);
  TensorEntry entry = queue_.Take(*submitted);
  if (response.request.kind == OperationKind::kJoin) {
    entry.handle.mutable_result().last_joined = response.request.root;
  }
  if (response.request.kind == OperationKind::kAddProcessSet) {
    entry.handle.mutable_result().process_set = response.request.process_set;
  }
  ApplySets(response);
  operations.emplace_back(std::move(agreed), std::move(entry));
  return Status::Ok();
}

Status Engine::Impl::MatchCached(int slot, std::uint64_t list,
                                 std::vector<ReadyOperation>& operations) {
  if (!cache_.Holds(slot)) {
    return Status::Internal(StrCat("rank 0 answered from slot ", slot, ", which is empty here"));
  }
  const std::shared_ptr<Response>& response = cache_.ResponseOf(slot);
  const bool takes_part = sets_.Contains(SetOf(response->request), rank_);
  TensorQueue::Slot* const submitted = takes_part ? asked_[slot] : nullptr;
  ForgetSlot(slot, list);
  if (!takes_part) return Status::Ok();
  if (submitted == nullptr) {
    return Status::Internal(StrCat("rank 0 answered tensor '", response->request.name,
                                   "', which this rank has not submitted"));
  }
  operations.emplace_back(response, queue_.Take(*submitted));
  return Status::Ok();
}

void Engine::Impl::ApplySets(const Response& response) {
  const Request& request = response.request;
  if (request.kind == OperationKind::kAddProcessSet) sets_.Add(request.members);
  if (request.kind != OperationKind::kRemoveProcessSet) return;
  const int set = request.process_set;
  for (TensorQueue::Slot* submitted : queue_.FindAllOf(set)) {
    Answer(*submitted, Status::InvalidArgument(StrCat("tensor '", submitted->request().name,
                                                      "': process set ", set, " was removed")));
  }
  sets_.Remove(set);
}

void Engine::Impl::Answer(TensorQueue::Slot& submitted, const Status& status) {
  const TensorEntry entry = queue_.Take(submitted);
  if (observer_ != nullptr) {
    observer_->OnCompleted(submitted.request(), status, entry.enqueued_ns, clock_.NowNs());
  }
  entry.handle.Complete(status);
}

Status Engine::Impl::Execute(std::span<ReadyOperation> operations) {
  return Execute(operations, PayloadBytes(operations));
}

Status Engine::Impl::Execute(std::span<ReadyOperation> operations, std::uint64_t payload_bytes) {
  payload_bytes_.fetch_add(payload_bytes, std::memory_order_relaxed);
  response_lists_.fetch_add(1, std::memory_order_relaxed);
  RONDE_RETURN_IF_ERROR(BeginExecuting());
  const std::int64_t start_ns = clock_.NowNs();
  const Status status = executor_.Execute(operations);
  EndExecuting();
  last_progress_ns_ = clock_.NowNs();
  busy_ns_ = last_progress_ns_;
  execute_ns_.fetch_add(last_progress_ns_ - start_ns, std::memory_order_relaxed);
  RONDE_RETURN_IF_ERROR(status);
  for (const ReadyOperation& operation : operations) {
    const Handle& handle = operation.entry.handle;  // of nothing, where it was let go
    if (handle && !handle.issued()) {
      return Status::Internal("the executor left an operation incomplete");
    }
  }
  if (!coordinator_) return Status::Ok();
  if (autotuner_ != nullptr) TellAutotuner(operations, payload_bytes);
  if (schedule_) return Status::Ok();
  for (const ReadyOperation& operation : operations) {
    coordinator_->NoteExecuted(operation.response->slot, operation.entry.enqueued_ns,
                               last_progress_ns_);
  }
  return Status::Ok();
}

void Engine::Impl::TellAutotuner(std::span<const ReadyOperation> operations,
                                 std::uint64_t payload_bytes) {
  std::int64_t asked_ns = INT64_MAX;
  for (const ReadyOperation& operation : operations) {
    autotuner_->OnOperation(operation.response->request.name);
    const bool stands_in = operation.entry.enqueued_ns == kStandsIn;
    asked_ns = std::min(asked_ns, stands_in ? last_progress_ns_ : operation.entry.enqueued_ns);
  }
  autotuner_->OnListExecuted(payload_bytes, asked_ns, last_progress_ns_);
}

}  // namespace ronde
