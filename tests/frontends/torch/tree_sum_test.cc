#include "frontends/torch/tree_sum.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include <gmock/gmock.h>

#include "tests/frontends/torch/run_sessions.h"

namespace ronde {
namespace {

// Magnitudes differ, so that every order of additions has bits of its own.
std::vector<at::Tensor> Summands(int count) {
  std::vector<at::Tensor> summands;
  for (int i = 0; i < count; ++i) {
    const at::Tensor index = at::arange(50, at::TensorOptions().dtype(at::kDouble));
    summands.push_back((at::sin(index * 1.3 + 2.1 * i) * std::pow(10.0, i % 5)).to(at::kFloat));
  }
  return summands;
}

// Level by level, as the definition says it.
at::Tensor Reference(std::vector<at::Tensor> level) {
  while (level.size() > 1) {
    std::vector<at::Tensor> next;
    for (std::size_t i = 0; i + 1 < level.size(); i += 2) next.push_back(level[i] + level[i + 1]);
    if (level.size() % 2 == 1) next.push_back(level.back());
    level = std::move(next);
  }
  return level.front();
}

at::Tensor SumOf(TreeSum& tree, const std::vector<at::Tensor>& summands) {
  for (const at::Tensor& summand : summands) tree.Add(summand);
  return tree.Finish().clone();
}

TEST(TreeSum, AddsNeighboursFirst) {
  TreeSum tree;
  for (int count = 1; count <= 17; ++count) {
    EXPECT_TRUE(torch::equal(SumOf(tree, Summands(count)), Reference(Summands(count)))) << count;
  }
}

TEST(TreeSum, HasTheSameBitsHoweverAlignedBlocksAreSplit) {
  TreeSum tree;
  const std::vector<at::Tensor> summands = Summands(24);
  const at::Tensor whole = SumOf(tree, summands);
  for (const std::size_t block : {2U, 4U, 8U}) {
    std::vector<at::Tensor> partial;
    for (std::size_t first = 0; first < summands.size(); first += block) {
      partial.push_back(
          SumOf(tree, {summands.begin() + static_cast<std::ptrdiff_t>(first),
                       summands.begin() + static_cast<std::ptrdiff_t>(first + block)}));
    }
    EXPECT_TRUE(torch::equal(SumOf(tree, partial), whole)) << "blocks of " << block;
  }
}

TEST(TreeSum, LeavesTheSummandsAlone) {
  TreeSum tree;
  const std::vector<at::Tensor> summands = Summands(5);
  SumOf(tree, summands);
  const std::vector<at::Tensor> untouched = Summands(5);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_TRUE(torch::equal(summands[i], untouched[i]));
}

TEST(TreeSum, RejectsWhatDoesNotFitAndAnEmptySum) {
  TreeSum tree;
  EXPECT_EQ(ThrownCode([&] { static_cast<void>(tree.Finish()); }), StatusCode::kInvalidArgument);
  tree.Add(at::zeros({3}));
  EXPECT_EQ(ThrownCode([&] { tree.Add(at::zeros({4})); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(ThrownCode([&] { tree.Add(at::zeros({3}, at::kDouble)); }),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace ronde
