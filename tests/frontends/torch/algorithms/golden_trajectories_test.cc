// 200 steps of every algorithm against the definitions, in float64: rows in which all pairs of
// options meet. golden_trajectories_full_test.cc has more of them.
#include "tests/frontends/torch/algorithms/golden_product.h"

namespace ronde {
namespace {

TEST(GoldenTrajectories, OneTwoThreeAndEightRanksFollowTheReference) {
  GoldenProduct(AlgorithmNames(), RanksOfOneWorker()).ExpectFollowTheReference();
}

TEST(GoldenTrajectories, VirtualWorkersFollowTheReference) {
  GoldenProduct(AlgorithmNames(), RanksOfSeveralWorkers()).ExpectFollowTheReference();
}

}  // namespace
}  // namespace ronde
