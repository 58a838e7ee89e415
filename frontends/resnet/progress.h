#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "frontends/resnet/epoch_record.h"

namespace ronde {

enum class ProgressMode { kLive, kPlain, kOff };

/// "auto": kLive where stdout is a terminal, also through ronderun, else kPlain. Ranks other than 0
/// get kOff.
[[nodiscard]] ProgressMode ChooseProgress(const std::string& mode, int rank);

/// Says on stdout how training goes: a line that is rewritten in place on a terminal, or plain
/// lines now and then; one lasting line per epoch. Thread rule: one thread.
class Progress {
 public:
  Progress(ProgressMode mode, int epochs, const Clock& clock);

  /// A line that stays.
  void Say(const std::string& line);
  /// `steps_before`: of the epoch's, done by the run that this one goes on from.
  void StartEpoch(int epoch, std::int64_t steps, std::int64_t images_per_step,
                  std::int64_t steps_before = 0);
  /// After `step` (from 1); cheap: most calls print nothing.
  void Step(std::int64_t step, std::optional<double> loss);
  void StartEvaluation();
  void EndEpoch(const EpochRecord& record);

 private:
  void Rewrite(const std::string& line);
  void ClearLine();
  [[nodiscard]] double Seconds() const;

  ProgressMode mode_;
  int epochs_;
  const Clock& clock_;
  int epoch_ = 0;
  std::int64_t steps_ = 0;
  std::int64_t steps_before_ = 0;
  std::int64_t images_per_step_ = 0;
  double epoch_start_s_ = 0;
  double last_print_s_ = 0;
  bool line_is_open_ = false;
  double seconds_per_epoch_ = 0;  // of the last complete epoch, evaluation included
};

}  // namespace ronde
