// CUDA tensors in the torch front end, beside the same on the CPU; ranks are threads on one GPU.

#include <cstdint>
#include <functional>
#include <vector>

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gtest/gtest.h>

#include "frontends/torch/clip_gradients.h"
#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/distributed_optimizer.h"
#include "frontends/torch/flat_parameters.h"
#include "frontends/torch/fused_sgd.h"
#include "frontends/torch/model_averager.h"
#include "frontends/torch/momentum_buffers.h"
#include "frontends/torch/registered_tensor.h"
#include "frontends/torch/slowmo.h"
#include "frontends/torch/worker_divergence.h"
#include "tests/frontends/torch/run_sessions.h"
#include "tests/frontends/torch/tiny_model.h"
#include "tests/gpu/gpu.h"

namespace ronde {
namespace {

using torch::optim::SGDOptions;

const at::Device kGpu(at::kCUDA, 0);

class TensorsOnGpu : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    const Status opened = OpenTorchDevice(0);
    ASSERT_TRUE(opened.ok()) << opened.message();
  }
};

at::Tensor OnGpu(const at::Tensor& tensor) { return tensor.to(kGpu); }

// A rank that waits for the others must not hold up what they have still to do: ranks that are
// threads need streams of their own.
void RunSessionsOnStreams(int size, const std::function<void(Session&)>& body) {
  RunSessions(size, [&body](Session& session) {
    const c10::StreamGuard own(c10::impl::VirtualGuardImpl(at::kCUDA).getNewStream(kGpu));
    body(session);
  });
}

TEST_F(TensorsOnGpu, FusedSgdHasTheBitsOfTheCpu) {
  const SGDOptions options = SGDOptions(0.1).momentum(0.9).nesterov(true).weight_decay(1e-2);
  for (const std::int64_t count : {1, 31, 4096, 100003}) {
    at::Tensor cpu = TinyValues({count}, 1).to(at::kFloat).requires_grad_();
    at::Tensor gpu = OnGpu(cpu.detach()).requires_grad_();
    FusedSgd on_cpu({cpu}, options);
    FusedSgd on_gpu({gpu}, options);
    // Or the first step would make them, by other operations.
    static_cast<void>(MomentumBuffers(on_cpu));
    static_cast<void>(MomentumBuffers(on_gpu));
    for (int step = 0; step < 4; ++step) {
      cpu.mutable_grad() = TinyValues({count}, 2 + step).to(at::kFloat);
      gpu.mutable_grad() = OnGpu(cpu.grad());
      on_cpu.step();
      on_gpu.step();
      // Behind its last whole vector the CPU rounds otherwise.
      const std::int64_t whole = count / 16 * 16;
      const at::Tensor got = gpu.detach().cpu();
      EXPECT_TRUE(at::equal(got.narrow(0, 0, whole), cpu.detach().narrow(0, 0, whole)))
          << count << ", step " << step;
      EXPECT_TRUE(at::allclose(got, cpu.detach(), 1e-6, 1e-7)) << count << ", step " << step;
    }
  }
}

TEST_F(TensorsOnGpu, SlowMoHasTheBitsOfTheCpu) {
  const std::int64_t count = 100003;
  FlatParameters cpu({TinyValues({count}, 1).to(at::kFloat)});
  FlatParameters gpu({OnGpu(cpu.flat())});
  SlowMo on_cpu(cpu);
  SlowMo on_gpu(gpu);
  for (int step = 0; step < 3; ++step) {
    cpu.flat().copy_(TinyValues({count}, 3 + step));
    gpu.flat().copy_(cpu.flat());
    on_cpu.Step(0.1);
    on_gpu.Step(0.1);
    EXPECT_TRUE(at::equal(gpu.flat().cpu(), cpu.flat())) << "step " << step;
    EXPECT_TRUE(at::equal(on_gpu.slow_buffer().cpu(), on_cpu.slow_buffer())) << "step " << step;
  }
}

