#include "frontends/resnet/figure_readback.h"

#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(FigureReadback, TellsOfEachBatchOnce) {
  std::vector<BatchFigures> read;
  FigureReadback readback([&read](const BatchFigures& batch) { read.push_back(batch); });
  readback.Settle();
  EXPECT_TRUE(read.empty()) << "nothing is pending";
  const torch::Tensor logits = torch::tensor({{0.1, 0.9}, {0.8, 0.2}, {0.3, 0.7}});
  readback.Take(7, 2, torch::tensor(1.5), logits, torch::tensor({1, 0, 0}));
  EXPECT_TRUE(read.empty()) << "not before Settle";
  readback.Settle();
  readback.Settle();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].step, 7);
  EXPECT_EQ(read[0].worker, 2);
  EXPECT_EQ(read[0].images, 3);
  EXPECT_EQ(read[0].loss, 1.5);
  EXPECT_EQ(read[0].correct, 2);
  EXPECT_EQ(readback.loss(), 1.5);
}

TEST(FigureReadback, ThrowsWhatTheReaderThrows) {
  FigureReadback readback([](const BatchFigures&) { throw std::runtime_error("not finite"); });
  readback.Take(1, 0, torch::tensor(1.0), torch::zeros({1, 2}), torch::zeros({1}, at::kLong));
  EXPECT_THROW(readback.Settle(), std::runtime_error);
}

}  // namespace
}  // namespace ronde
