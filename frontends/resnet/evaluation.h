#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "frontends/resnet/data/dataset.h"
#include "frontends/resnet/metrics.h"
#include "frontends/resnet/replica.h"

namespace ronde {

/// The averaged model of all ranks, for as long as it is needed: to evaluate or to save it.
/// Training goes on afterwards as if nothing had been.
class Evaluation {
 public:
  /// Collective. `weights_agree`: minibatch phase, where only batch norm's statistics differ.
  /// `calibration` are this rank's training images for --bn-at-evaluation recalibrate.
  /// Errors: Error.
  Evaluation(Session& session, Replica& replica, const TrainOptions& options,
             const Dataset& training, std::vector<std::int64_t> calibration, bool weights_agree);
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  /// Collective: every validation image once, over all ranks. Errors: Error.
  [[nodiscard]] ValidationSums Run(const Dataset& validation);

 private:
  void Recalibrate(const Dataset& training, std::vector<std::int64_t> images);

  Session& session_;
  Replica& replica_;
  std::int64_t batch_size_;
  AveragedModel averaged_;
};

}  // namespace ronde
