#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <c10/core/Event.h>

#include "core/base/clock.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/resnet/stopwatch.h"
#include "frontends/torch/algorithms/training_algorithm.h"

namespace ronde {

/// Splits an epoch's time among the parts of its steps, without gaps: every lap ends where the last
/// one did. Thread rule: one thread.
class PartClock {
 public:
  using Part = double StepSeconds::*;
  virtual ~PartClock() = default;
  /// What has passed since the last lap belongs to `part`.
  virtual void Lap(Part part) = 0;
  /// The same for FinishStep's, as its report divides them.
  virtual void FinishStep(const StepReport& report) = 0;
  /// What has passed since the last lap counts nowhere.
  virtual void Skip() = 0;
  /// Brings the record's seconds up to date; may do nothing while a device is busy, unless told to
  /// wait.
  virtual void Update(bool wait) = 0;
};

/// The host's time, for a model on the CPU: what is called is done when the call returns. Adds to
/// the record's parts and seconds, and must not outlive it.
[[nodiscard]] std::unique_ptr<PartClock> MakeHostClock(const Clock& clock, EpochRecord& record);

/// The time of the current stream of `device`: laps are events on it, and a lap lasts from the
/// moment when the work before the one has been done to that of the other. Its idle time, waiting
/// for a batch, for other ranks or for the host, is in the lap during which the host gave it
/// nothing.
[[nodiscard]] std::unique_ptr<PartClock> MakeDeviceClock(c10::Device device, EpochRecord& record);

}  // namespace ronde
