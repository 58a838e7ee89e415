#pragma once

#include <string>
#include <vector>

#include "bench/collectives/buffers.h"
#include "bench/collectives/direct_runner.h"

namespace ronde::bench {

/// One library with its buffers and samples for one row: Ronde, or a peer.
class Contender {
 public:
  /// `call` has neither pointers nor places; `rank` is this rank.
  Contender(CollectiveRunner& runner, const CollectiveCall& call, bool registered, int rank)
      : runner_(runner),
        call_(call),
        registered_(registered),
        rank_(rank),
        supported_(runner.Supports(call)) {}

  /// Before WarmUp, which is then to come after `lender`'s, which must outlive this: works in the
  /// same memory, where that outlives a turn. Two buffers need not be equally fast.
  void UseBuffersOf(const Contender& lender) { lender_ = &lender; }

  [[nodiscard]] bool supported() const { return supported_; }
  /// Of the first turn.
  [[nodiscard]] const std::string& algorithm() const { return algorithm_; }

  /// Collective, before the first turn: `warmup` calls in each place, and how long a call takes.
  Status WarmUp(DirectRunner& direct, int warmup);

  /// Collective: one turn of `samples` samples in each place.
  Status TakeTurn(const TimingRules& rules, int samples);

  /// Collective: `times` calls in each place; adds the wrong elements of this rank to `wrong[2]`.
  Status Check(int times, int ranks, std::int64_t* wrong);

  /// Collective: the samples over all ranks.
  Status Summarize(DirectRunner& direct, Timing* timing);

  /// In the order in which they were taken; after Summarize the maxima over ranks.
  [[nodiscard]] const std::vector<double>& samples(int place) const { return samples_[place]; }

 private:
  [[nodiscard]] int places() const { return RunsInPlace(call_.collective) ? 2 : 1; }
  Status Begin();
  /// Collective.
  Status RunUntimed(const CollectiveCall& call, int times);
  /// Buffers are of use beyond a turn: a session's registered memory ends with the session.
  [[nodiscard]] bool KeepsBuffers() const { return !registered_ || runner_.KeepsRegistrations(); }

  CollectiveRunner& runner_;
  CollectiveCall call_;
  bool registered_;
  int rank_;
  bool supported_;
  const Contender* lender_ = nullptr;
  bool allocated_ = false;
  CallBuffers buffers_;
  std::string algorithm_;
  int settling_calls_ = 1;
  std::vector<double> samples_[2];
};

}  // namespace ronde::bench
