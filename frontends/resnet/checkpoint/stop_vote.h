#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "core/base/status.h"
#include "frontends/session/session.h"

namespace ronde {

/// Lets all ranks agree on the step at which to stop, though a signal reaches each at another time
/// or only one of them. Each step casts a vote of 4 bytes, which is read some steps later: ranks
/// need not be in step, and none waits for a vote that has long arrived.
/// Errors: those of an allreduce. Thread rule: one thread.
class StopVote {
 public:
  static constexpr std::int64_t kBytesPerVote = 4;

  /// `requested` gives the signal that this rank has received, 0 for none.
  StopVote(Session& session, std::function<int()> requested);
  ~StopVote();
  StopVote(const StopVote&) = delete;
  StopVote& operator=(const StopVote&) = delete;

  /// Collective, after each step: reads the votes that are `lag` or more steps old, and votes. All
  /// ranks give the same lag and get the same answer: the signal to stop for, or 0.
  [[nodiscard]] Result<int> AfterStep(std::int64_t lag);
  /// Collective: reads all votes that are still under way.
  [[nodiscard]] Result<int> ReadAll() { return ReadUntil(0); }
  /// Collective: votes and reads at once.
  [[nodiscard]] Result<int> Now() { return AfterStep(0); }

  /// Since the start; what votes add to the session's counters.
  [[nodiscard]] std::uint64_t votes() const { return cast_; }
  /// How long votes were under way, over all votes that have been read.
  [[nodiscard]] double seconds_outstanding() const { return seconds_outstanding_; }

 private:
  struct Ballot;
  void Cast(std::int64_t lag);
  [[nodiscard]] Result<int> ReadUntil(std::int64_t pending);

  Session& session_;
  std::function<int()> requested_;
  std::deque<std::unique_ptr<Ballot>> pending_;
  std::uint64_t cast_ = 0;
  double seconds_outstanding_ = 0;
};

}  // namespace ronde
