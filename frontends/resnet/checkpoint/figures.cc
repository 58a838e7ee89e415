#include "frontends/resnet/checkpoint/figures.h"

namespace ronde {

std::vector<MetricSums> SumsOfWorkers(const Manifest& manifest, int first, int count) {
  const auto begin = manifest.running->workers.begin() + first;
  return {begin, begin + count};
}

std::vector<double> DivergencesOfRank(const Manifest& manifest, int rank, int ranks) {
  std::vector<double> divergences = manifest.running->divergence_sums;
  for (double& divergence : divergences) {
    // The sum has been taken: rank 0 has all of it, the others nothing.
    divergence = rank == 0 ? divergence * ranks / manifest.ranks : 0;
  }
  return divergences;
}

}  // namespace ronde
