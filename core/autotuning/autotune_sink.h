#pragma once

#include <cstdint>

#include "core/control/tunables.h"

namespace ronde {

/// One set of tunables that the autotuner has tried.
struct AutotunePoint {
  /// kDefault: what the job started with. kSample: spread over the space. kBayes: where the model
  /// expected most. kCompareDefault, kCompareBest: a window of the comparison at the end.
  enum class Kind { kDefault, kSample, kBayes, kCompareDefault, kCompareBest };

  int number = 0;  ///< from 0
  Kind kind = Kind::kDefault;
  Tunables tunables;
  double score_mb_per_s = 0;  ///< payload per second of outstanding time, 10^6 bytes
  double elapsed_s = 0;       ///< since the autotuner began
};

/// What the autotuner has decided.
struct AutotuneOutcome {
  Tunables tunables;  ///< to be kept: the best, or the default
  bool improved = false;
  Tunables best;  ///< what was compared with the default; the default itself where nothing was
  double default_mb_per_s = 0;  ///< medians of the comparison at the end
  double best_mb_per_s = 0;
  double needed_gain = 0;  ///< by which share the best had to be ahead
  int points = 0;          ///< tried before the comparison
};

/// Hears what the autotuner finds. Called on the engine's thread: it must not block for long.
class AutotuneSink {
 public:
  virtual ~AutotuneSink() = default;
  virtual void OnPoint(const AutotunePoint& /*point*/) {}
  /// Once, at the end.
  virtual void OnFinished(const AutotuneOutcome& /*outcome*/) {}
};

}  // namespace ronde
