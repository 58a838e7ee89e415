#include "core/control/negotiator.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/agreement.h"
#include "core/control/readiness_tree.h"
#include "core/control/stand_in.h"

namespace ronde {
namespace {

Answer ErrorAnswer(const std::string& name, int set, Status error) {
  Answer answer{std::make_shared<Response>()};
  answer.response->request.name = name;
  answer.response->request.process_set = set;
  answer.response->error = std::move(error);
  return answer;
}

/// The position of a rank among the members of a set, or -1.
int PositionIn(const std::vector<int>& members, int rank) {
  const auto found = std::lower_bound(members.begin(), members.end(), rank);
  if (found == members.end() || *found != rank) return -1;
  return static_cast<int>(found - members.begin());
}

std::int64_t PayloadBytes(const Response& response) {
  if (!response.error.ok()) return 0;
  return ElementCount(response.request.shape) *
         static_cast<std::int64_t>(SizeOf(response.request.dtype));
}

}  // namespace

Negotiator::Negotiator(int size, int cache_capacity, EngineObserver* observer)
    : size_(size),
      observer_(observer),
      sets_(size),
      slots_(cache_capacity),
      cached_(static_cast<std::size_t>(cache_capacity)),
      shut_down_(static_cast<std::size_t>(size), false),
      joined_(static_cast<std::size_t>(size), false) {}

void Negotiator::Open(Pending& pending, const std::string& key, const Request& request) {
  pending.key = key;
  pending.name = request.name;
  pending.set = SetOf(request);
  pending.members = sets_.Find(pending.set);
  pending.asked.assign(pending.members->size(), false);
}

void Negotiator::MarkAsked(Pending& pending, std::size_t position, std::int64_t now_ns) {
  if (pending.count == 0) {
    pending.since_ns = now_ns;
    if (open_count_++ == 0) waiting_since_ns_ = now_ns;
  }
  pending.asked[position] = true;
  ++pending.count;
}

void Negotiator::Close(Pending& pending) {
  --open_count_;
  if (pending.slot < 0) {
    pending_.erase(std::string(pending.key));
    return;
  }
  pending.asked.assign(pending.asked.size(), false);
  pending.count = 0;
}

Status Negotiator::AddRequest(int rank, Request request, std::int64_t now_ns) {
  if (shut_down_[rank] || joined_[rank]) {
    return Status::Internal(StrCat("rank ", rank, " submitted tensor '", request.name,
                                   "' after it had ", joined_[rank] ? "joined" : "shut down"));
  }
  const int set = SetOf(request);
  if (sets_.Find(set) == nullptr) return Status::Ok();  // removed; the sender knows by now
  const int position = PositionIn(*sets_.Find(set), rank);
  if (position < 0) {
    return Status::Internal(StrCat("rank ", rank, " is not in process set ", set));
  }
  const std::string key = KeyOf(request);
  if (const int slot = slots_.Find(key); slot >= 0) Evict(slot);
  Pending& pending = pending_[key];
  if (pending.members == nullptr) {
    Open(pending, key, request);
    pending.requests.resize(pending.members->size());
  }
  if (pending.asked[position]) {
    return Status::Internal(
        StrCat("rank ", rank, " submitted tensor '", request.name, "' twice in one negotiation"));
  }
  const bool joins = request.kind == OperationKind::kJoin;
  if (!request.group.empty()) pending.groups.emplace_back(request.group, request.group_size);
  pending.requests[position] = std::move(request);
  MarkAsked(pending, static_cast<std::size_t>(position), now_ns);
  if (!joins) {
    AnswerIfDecided(pending, rank, now_ns);
    return Status::Ok();
  }
  join_key_ = key;
  joined_[rank] = true;
  last_joined_ = rank;
  absent_changed_ = true;
  AnswerAllDecided(now_ns);
  return Status::Ok();
}

void Negotiator::AddCached(int slot, std::span<const int> ranks, int last_rank, std::uint64_t as_of,
                           std::int64_t now_ns) {
  if (!slots_.Holds(slot) || slots_.changed_in(slot) > as_of) return;
  Pending& pending = cached_[slot];
  if (pending.members == nullptr) {
    Open(pending, slots_.KeyOfSlot(slot), slots_.ResponseOf(slot)->request);
    pending.slot = slot;
  }
  for (const int rank : ranks) {
    const int position = PositionIn(*pending.members, rank);
    // Those that joined or shut down have told of it themselves.
    if (position < 0 || pending.asked[position]) continue;
    MarkAsked(pending, static_cast<std::size_t>(position), now_ns);
  }
  if (pending.count > 0) AnswerIfDecided(pending, last_rank, now_ns);
}

std::vector<int> Negotiator::RanksBelow(int slot, int root) const {
  std::vector<int> ranks;
  if (!slots_.Holds(slot)) return ranks;
  const std::vector<int>* members = sets_.Find(SetOf(slots_.ResponseOf(slot)->request));
  for (const int rank : *members) {
    if (!shut_down_[rank] && !joined_[rank] && RankTree::IsBelow(rank, root)) ranks.push_back(rank);
  }
  return ranks;
}

std::optional<std::vector<int>> Negotiator::JoinedOf(const Pending& pending) const {
  std::vector<int> joined;
  if (pending.count == static_cast<int>(pending.members->size())) return joined;
  for (std::size_t i = 0; i < pending.members->size(); ++i) {
    if (pending.asked[i]) continue;
    const int rank = (*pending.members)[i];
    if (!joined_[rank] || pending.key == join_key_) return std::nullopt;
    joined.push_back(rank);
  }
  return joined;
}

int Negotiator::FindShutDown(const Pending& pending) const {
  for (const int rank : shut_down_order_) {
    const int position = PositionIn(*pending.members, rank);
    if (position >= 0 && !pending.asked[position]) return rank;
  }
  return -1;
}

void Negotiator::AnswerIfDecided(Pending& pending, int last_rank, std::int64_t now_ns) {
  if (const int gone = FindShutDown(pending); gone >= 0) {
    const Status error = Status::Shutdown(StrCat("tensor '", pending.name, "' needs rank ", gone,
                                                 ", which has shut down without submitting it"));
    return Finish(pending, ErrorAnswer(pending.name, pending.set, error));
  }
  const std::optional<std::vector<int>> joined = JoinedOf(pending);
  if (!joined) return;
  if (observer_ != nullptr && last_rank >= 0 && pending.members->size() > 1) {
    observer_->OnStraggler(last_rank, pending.name, now_ns - pending.since_ns);
  }
  Finish(pending, pending.slot >= 0 ? FromCache(pending, *joined) : Agreed(pending, *joined));
}

void Negotiator::AnswerAllDecided(std::int64_t now_ns) {
  for (Pending* pending : PendingByAge()) {
    // One may have lost its slot to another.
    if (pending->count > 0) AnswerIfDecided(*pending, -1, now_ns);
  }
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
  const auto root = static_cast<std::size_t>(response.request.root);
  const bool root_joined =
      std::find(joined.begin(), joined.end(), (*pending.members)[root]) != joined.end();
  response.error = CheckJoined(response.request, joined, root_joined);
  response.request.input_place = {};
  response.request.output_place = {};
  if (response.request.kind != OperationKind::kAllgather) return answer;
  for (std::size_t i = 0; i < response.rank_extents.size(); ++i) {
    if (!pending.asked[i]) response.rank_extents[i] = 0;
  }
  return answer;
}

void Negotiator::Finish(Pending& pending, Answer answer) {
  if (pending.key == join_key_) EndJoin();
  std::vector<std::pair<std::string, int>> groups;
  const auto note = [&groups](const Request& request) {
    const std::pair<std::string, int> group(request.group, request.group_size);
    if (!group.first.empty() && std::find(groups.begin(), groups.end(), group) == groups.end()) {
      groups.push_back(group);
    }
  };
  note(answer.response->request);
  if (pending.slot >= 0) {
    note(slots_.ResponseOf(pending.slot)->request);
    slots_.Touch(pending.slot, next_list());
  }
  for (const auto& group : pending.groups) {
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  Close(pending);
  const std::size_t before = ready_.size();
  gate_.Pass(std::move(answer), groups, ready_);
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
  for (const int slot : slots_.SlotsOf(set)) Evict(slot);
  // Ranks end what they wait for in it by themselves, when they learn of this.
  open_count_ -= static_cast<int>(
      std::erase_if(pending_, [set](const auto& item) { return item.second.set == set; }));
  sets_.Remove(set);
}

void Negotiator::EndJoin() {
  joined_.assign(joined_.size(), false);
  join_key_.clear();
  absent_changed_ = true;
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
  // Ranks that have asked by this slot ask again in full.
  if (cached_[slot].count > 0) --open_count_;
  cached_[slot] = Pending();
  slots_.Evict(slot, next_list());
  evicted_.push_back(static_cast<std::uint32_t>(slot));
}

Status Negotiator::MarkShutdown(int rank) {
  if (shut_down_[rank]) return Status::Internal(StrCat("rank ", rank, " has shut down twice"));
  shut_down_[rank] = true;
  shut_down_order_.push_back(rank);
  absent_changed_ = true;
  AnswerAllDecided(0);
  return Status::Ok();
}

void Negotiator::FailWaiting(const Status& error) {
  for (Pending* pending : PendingByAge()) {
    Finish(*pending, ErrorAnswer(pending->name, pending->set, error));
  }
}

ResponseList Negotiator::TakeReady() {
  ResponseList list;
  list.number = ++last_list_;
  list.evicted = std::exchange(evicted_, {});
  for (Answer& answer : ready_) {
    if (answer.cached) {
      list.cached.push_back(static_cast<std::uint32_t>(answer.slot));
    } else {
      list.responses.push_back(*answer.response);
    }
  }
  ready_.clear();
  ready_bytes_ = 0;
  list.absent_changed = std::exchange(absent_changed_, false);
  if (!list.absent_changed) return list;
  for (int rank = 0; rank < size_; ++rank) {
    if (shut_down_[rank] || joined_[rank]) list.absent.push_back(rank);
  }
  return list;
}

std::vector<int> Negotiator::running_ranks() const {
  std::vector<int> ranks;
  for (int rank = 0; rank < size_; ++rank) {
    if (!shut_down_[rank]) ranks.push_back(rank);
  }
  return ranks;
}

std::vector<const Negotiator::Pending*> Negotiator::PendingByAge() const {
  std::vector<const Pending*> all;
  for (const auto& [key, pending] : pending_) all.push_back(&pending);
  for (const Pending& pending : cached_) {
    if (pending.count > 0) all.push_back(&pending);
  }
  std::sort(all.begin(), all.end(), [](const Pending* a, const Pending* b) {
    return std::tie(a->since_ns, a->key) < std::tie(b->since_ns, b->key);
  });
  return all;
}

std::vector<Negotiator::Pending*> Negotiator::PendingByAge() {
  std::vector<Pending*> all;
  for (const Pending* pending : std::as_const(*this).PendingByAge()) {
    all.push_back(const_cast<Pending*>(pending));  // of this object, which may be changed
  }
  return all;
}

std::vector<WaitingTensor> Negotiator::Waiting() const {
  std::vector<WaitingTensor> tensors;
  for (const Pending* pending : PendingByAge()) {
    if (pending->key == join_key_) continue;  // whoever has joined may wait for long
    WaitingTensor& tensor = tensors.emplace_back();
    tensor.name = pending->name;
    tensor.since_ns = pending->since_ns;
    for (std::size_t i = 0; i < pending->members->size(); ++i) {
      const int rank = (*pending->members)[i];
      if (pending->asked[i]) {
        tensor.waiting.push_back(rank);
      } else if (!joined_[rank]) {
        tensor.missing.push_back(rank);
      }
    }
  }
  return tensors;
}

std::optional<std::int64_t> Negotiator::waiting_since_ns() const {
  if (open_count_ == (join_key_.empty() ? 0 : 1)) return std::nullopt;
  return waiting_since_ns_;
}

bool Negotiator::is_quiet() const {
  const auto any = [](const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), true) != flags.end();
  };
  return open_count_ == 0 && !has_news() && !any(shut_down_) && !any(joined_);
}

}  // namespace ronde
