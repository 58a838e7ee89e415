// What the negotiator answers, and what that changes: joins, process sets, slots.
#include <algorithm>
#include <numeric>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/agreement.h"
#include "core/control/negotiator.h"
#include "core/control/stand_in.h"

namespace ronde {
namespace {

std::int64_t PayloadBytes(const Response& response) {
  if (!response.error.ok()) return 0;
  return ElementCount(response.request.shape) *
         static_cast<std::int64_t>(SizeOf(response.request.dtype));
}

/// What the rank at `position` in the set had asked for when all agreed on `response`.
Request RequestAt(std::size_t position, const Response& response) {
  Request request = response.request;
  if (request.kind == OperationKind::kAllgather) {
    request.shape[0] = response.rank_extents[position];
  } else if (request.kind == OperationKind::kAlltoall) {
    const std::size_t size = request.splits.size();
    const auto begin = response.rank_extents.begin() + static_cast<std::ptrdiff_t>(position * size);
    request.splits.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    request.shape[0] = std::accumulate(request.splits.begin(), request.splits.end(), 0LL);
  }
  return request;
}

}  // namespace

Answer Negotiator::ErrorAnswer(const std::string& name, int set, Status error) {
  Answer answer{std::make_shared<Response>()};
  answer.response->request.name = name;
  answer.response->request.process_set = set;
  answer.response->error = std::move(error);
  return answer;
}

Answer Negotiator::Agreed(Pending& pending, std::span<const int> joined) {
  const auto first = std::find_if(pending.requests.begin(), pending.requests.end(),
                                  [](const auto& request) { return request.has_value(); });
  if (!joined.empty()) {
    const auto root = static_cast<std::size_t>((*first)->root);
    const bool root_joined =
        root < pending.members->size() && joined_[(*pending.members)[root]] && !pending.asked[root];
    if (const Status valid = CheckJoined(**first, joined, root_joined); !valid.ok()) {
      Answer answer = ErrorAnswer(pending.name, pending.set, valid);
      answer.response->request = **first;
      return answer;
    }
  }
  const Request stand_in = joined.empty() ? Request() : StandInFor(**first);
  std::vector<Request> requests;
  requests.reserve(pending.requests.size());
  for (std::optional<Request>& request : pending.requests) {
    requests.push_back(request ? *std::move(request) : stand_in);
  }
  Answer answer{std::make_shared<Response>(Agree(std::move(requests), *pending.members))};
  answer.stands_in = !joined.empty();
  if (answer.response->error.ok()) Apply(*answer.response);
  if (joined.empty()) AssignSlot(KeyOf(answer.response->request), answer);
  return answer;
}

Answer Negotiator::FromCache(const Pending& pending, std::span<const int> joined) {
  const std::shared_ptr<Response>& cached = slots_.ResponseOf(pending.slot);
  if (joined.empty()) return {cached, pending.slot, true};
  Answer answer{std::make_shared<Response>(*cached)};
  Response& response = *answer.response;
  response.slot = -1;
  answer.stands_in = true;
  const auto root = static_cast<std::size_t>(response.request.root);
  const bool root_joined =
      std::find(joined.begin(), joined.end(), (*pending.members)[root]) != joined.end();
  response.error = CheckJoined(response.request, joined, root_joined);
  response.request.input_place = {};
  response.request.output_place = {};
  if (!response.error.ok()) response.rank_extents.clear();  // it concerns all
  if (response.request.kind != OperationKind::kAllgather) return answer;
  for (std::size_t i = 0; i < response.rank_extents.size(); ++i) {
    if (!pending.asked[i]) response.rank_extents[i] = 0;
  }
  return answer;
}

void Negotiator::Finish(Pending& pending, Answer answer) {
  if (pending.key == join_key_) EndJoin();
  const std::size_t before = ready_.size();
  if (const std::vector<GroupVote> votes = VotesOf(pending); votes.empty()) {
    if (pending.slot >= 0) slots_.Touch(pending.slot, next_list());
    ready_.push_back(std::move(answer));
  } else {
    answer.since_ns = pending.since_ns;
    FinishMember(pending, votes, std::move(answer));
  }
  Close(pending);
  for (std::size_t i = before; i < ready_.size(); ++i) {
    ready_bytes_ += PayloadBytes(*ready_[i].response);
  }
}

void Negotiator::Apply(Response& response) {
  switch (response.request.kind) {
    case OperationKind::kAddProcessSet:
      response.request.process_set = sets_.next_number();
      return sets_.Add(response.request.members);
    case OperationKind::kRemoveProcessSet:
      return RemoveSet(response);
    case OperationKind::kJoin:
      response.request.root = last_joined_;
      return;
    default:
      return;
  }
}

void Negotiator::RemoveSet(Response& response) {
  const int set = response.request.process_set;
  if (set == kWorld || sets_.Find(set) == nullptr) {
    response.error = Status::InvalidArgument(
        set == kWorld ? "process set 0 is the world and cannot be removed"
                      : StrCat("process set ", set, " does not exist, or no longer"));
    return;
  }
  gate_.Forget(set);
  std::erase_if(disputes_, [set](const auto& item) { return item.first.first == set; });
  for (const int slot : slots_.SlotsOf(set)) {
    TellInFull(slot);
    Evict(slot);
  }
  // Ranks end what they wait for in it by themselves, when they learn of this.
  open_count_ -= static_cast<int>(
      std::erase_if(pending_, [set](const auto& item) { return item.second.set == set; }));
  sets_.Remove(set);
}

void Negotiator::TellInFull(int slot) {
  // Evictions come first in a list.
  for (Answer& answer : ready_) {
    if (answer.slot != slot) continue;
    answer = {std::make_shared<Response>(*answer.response)};
    answer.response->slot = -1;
  }
}

void Negotiator::EndJoin() {
  for (int rank = 0; rank < size_; ++rank) {
    if (joined_[rank]) back_in_[rank] = next_list();
  }
  joined_.assign(joined_.size(), false);
  join_key_.clear();
  absent_changed_ = true;
  const std::size_t before = ready_.size();
  gate_.EndJoin(ready_);
  TouchReady(before);
}

void Negotiator::AssignSlot(const std::string& key, Answer& answer) {
  const Response& response = *answer.response;
  if (!response.error.ok() || !SlotDirectory::IsCacheable(response.request)) return;
  if (slots_.IsFull()) {
    // What this very list speaks of keeps its slot.
    const int oldest = slots_.Oldest();
    if (oldest < 0 || slots_.changed_in(oldest) >= next_list()) return;
    Evict(oldest);
  }
  answer.slot = slots_.Assign(key, answer.response, next_list());
  answer.response->slot = answer.slot;
}

void Negotiator::Evict(int slot) {
  // Ranks that have asked by this slot ask again in full, but for those that have left.
  if (cached_[slot].count > 0) {
    --open_count_;
    KeepOfLeavers(cached_[slot]);
  }
  cached_[slot] = Pending();
  slots_.Evict(slot, next_list());
  evicted_.push_back(static_cast<std::uint32_t>(slot));
}

void Negotiator::KeepOfLeavers(const Pending& cached) {
  for (std::size_t i = 0; i < cached.members->size(); ++i) {
    const int rank = (*cached.members)[i];
    if (!cached.asked[i] || !(joined_[rank] || shut_down_[rank])) continue;
    Request request = RequestAt(i, *slots_.ResponseOf(cached.slot));
    Pending& pending = pending_[cached.key];
    if (pending.members == nullptr) {
      Open(pending, cached.key, request);
      pending.requests.resize(pending.members->size());
    }
    if (!request.group.empty()) {
      pending.votes.push_back({request.group, request.group_size, static_cast<int>(i)});
    }
    pending.requests[i] = std::move(request);
    MarkAsked(pending, i, cached.since_ns);
  }
}

}  // namespace ronde