TEST_F(TensorsOnGpu, RegisteredTensorsAreReducedInPlace) {
  RunSessionsOnStreams(2, [](Session& session) {
    const at::Tensor tensor = RegisteredTensor(session, 100'000, at::kFloat, kGpu);
    EXPECT_EQ(tensor.abs().sum().item<float>(), 0);
    for (int round = 0; round < 20; ++round) {
      tensor.fill_(session.rank() + round);
      const TensorView view = ToTensorView(tensor, "tensor");
      EXPECT_TRUE(Await(session.AllreduceAsync("tensor", view, view), kGpu).ok());
      EXPECT_TRUE(tensor.eq(0.5 + round).all().item<bool>()) << "round " << round;
    }
  });
}

void ExpectFollowsTheCpu(bool views, std::size_t bucket_bytes) {
  RunSessionsOnStreams(2, [&](Session& session) {
    torch::nn::Sequential cpu = TinyModel();
    torch::nn::Sequential gpu = TinyModel();
    gpu->to(kGpu);
    DistributedOptimizerOptions options;
    options.gradient_as_bucket_view = views;
    options.bucket_size_bytes = bucket_bytes;
    torch::optim::SGD sgd_cpu(cpu->parameters(), SGDOptions(0.1));
    torch::optim::SGD sgd_gpu(gpu->parameters(), SGDOptions(0.1));
    options.name_prefix = "cpu/";
    DistributedOptimizer on_cpu(session, sgd_cpu, *cpu, options);
    options.name_prefix = "gpu/";
    DistributedOptimizer on_gpu(session, sgd_gpu, *gpu, options);
    for (int step = 0; step < 5; ++step) {
      on_cpu.ZeroGrad();
      on_gpu.ZeroGrad();
      TinyLoss(cpu, session.rank(), step).backward();
      const at::Tensor input = OnGpu(TinyValues({4, 5}, 100 + 17 * session.rank() + 31 * step));
      const at::Tensor target = OnGpu(TinyValues({4, 3}, 200 + 13 * session.rank() + 7 * step));
      torch::mse_loss(gpu->forward(input), target).backward();
      on_cpu.Step();
      on_gpu.Step();
    }
    gpu->to(at::kCPU);
    EXPECT_LT(LargestDifference(*cpu, *gpu), 1e-12);
  });
}

TEST_F(TensorsOnGpu, GradientsAreAveragedAsOnTheCpu) {
  ExpectFollowsTheCpu(false, std::size_t{1} << 20);
  ExpectFollowsTheCpu(false, 0);
  ExpectFollowsTheCpu(true, std::size_t{1} << 20);
  ExpectFollowsTheCpu(true, 0);
}

TEST_F(TensorsOnGpu, ModelsAreAveragedAsOnTheCpu) {
  RunSessionsOnStreams(2, [](Session& session) {
    torch::nn::Sequential model = TinyModel();
    model->to(kGpu);
    FlatParameters parameters(*model, &session);
    ModelAverager averager(session, parameters, {2, 0});
    parameters.flat().fill_(session.rank());
    EXPECT_FALSE(averager.Step(1));
    EXPECT_TRUE(averager.Step(2));
    EXPECT_TRUE(parameters.flat().eq(0.5).all().item<bool>());
  });
}

TEST_F(TensorsOnGpu, ClippingAndDivergenceAgreeWithTheCpu) {
  at::Tensor cpu = TinyValues({1000}, 1).requires_grad_();
  at::Tensor gpu = OnGpu(cpu.detach()).requires_grad_();
  cpu.mutable_grad() = TinyValues({1000}, 2);
  gpu.mutable_grad() = OnGpu(cpu.grad());
  ClipGradientNorm({cpu}, 0.5);
  ClipGradientNorm({gpu}, 0.5);
  EXPECT_TRUE(at::allclose(gpu.grad().cpu(), cpu.grad()));
  const at::Tensor mean = TinyValues({1000}, 3);
  EXPECT_NEAR(RelativeDistanceTensor(gpu.detach(), OnGpu(mean)).item<double>(),
              RelativeDistance(cpu.detach(), mean), 1e-9);
  EXPECT_EQ(RelativeDistanceTensor(OnGpu(mean), OnGpu(mean)).item<double>(), 0);
}

}  // namespace
}  // namespace ronde
