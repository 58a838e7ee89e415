#pragma once

#include <cstdint>
#include <vector>

#include "core/control/message.h"
#include "core/control/process_sets.h"
#include "core/control/response_cache.h"

namespace ronde {

/// The binary tree along which ranks tell which cached operations they ask for, and along which
/// response lists come back: rank r is below rank (r - 1) / 2. No rank sends or receives more than
/// three messages for a list, and the way is log2 p long.
class RankTree {
 public:
  RankTree(int rank, int size) : rank_(rank), size_(size) {}
  [[nodiscard]] int parent() const { return (rank_ - 1) / 2; }  ///< not of rank 0
  [[nodiscard]] std::vector<int> children() const;              ///< none, one or two
  /// Whether `rank` is `root` or below it.
  [[nodiscard]] static bool IsBelow(int rank, int root);

 private:
  int rank_;
  int size_;
};

/// One rank's part of the agreement on cached operations: a slot goes on to the parent once every
/// rank at or below this one that has to ask for it has done so. So steady state costs a bit for
/// each operation and rank, whatever the number of ranks. A slot that waits for long goes on as far
/// as it has come, rank by rank, so that rank 0 can name who is missing. Thread rule: engine-only.
class ReadinessTree {
 public:
  /// `sets` and `cache` must outlive it.
  ReadinessTree(int rank, int size, const ProcessSets& sets, const ResponseCache& cache,
                std::int64_t patience_ns);

  /// This rank asks for a slot; what a rank below has sent.
  void AddOwn(int slot, std::int64_t now_ns);
  void AddBelow(int child, const RequestList& list, std::int64_t now_ns);

  /// A slot was answered or evicted: nothing waits for it any more.
  void Forget(int slot);
  /// List number `list` begins a lock: what was asked for before it goes nowhere.
  void ForgetAll(std::uint64_t list);
  /// Ranks that do not ask any more; nobody waits for them.
  void SetAbsent(const std::vector<std::int32_t>& absent);

  /// Moves what has to go to the parent into `list`: complete, last_rank and partial. False where
  /// there is nothing.
  bool Take(RequestList& list, std::int64_t now_ns);
  /// When Take will have something to say without further input; else INT64_MAX.
  [[nodiscard]] std::int64_t NextWakeNs() const;

 private:
  struct Waiting {
    std::vector<int> ranks;  // at or below this one that have asked; none: nothing waits
    std::size_t told = 0;    // of them, what the parent has heard of rank by rank
    bool passing = false;    // the rest is passed on as it comes
    std::int64_t since_ns = 0;
  };
  void Add(int slot, int rank, std::int64_t now_ns);
  /// The ranks at or below `root`, this rank or a child, that have to ask for `slot`.
  [[nodiscard]] std::vector<int> Needed(int slot, int root) const;
  [[nodiscard]] std::size_t CountNeeded(int slot) const;
  [[nodiscard]] std::vector<int> PresentBelow(int root) const;
  [[nodiscard]] Waiting& At(int slot);
  void PassOn(int slot, RequestList& list);

  const int rank_;
  const int size_;
  const ProcessSets& sets_;
  const ResponseCache& cache_;
  const std::int64_t patience_ns_;
  std::vector<bool> absent_;      // by rank
  std::vector<int> below_;        // at or below this rank, without the absent ones
  std::vector<Waiting> waiting_;  // by slot
  std::vector<int> open_;         // slots that wait or are to be looked at, each once
  int last_rank_ = -1;
  std::uint64_t forgotten_in_ = 0;  // the list of the last ForgetAll
};

}  // namespace ronde
