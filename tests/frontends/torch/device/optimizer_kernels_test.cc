#include "frontends/torch/device/optimizer_kernels.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/_fused_sgd.h>
#include <gtest/gtest.h>

#include "core/device/event.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"
#include "frontends/torch/device/sgd_kernel.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/slowmo.h"

namespace ronde {
namespace {

// The CPU's operators round as the kernels do where they multiply and add in one step.
bool HasFusedMultiplyAdd() { return __builtin_cpu_supports("fma"); }

at::Tensor Values(std::int64_t count, int salt) {
  return at::sin(at::arange(count, at::kDouble) * 1.3 + salt).to(at::kFloat);
}

class OptimizerKernelsTest : public testing::Test {
 protected:
  OptimizerKernelsTest()
      : stream_(Stream::Create(device_, StreamPriority::kDefault).value()),
        kernels_(CreateOptimizerKernels(device_).value()) {}

  void Finish() {
    ASSERT_TRUE(device_.Synchronize(stream_.view().native, Deadline::After(30)).ok());
  }

  SimulatedDevice device_{{.concurrent_blocks = 3}};
  Stream stream_;
  std::unique_ptr<OptimizerKernels> kernels_;
};

// Equal to the bit, but nearly equal in what is left of a tensor behind the CPU's last whole
// vector: ATen rounds the new momentum otherwise there.
bool AreAlike(const at::Tensor& a, const at::Tensor& b) {
  constexpr std::int64_t kWidestVector = 16;
  const std::int64_t whole = a.numel() / kWidestVector * kWidestVector;
  return at::equal(a.narrow(0, 0, whole), b.narrow(0, 0, whole)) && at::allclose(a, b, 1e-6, 1e-7);
}

// Three arrays of the parts' sizes that begin `shifts[i]` elements behind a multiple of 64 bytes.
struct Arrays {
  Arrays(const std::vector<std::int64_t>& counts, const std::vector<std::int64_t>& shifts) {
    std::int64_t total = 0;
    for (const std::int64_t count : counts) total += count;
    for (int i = 0; i < 3; ++i) {
      const at::Tensor all = at::zeros({total + 16}, at::kFloat);
      flat.push_back(all.narrow(0, shifts[i], total).copy_(Values(total, 3 * i + 1)));
    }
    std::int64_t offset = 0;
    for (const std::int64_t count : counts) {
      for (int i = 0; i < 3; ++i) parts[i].push_back(flat[i].narrow(0, offset, count));
      offset += count;
    }
  }
  std::vector<at::Tensor> flat;  // weights, momentum, gradients
  std::vector<at::Tensor> parts[3];
};

class SgdKernelTest : public OptimizerKernelsTest {
 protected:
  void ExpectBitsOfFusedSgd(const std::vector<std::int64_t>& counts,
                            const std::vector<std::int64_t>& shifts, const SgdSettings& settings) {
    if (!HasFusedMultiplyAdd()) GTEST_SKIP() << "this CPU has no fused multiply-add";
    Arrays mine(counts, shifts);
    Arrays theirs(counts, {0, 0, 0});
    const double decays[] = {1e-2, 0};
    for (int step = 0; step < 3; ++step) {
      std::vector<SgdRange> ranges;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        ranges.push_back({mine.parts[0][i].data_ptr<float>(), mine.parts[1][i].data_ptr<float>(),
                          mine.parts[2][i].const_data_ptr<float>(), counts[i],
                          static_cast<float>(decays[i % 2])});
        std::vector<at::Tensor> momentum;
        if (settings.momentum != 0) momentum.push_back(theirs.parts[1][i]);
        at::_fused_sgd_({theirs.parts[0][i]}, {theirs.parts[2][i]}, momentum, decays[i % 2],
                        settings.momentum, settings.learning_rate, settings.dampening,
                        settings.nesterov, false, false);
      }
      ASSERT_TRUE(kernels_->StepSgd(stream_.view(), ranges, settings).ok());
      Finish();
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      EXPECT_TRUE(AreAlike(mine.parts[0][i], theirs.parts[0][i])) << "weights of tensor " << i;
      EXPECT_TRUE(AreAlike(mine.parts[1][i], theirs.parts[1][i])) << "momentum of tensor " << i;
    }
    EXPECT_TRUE(at::equal(mine.flat[2], Arrays(counts, {0, 0, 0}).flat[2])) << "gradients";
  }
};

constexpr SgdSettings kNesterov = {.learning_rate = 0.1, .momentum = 0.9, .nesterov = true};

TEST_F(SgdKernelTest, HasTheBitsOfTheCpusFusedStep) {
  ExpectBitsOfFusedSgd({100, 7, 1, 4096, 9000, 3}, {0, 0, 0}, kNesterov);
}

TEST_F(SgdKernelTest, TakesAnyAlignment) {
  for (std::int64_t shift = 0; shift < 4; ++shift) {
    ExpectBitsOfFusedSgd({33, 5000, 2}, {shift, shift, shift}, kNesterov);
    ExpectBitsOfFusedSgd({33, 5000, 2}, {shift, 1, 2}, kNesterov);
  }
}

TEST_F(SgdKernelTest, TakesAllOfTorchsSettings) {
  ExpectBitsOfFusedSgd({515, 64}, {0, 0, 0}, {.learning_rate = 0.3});
  ExpectBitsOfFusedSgd({515, 64}, {0, 0, 0}, {.learning_rate = 0.3, .momentum = 0.8});
  ExpectBitsOfFusedSgd({515, 64}, {0, 0, 0},
                       {.learning_rate = 0.3, .momentum = 0.8, .dampening = 0.4});
}

TEST_F(SgdKernelTest, IsOneLaunchForHundredsOfTensors) {
  const std::vector<std::int64_t> resnet(314, 40);
  ExpectBitsOfFusedSgd(resnet, {0, 0, 0}, kNesterov);
  EXPECT_EQ(device_.launches(), 3) << "one a step";
}

TEST_F(SgdKernelTest, TakesMoreTensorsThanALaunchHolds) {
  const std::vector<std::int64_t> many(2 * SgdKernel::kMostRanges + 1, 17);
  ExpectBitsOfFusedSgd(many, {0, 0, 0}, kNesterov);
  EXPECT_EQ(device_.launches(), 3 * 3);
}

TEST_F(SgdKernelTest, DoesNothingForNothing) {
  EXPECT_TRUE(kernels_->StepSgd(stream_.view(), {}, kNesterov).ok());
  const std::vector<SgdRange> empty(2);
  EXPECT_TRUE(kernels_->StepSgd(stream_.view(), empty, kNesterov).ok());
  EXPECT_EQ(device_.launches(), 0);
}

TEST_F(OptimizerKernelsTest, SlowMoHasTheBitsOfItsOperatorsOnTheCpu) {
  if (!HasFusedMultiplyAdd()) GTEST_SKIP() << "this CPU has no fused multiply-add";
  for (const std::int64_t count : {1, 5, 64, 4099, 20000}) {
    FlatParameters theirs({Values(count, 1)});
    SlowMo slowmo(theirs, {.slow_momentum = 0.6, .slow_lr = 0.7});
    const at::Tensor anchor = theirs.flat().clone();
    const at::Tensor slow = at::zeros({count + 1}, at::kFloat).narrow(0, count % 2, count);
    const at::Tensor weights = at::empty_like(anchor);
    for (int step = 0; step < 3; ++step) {
      const at::Tensor mean = Values(count, 5 + step);
      theirs.flat().copy_(mean);
      weights.copy_(mean);
      const double gamma = 0.3 / (step + 1);
      slowmo.Step(gamma);
      ASSERT_TRUE(
          kernels_
              ->StepSlowMo(stream_.view(), {slow.data_ptr<float>(), anchor.data_ptr<float>(),
                                            weights.data_ptr<float>(), count, 0.6, 0.7, gamma})
              .ok());
      Finish();
      EXPECT_TRUE(at::equal(slow, slowmo.slow_buffer())) << count << " elements, step " << step;
      EXPECT_TRUE(at::equal(anchor, slowmo.anchor())) << count << " elements, step " << step;
      EXPECT_TRUE(at::equal(weights, theirs.flat())) << count << " elements, step " << step;
    }
  }
}

}  // namespace
}  // namespace ronde
