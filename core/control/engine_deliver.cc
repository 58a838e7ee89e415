// What the engine thread does with a list of responses.
#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/engine_impl.h"

namespace ronde {
namespace {

// More would be a defect of rank 0: the capacity of the response cache has an upper limit.
constexpr int kSlotLimit = 1 << 16;

std::uint64_t PayloadBytes(const Request& request) {
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

Status Engine::Impl::Deliver(const ResponseList& list) {
  last_list_ = list.number;
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
  std::vector<std::string> ask_again;
  for (const std::uint32_t evicted : list.evicted) {
    const int slot = static_cast<int>(evicted);
    if (slot < static_cast<int>(outstanding_.size()) && outstanding_[slot]) {
      ask_again.push_back(cache_.KeyOfSlot(slot));
    }
    ForgetSlot(slot, list.number);
    cache_.Evict(slot, list.number);
  }
  RONDE_ASSIGN_OR_RETURN(std::vector<ReadyOperation> operations, Match(list));
  if (list.absent_changed) tree_.SetAbsent(list.absent);
  RONDE_RETURN_IF_ERROR(AskAgain(ask_again));
  if (!operations.empty()) RONDE_RETURN_IF_ERROR(Execute(std::move(operations)));
  finished_ = finished_ || list.shutdown;
  return Status::Ok();
}

void Engine::Impl::ForgetSlot(int slot, std::uint64_t list) {
  if (cache_.Holds(slot)) cache_.MarkAnswered(slot, list);
  if (slot < static_cast<int>(outstanding_.size())) outstanding_[slot] = false;
  tree_.Forget(slot);
}

Status Engine::Impl::AskAgain(const std::vector<std::string>& keys) {
  RequestList list;
  for (const std::string& key : keys) {
    const Request* request = queue_.Find(key);
    if (request == nullptr) continue;
    if (!joined_) {
      list.requests.push_back(*request);
      continue;
    }
    std::optional<TensorEntry> entry = queue_.Take(key);
    Answer(*entry, Status::Mismatch(StrCat("tensor '", request->name, "': another rank asked for ",
                                           "something else after rank ", rank_, " had joined")));
  }
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
    observer_->OnAgreed(operation.entry.request, operation.entry.enqueued_ns, now_ns);
  }
  return operations;
}

Status Engine::Impl::MatchResponse(const Response& response, std::uint64_t list,
                                   std::vector<ReadyOperation>& operations) {
  const int set = SetOf(response.request);
  const std::string key = KeyOf(response.request);
  if (const int slot = cache_.SlotOf(key); slot >= 0) ForgetSlot(slot, list);
  if (response.slot >= kSlotLimit) return Status::Internal("a slot beyond the response cache");
  if (!sets_.Contains(set, rank_)) {
    if (response.slot >= 0) {
      cache_.Put(response.slot, std::make_shared<Response>(response), nullptr, list);
    }
    return Status::Ok();
  }
  std::optional<TensorEntry> entry = queue_.Take(key);
  if (response.request.kind == OperationKind::kJoin) joined_ = false;
  if (!response.error.ok()) {
    // Ranks that have not submitted the name have nothing to complete.
    if (entry) Answer(*entry, response.error);
    return Status::Ok();
  }
  auto agreed = std::make_shared<Response>(response);
  if (entry) {
    // This rank's own, where ranks may differ.
    agreed->request.shape = entry->request.shape;
    agreed->request.splits = entry->request.splits;
    OperationResult& result = entry->handle.mutable_result();
    result.last_joined = response.request.root;
    result.process_set = response.request.process_set;
    if (response.slot >= 0) cache_.Put(response.slot, agreed, &entry->request, list);
  } else if (joined_) {
    const std::vector<int>& members = *sets_.Find(set);
    const auto place = std::lower_bound(members.begin(), members.end(), rank_) - members.begin();
    entry =
        stand_ins_.EntryFor(response, static_cast<int>(place), static_cast<int>(members.size()));
    agreed->request.shape = entry->request.shape;
  } else {
    return Status::Internal(StrCat("rank 0 answered tensor '", response.request.name,
                                   "', which this rank has not submitted"));
  }
  ApplySets(response);
  operations.emplace_back(std::move(agreed), *std::move(entry));
  return Status::Ok();
}

Status Engine::Impl::MatchCached(int slot, std::uint64_t list,
                                 std::vector<ReadyOperation>& operations) {
  if (!cache_.Holds(slot)) {
    return Status::Internal(StrCat("rank 0 answered from slot ", slot, ", which is empty here"));
  }
  ForgetSlot(slot, list);
  const std::shared_ptr<Response>& response = cache_.ResponseOf(slot);
  if (!sets_.Contains(SetOf(response->request), rank_)) return Status::Ok();
  std::optional<TensorEntry> entry = queue_.Take(cache_.KeyOfSlot(slot));
  if (!entry) {
    return Status::Internal(StrCat("rank 0 answered tensor '", response->request.name,
                                   "', which this rank has not submitted"));
  }
  operations.emplace_back(response, *std::move(entry));
  return Status::Ok();
}

void Engine::Impl::ApplySets(const Response& response) {
  const Request& request = response.request;
  if (request.kind == OperationKind::kAddProcessSet) sets_.Add(request.members);
  if (request.kind != OperationKind::kRemoveProcessSet) return;
  const int set = request.process_set;
  for (TensorEntry& entry : queue_.TakeAllOf(set)) {
    Answer(entry, Status::InvalidArgument(StrCat("tensor '", entry.request.name, "': process set ",
                                                 set, " was removed")));
  }
  sets_.Remove(set);
}

void Engine::Impl::Answer(TensorEntry& entry, const Status& status) {
  if (observer_ != nullptr) {
    observer_->OnCompleted(entry.request, status, entry.enqueued_ns, clock_.NowNs());
  }
  entry.handle.Complete(status);
}

Status Engine::Impl::Execute(std::vector<ReadyOperation> operations) {
  std::uint64_t payload_bytes = 0;
  for (const ReadyOperation& operation : operations) {
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
  for (const ReadyOperation& operation : operations) {
    const TensorEntry& entry = operation.entry;
    if (!entry.handle.Poll()) return Status::Internal("the executor left an operation incomplete");
    if (observer_ == nullptr) continue;
    observer_->OnCompleted(entry.request, Status::Ok(), entry.enqueued_ns, last_progress_ns_);
  }
  return Status::Ok();
}

}  // namespace ronde
