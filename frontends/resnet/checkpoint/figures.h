#pragma once

#include <vector>

#include "frontends/resnet/checkpoint/manifest.h"

namespace ronde {

/// The sums of `count` workers from number `first` on. Requires a running epoch.
[[nodiscard]] std::vector<MetricSums> SumsOfWorkers(const Manifest& manifest, int first, int count);

/// What each of `ranks` ranks takes for its divergences, so that their mean over ranks is what it
/// was: exactly for as many ranks as wrote it, and where both numbers are powers of two. Requires a
/// running epoch.
[[nodiscard]] std::vector<double> DivergencesOfRank(const Manifest& manifest, int rank, int ranks);

}  // namespace ronde
