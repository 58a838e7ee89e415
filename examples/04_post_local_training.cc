// Post-local SGD: gradients are averaged at every step up to step T; from then on ranks step alone
// and average their weights every H steps.
//   build/bin/04_post_local_training                    one process
//   build/bin/ronderun -np 2 04_post_local_training     two, each with its own data
// Exit code 1 unless the loss has come down and all ranks end with the same weights.
#include <cstdio>

#include "frontends/torch/broadcast.h"
#include "frontends/torch/distributed_optimizer.h"
#include "frontends/torch/init.h"
#include "frontends/torch/model_averager.h"

constexpr std::int64_t kSteps = 200;
constexpr ronde::AverageSchedule kSchedule = {.period = 4, .origin = 80};  // H and T

// How far the ranks' weights lie apart at most.
double Spread(const at::Tensor& weights) {
  const at::Tensor both = torch::cat({weights, -weights});
  const ronde::TensorView view = ronde::ToTensorView(both, "spread");
  const ronde::AllreduceOptions maximum = {.op = ronde::ReduceOp::kMax};
  const auto handle = ronde::DefaultSession().AllreduceAsync("spread", view, view, maximum);
  if (const ronde::Status status = handle.Wait(); !status.ok()) throw ronde::Error(status);
  const auto highest_and_minus_lowest = both.chunk(2);
  return (highest_and_minus_lowest[0] + highest_and_minus_lowest[1]).max().item<double>();
}

int main() {
  ronde::Init();
  torch::manual_seed(1 + ronde::Rank());  // each rank draws its own data
  torch::nn::Sequential model(torch::nn::Linear(2, 64), torch::nn::ReLU(),
                              torch::nn::Linear(64, 2));
  torch::optim::SGD sgd(model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  ronde::BroadcastParameters(ronde::DefaultSession(), *model);
  ronde::FlatParameters parameters(*model);
  ronde::DistributedOptimizer optimizer(ronde::DefaultSession(), sgd, *model);
  ronde::ModelAverager averager(ronde::DefaultSession(), parameters, kSchedule);

  double loss_value = 0;
  for (std::int64_t step = 1; step <= kSteps; ++step) {
    const at::Tensor points = torch::rand({64, 2}) * 4 - 2;  // labelled: in the unit circle or not
    const at::Tensor labels = points.norm(2, 1).lt(1).to(at::kLong);
    optimizer.set_synchronizing(step <= kSchedule.origin);
    optimizer.ZeroGrad();
    const at::Tensor loss = torch::nn::functional::cross_entropy(model->forward(points), labels);
    loss.backward();
    optimizer.Step();
    const bool averaged = averager.Step(step);
    loss_value = 0.95 * (step == 1 ? 0.7 : loss_value) + 0.05 * loss.item<double>();
    if (ronde::Rank() == 0 && averaged) std::printf("step %3ld  loss %.4f\n", step, loss_value);
  }
  const double spread = Spread(parameters.flat());
  ronde::Shutdown();
  return loss_value < 0.25 && spread == 0 ? 0 : 1;
}
