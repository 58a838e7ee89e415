#pragma once

#include <string>
#include <vector>

#include "core/base/start_record.h"
#include "launcher/host_spec.h"

namespace ronde {

/// How long a job may take to start, and where its ranks belong.
struct StartOptions {
  double timeout_s = 0;          ///< 0: as long as it likes
  double meeting_timeout_s = 0;  ///< once all ranks have begun to initialise Ronde; 0: no limit
  bool reports = false;          ///< guards and ranks tell how far they have come
  int rank_count = 1;
  std::vector<HostSlots> hosts;  ///< empty: all ranks are on this machine
};

/// Counts which ranks have started and initialised Ronde. Pure: no I/O, no clock.
class StartWatch {
 public:
  explicit StartWatch(StartOptions options);

  void Note(const StartRecord& record);

  [[nodiscard]] bool Awaits() const {
    return options_.timeout_s > 0 && ready_count_ < states_.size();
  }
  /// Whether all ranks have begun to initialise Ronde, and not all have met: none waits for its own
  /// program any more.
  [[nodiscard]] bool Meets() const {
    return options_.meeting_timeout_s > 0 && meeting_count_ == states_.size() && !states_.empty() &&
           ready_count_ < states_.size();
  }
  [[nodiscard]] const StartOptions& options() const { return options_; }

  /// Whether a rank is known not to have been started.
  [[nodiscard]] bool LacksStarts() const;

  /// What is missing, in one line with the remedy: hosts that have started no rank by their names
  /// in `hosts`, then ranks whose program runs but has not initialised Ronde.
  [[nodiscard]] std::string Missing() const;

 private:
  enum class State { kNone, kStarted, kMeeting, kReady };
  struct Rank {
    State state = State::kNone;
    std::string host;  // as its machine calls itself
  };

  static State StateAfter(StartRecord::Kind kind);

  StartOptions options_;
  std::vector<Rank> states_;
  std::size_t meeting_count_ = 0;  // those that have met as well
  std::size_t ready_count_ = 0;
};

}  // namespace ronde
