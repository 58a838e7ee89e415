// As golden_trajectories_test.cc, with all pairs of options for every algorithm and every number of
// workers.
#include <string>
#include <string_view>
#include <vector>

#include "tests/frontends/torch/algorithms/golden_product.h"

namespace ronde {
namespace {

class GoldenTrajectoriesFull : public testing::TestWithParam<std::string_view> {};

TEST_P(GoldenTrajectoriesFull, FollowTheReferenceOnEveryLayout) {
  std::vector<GoldenLayout> layouts = RanksOfOneWorker();
  for (const GoldenLayout& layout : RanksOfSeveralWorkers()) layouts.push_back(layout);
  for (const GoldenLayout& layout : layouts) {
    GoldenProduct({GetParam()}, {layout}).ExpectFollowTheReference();
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, GoldenTrajectoriesFull,
                         testing::Values("minibatch", "local", "post-local", "slowmo"),
                         [](const auto& instance) {
                           std::string name(instance.param);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace ronde
