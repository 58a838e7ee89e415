#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numbers>
#include <string_view>

#include "frontends/resnet/schedule.h"
#include "tests/frontends/torch/algorithms/reference_training.h"

namespace ronde {

/// 200 steps: epochs of 20 minibatch steps, then of 20 or, with the smaller local batch, 25.
struct GoldenCalendar {
  static constexpr std::int64_t kSteps = 200;
  static constexpr std::int64_t kMinibatchSteps = 20;  // of batches of 5
  static constexpr int kSmallBatch = 4;

  std::int64_t switch_step = 0;
  bool small_local_batch = false;

  struct Place {
    int completed_epochs;
    std::int64_t step;   // in the epoch, from 0
    std::int64_t steps;  // of the epoch
  };
  /// Where step `t`, counted from 1, lies.
  [[nodiscard]] Place At(std::int64_t t) const {
    const std::int64_t done = t - 1;
    if (!small_local_batch || done < switch_step) return Split(done, kMinibatchSteps, 0);
    constexpr std::int64_t kLocalSteps = kMinibatchSteps * ReferenceModel::kBatch / kSmallBatch;
    return Split(done - switch_step, kLocalSteps, static_cast<int>(switch_step / kMinibatchSteps));
  }

 private:
  static Place Split(std::int64_t done, std::int64_t steps, int epochs_before) {
    return {epochs_before + static_cast<int>(done / steps), done % steps, steps};
  }
};

enum class GoldenRate { kUneven, kStep, kCosine, kLongWarmup };
inline std::string_view Name(GoldenRate rate) {
  constexpr std::string_view kNames[] = {"uneven", "step", "cosine", "long warm-up"};
  return kNames[static_cast<int>(rate)];
}

/// The trainer's schedule, and the same from its definition. The peak is 4 x 0.005 whatever K is,
/// so that the warm-up has somewhere to go.
struct GoldenSchedule {
  GoldenRate rate = GoldenRate::kUneven;
  int workers = 1;
  GoldenCalendar calendar;
  double local_scale = 1;

  [[nodiscard]] std::function<double(std::int64_t)> Trainers() const {
    if (rate == GoldenRate::kUneven) return &Uneven;
    ScheduleOptions options;
    options.kind = rate == GoldenRate::kCosine ? ScheduleKind::kCosine : ScheduleKind::kStep;
    options.reference_lr = kReference;
    options.workers = workers;
    options.batch_size = ImagesPerWorker();
    options.epochs = kEpochs;
    options.warmup_epochs = WarmupEpochs();
    options.milestones = {5, 8};
    options.switch_epoch = SwitchEpoch();
    options.local_scale = local_scale;
    return [schedule = LearningRateSchedule(options), calendar = calendar](std::int64_t t) {
      const GoldenCalendar::Place place = calendar.At(t);
      return schedule.At(place.completed_epochs + 1, place.step, place.steps);
    };
  }

  [[nodiscard]] std::function<double(std::int64_t)> References() const {
    if (rate == GoldenRate::kUneven) return &Uneven;
    return [self = *this](std::int64_t t) { return self.Reference(self.calendar.At(t)); };
  }

 private:
  static constexpr int kEpochs = 10;
  static constexpr double kReference = 0.005;

  // No larger: near the edge of stability 200 steps would magnify rounding beyond any bound.
  static double Uneven(std::int64_t t) { return LearningRate(t) / 16; }

  [[nodiscard]] int ImagesPerWorker() const { return 1024 / workers; }
  [[nodiscard]] int WarmupEpochs() const { return rate == GoldenRate::kLongWarmup ? 7 : 2; }
  // Where T is not the end of an epoch there is no local scale either.
  [[nodiscard]] int SwitchEpoch() const {
    return static_cast<int>(calendar.switch_step / GoldenCalendar::kMinibatchSteps);
  }

  [[nodiscard]] double Reference(const GoldenCalendar::Place& place) const {
    const double scale = place.completed_epochs >= SwitchEpoch() ? local_scale : 1;
    const double peak = kReference * workers * ImagesPerWorker() / 256;
    const double epochs = place.completed_epochs;
    const double warmup = WarmupEpochs();
    if (epochs < warmup) {
      const double iterations = warmup * static_cast<double>(place.steps);
      const double done =
          epochs * static_cast<double>(place.steps) + static_cast<double>(place.step);
      return scale * (kReference + (peak - kReference) * done / iterations);
    }
    if (rate == GoldenRate::kCosine) {
      const double angle = std::numbers::pi * (epochs - warmup) / (kEpochs - warmup);
      return scale * peak * 0.5 * (1 + std::cos(angle));
    }
    return scale * peak / (epochs >= 8 ? 100 : epochs >= 5 ? 10 : 1);
  }
};

}  // namespace ronde
