#include "core/control/negotiator.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/agreement.h"
#include "core/control/readiness_tree.h"
#include "core/control/stand_in.h"

namespace ronde {
namespace {

/// The position of a rank among the members of a set, or -1.
int PositionIn(const std::vector<int>& members, int rank) {
  const auto found = std::lower_bound(members.begin(), members.end(), rank);
  if (found == members.end() || *found != rank) return -1;
  return static_cast<int>(found - members.begin());
}

}  // namespace

Negotiator::Negotiator(int size, int cache_capacity, EngineObserver* observer)
    : size_(size),
      observer_(observer),
      sets_(size),
      slots_(cache_capacity),
      cached_(static_cast<std::size_t>(cache_capacity)),
      shut_down_(static_cast<std::size_t>(size), false),
      joined_(static_cast<std::size_t>(size), false),
      back_in_(static_cast<std::size_t>(size), 0) {}

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
    waiting_since_ns_ = open_count_++ == 0 ? now_ns : std::min(waiting_since_ns_, now_ns);
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
  const bool joins = request.kind == OperationKind::kJoin;
  if (joins) RONDE_RETURN_IF_ERROR(EndDisputes(true));
  if (IsDeferred(rank, static_cast<std::size_t>(position), key, request, now_ns)) {
    AnswerSurplus();
    return EndDisputes(false);
  }
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
  if (!request.group.empty()) {
    pending.votes.push_back({request.group, request.group_size, position});
  }
  pending.requests[position] = std::move(request);
  MarkAsked(pending, static_cast<std::size_t>(position), now_ns);
  if (!joins) {
    AnswerIfDecided(pending, rank, now_ns);
    if (disputes_.empty()) return Status::Ok();
    AnswerSurplus();
    return EndDisputes(false);
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
  if (!IsCurrent(slot, as_of)) return;
  if (slots_.IsPinned(slot)) return;  // answered: this came on two ways
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

std::vector<int> Negotiator::RanksBelow(int slot, int root, std::uint64_t as_of) const {
  std::vector<int> ranks;
  if (!slots_.Holds(slot)) return ranks;
  const std::vector<int>* members = sets_.Find(SetOf(slots_.ResponseOf(slot)->request));
  for (const int rank : *members) {
    if (!HasLeft(rank, as_of) && RankTree::IsBelow(rank, root)) ranks.push_back(rank);
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

Status Negotiator::MarkShutdown(int rank) {
  if (shut_down_[rank]) return Status::Internal(StrCat("rank ", rank, " has shut down twice"));
  RONDE_RETURN_IF_ERROR(EndDisputes(true));
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

ResponseList Negotiator::EmptyList() const {
  ResponseList list;
  list.number = last_list_;
  return list;
}

ResponseList Negotiator::TakeReady() {
  ResponseList list;
  list.number = ++last_list_;
  list.evicted = std::exchange(evicted_, {});
  for (Answer& answer : ready_) {
    if (slots_.Holds(answer.slot)) slots_.Touch(answer.slot, list.number);
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
  // The join last: once it ends, nobody stands in any more for those that had joined.
  std::sort(all.begin(), all.end(), [this](const Pending* a, const Pending* b) {
    const bool a_joins = a->key == join_key_;
    const bool b_joins = b->key == join_key_;
    return std::tie(a_joins, a->since_ns, a->key) < std::tie(b_joins, b->since_ns, b->key);
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
    tensor.set = pending->set;
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
  std::vector<WaitingTensor> held = HeldByGroups();
  std::move(held.begin(), held.end(), std::back_inserter(tensors));
  return tensors;
}

std::optional<std::int64_t> Negotiator::waiting_since_ns() const {
  std::int64_t since_ns = HeldSinceNs();
  if (open_count_ > (join_key_.empty() ? 0 : 1)) since_ns = std::min(since_ns, waiting_since_ns_);
  if (since_ns == INT64_MAX) return std::nullopt;
  return since_ns;
}

bool Negotiator::is_quiet() const {
  const auto any = [](const std::vector<bool>& flags) {
    return std::find(flags.begin(), flags.end(), true) != flags.end();
  };
  return pending_.empty() && gate_.empty() && disputes_.empty() && !has_news() &&
         !any(shut_down_) && !any(joined_);
}

void Negotiator::ForgetCached(std::uint64_t list) {
  for (Pending& pending : cached_) {
    if (pending.count > 0) Close(pending);
  }
  forgotten_in_ = list;
}

}  // namespace ronde
