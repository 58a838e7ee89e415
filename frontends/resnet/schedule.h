#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace ronde {

enum class ScheduleKind { kStep, kCosine };

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kStep;
  double reference_lr = 0.1;  ///< of a global batch of 256
  int workers = 1;            ///< K
  int batch_size = 32;        ///< B, per worker
  int epochs = 90;
  int warmup_epochs = 5;
  std::vector<int> milestones = {30, 60, 80};
  int switch_epoch = 90;  ///< T: local phase after so many epochs
  double local_scale = 1;
};

/// The learning rate of every iteration. With eta = K B reference_lr / 256:
/// - warm-up: from min(reference_lr, eta) to eta, linear in the iteration;
/// - then constant within an epoch: eta / 10^(milestones passed), or
///   eta (1 + cos(pi (e - W) / (E - W))) / 2 with e completed epochs, W warm-up epochs;
/// - in the local phase times local_scale.
/// Thread rule: immutable.
/// Source: Goyal et al., arXiv:1706.02677; Loshchilov & Hutter, ICLR 2017.
class LearningRateSchedule {
 public:
  explicit LearningRateSchedule(ScheduleOptions options) : options_(std::move(options)) {}

  /// Of iteration `step` (0 .. steps-1) of `epoch` (from 1), which has `steps` iterations.
  [[nodiscard]] double At(int epoch, std::int64_t step, std::int64_t steps) const;
  /// eta.
  [[nodiscard]] double Peak() const;

 private:
  [[nodiscard]] double AfterWarmup(int completed_epochs) const;

  ScheduleOptions options_;
};

}  // namespace ronde
