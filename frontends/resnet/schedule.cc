#include "frontends/resnet/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ronde {

double LearningRateSchedule::Peak() const {
  return options_.reference_lr * options_.workers * options_.batch_size / 256.0;
}

double LearningRateSchedule::AfterWarmup(int completed_epochs) const {
  if (options_.kind == ScheduleKind::kCosine) {
    const double past = completed_epochs - options_.warmup_epochs;
    const double all = options_.epochs - options_.warmup_epochs;
    return Peak() * (1 + std::cos(std::numbers::pi * past / all)) / 2;
  }
  const auto passed = std::count_if(options_.milestones.begin(), options_.milestones.end(),
                                    [&](int milestone) { return completed_epochs >= milestone; });
  return Peak() * std::pow(0.1, static_cast<double>(passed));
}

double LearningRateSchedule::At(int epoch, std::int64_t step, std::int64_t steps) const {
  const int completed = epoch - 1;
  double rate = 0;
  if (completed < options_.warmup_epochs) {
    const double start = std::min(options_.reference_lr, Peak());
    const double progress = (completed + static_cast<double>(step) / static_cast<double>(steps)) /
                            options_.warmup_epochs;
    rate = start + (Peak() - start) * progress;
  } else {
    rate = AfterWarmup(completed);
  }
  return completed >= options_.switch_epoch ? rate * options_.local_scale : rate;
}

}  // namespace ronde
