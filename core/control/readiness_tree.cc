#include "core/control/readiness_tree.h"

#include <algorithm>

namespace ronde {

std::vector<int> RankTree::children() const {
  std::vector<int> children;
  for (int child = 2 * rank_ + 1; child <= 2 * rank_ + 2 && child < size_; ++child) {
    children.push_back(child);
  }
  return children;
}

bool RankTree::IsBelow(int rank, int root) {
  while (rank > root) rank = (rank - 1) / 2;
  return rank == root;
}

ReadinessTree::ReadinessTree(int rank, int size, const ProcessSets& sets,
                             const ResponseCache& cache, std::int64_t patience_ns)
    : rank_(rank),
      size_(size),
      sets_(sets),
      cache_(cache),
      patience_ns_(patience_ns),
      absent_(static_cast<std::size_t>(size), false),
      below_(PresentBelow(rank)) {}

std::vector<int> ReadinessTree::PresentBelow(int root) const {
  std::vector<int> ranks;
  for (int rank = root; rank < size_; ++rank) {
    if (!absent_[rank] && RankTree::IsBelow(rank, root)) ranks.push_back(rank);
  }
  return ranks;
}

std::vector<int> ReadinessTree::Needed(int slot, int root) const {
  const int set = SetOf(cache_.ResponseOf(slot)->request);
  std::vector<int> ranks;
  for (const int rank : below_) {
    if (RankTree::IsBelow(rank, root) && sets_.Contains(set, rank)) ranks.push_back(rank);
  }
  return ranks;
}

std::size_t ReadinessTree::CountNeeded(int slot) const {
  const bool is_world = SetOf(cache_.ResponseOf(slot)->request) == kWorld;
  return is_world ? below_.size() : Needed(slot, rank_).size();
}

ReadinessTree::Waiting& ReadinessTree::At(int slot) {
  const auto index = static_cast<std::size_t>(slot);
  if (waiting_.size() <= index) waiting_.resize(index + 1);
  return waiting_[index];
}

void ReadinessTree::Add(int slot, int rank, std::int64_t now_ns) {
  Waiting& waiting = At(slot);
  if (waiting.ranks.empty()) {
    waiting.since_ns = now_ns;
    open_.push_back(slot);
  }
  waiting.ranks.push_back(rank);
  last_rank_ = rank;
}

void ReadinessTree::AddOwn(int slot, std::int64_t now_ns) { Add(slot, rank_, now_ns); }

void ReadinessTree::AddBelow(int child, const RequestList& list, std::int64_t now_ns) {
  if (list.as_of < forgotten_in_) return;
  // Slots that have changed since the sender spoke mean something else by now, and it knows.
  const auto current = [&](std::uint32_t slot) {
    const int index = static_cast<int>(slot);
    return cache_.Holds(index) && cache_.changed_in(index) <= list.as_of;
  };
  for (const std::uint32_t slot : list.complete) {
    if (!current(slot)) continue;
    for (const int rank : Needed(static_cast<int>(slot), child)) {
      Add(static_cast<int>(slot), rank, now_ns);
    }
  }
  if (!list.complete.empty() && list.last_rank >= 0) last_rank_ = list.last_rank;
  for (const RankSlots& some : list.partial) {
    // What it asked for, an absent rank has told rank 0 itself.
    if (some.rank < 0 || some.rank >= size_ || absent_[some.rank]) continue;
    for (const std::uint32_t slot : some.slots) {
      if (!current(slot)) continue;
      Add(static_cast<int>(slot), some.rank, now_ns);
      waiting_[slot].passing = true;
    }
  }
}

void ReadinessTree::Forget(int slot) {
  if (static_cast<std::size_t>(slot) >= waiting_.size()) return;
  Waiting& waiting = waiting_[slot];
  waiting.ranks.clear();
  waiting.told = 0;
  waiting.passing = false;
}

void ReadinessTree::ForgetAll(std::uint64_t list) {
  forgotten_in_ = list;
  for (const int slot : open_) Forget(slot);
  open_.clear();
}

void ReadinessTree::SetAbsent(const std::vector<std::int32_t>& absent) {
  absent_.assign(static_cast<std::size_t>(size_), false);
  for (const std::int32_t rank : absent) {
    if (rank >= 0 && rank < size_) absent_[rank] = true;
  }
  below_ = PresentBelow(rank_);
  for (const int slot : open_) {
    Waiting& waiting = waiting_[slot];
    const auto told = waiting.ranks.begin() + static_cast<std::ptrdiff_t>(waiting.told);
    waiting.told -= static_cast<std::size_t>(
        std::count_if(waiting.ranks.begin(), told, [this](int rank) { return absent_[rank]; }));
    std::erase_if(waiting.ranks, [this](int rank) { return absent_[rank]; });
  }
}

void ReadinessTree::PassOn(int slot, RequestList& list) {
  Waiting& waiting = waiting_[slot];
  waiting.passing = true;
  for (; waiting.told < waiting.ranks.size(); ++waiting.told) {
    const int rank = waiting.ranks[waiting.told];
    auto found = std::find_if(list.partial.begin(), list.partial.end(),
                              [rank](const RankSlots& some) { return some.rank == rank; });
    if (found == list.partial.end()) found = list.partial.insert(found, RankSlots{rank, {}});
    found->slots.push_back(static_cast<std::uint32_t>(slot));
  }
}

bool ReadinessTree::Take(RequestList& list, std::int64_t now_ns) {
  std::erase_if(open_, [&](int slot) {
    Waiting& waiting = waiting_[slot];
    if (waiting.ranks.empty()) return true;
    const bool complete = waiting.ranks.size() >= CountNeeded(slot);
    if (complete && !waiting.passing) {
      list.complete.push_back(static_cast<std::uint32_t>(slot));
    } else if (complete || waiting.passing || now_ns - waiting.since_ns >= patience_ns_) {
      PassOn(slot, list);
    }
    if (complete) Forget(slot);
    return complete;
  });
  list.last_rank = last_rank_;
  return !list.complete.empty() || !list.partial.empty();
}

std::int64_t ReadinessTree::NextWakeNs() const {
  std::int64_t wake_ns = INT64_MAX;
  for (const int slot : open_) {
    const Waiting& waiting = waiting_[slot];
    if (!waiting.ranks.empty() && !waiting.passing) {
      wake_ns = std::min(wake_ns, waiting.since_ns + patience_ns_);
    }
  }
  return wake_ns;
}

}  // namespace ronde
