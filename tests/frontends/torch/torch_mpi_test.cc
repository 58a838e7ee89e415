// A float32 perceptron trained over MPI; the same program checks itself on every rank.
#include <cstdio>
#include <exception>

#include <torch/torch.h>

#include "core/base/strcat.h"
#include "frontends/torch/broadcast.h"
#include "frontends/torch/distributed_optimizer.h"
#include "frontends/torch/error.h"
#include "frontends/torch/init.h"
#include "frontends/torch/model_averager.h"

namespace ronde {
namespace {

void Require(bool condition, const char* what) {
  if (!condition) throw Error(Status::Internal(StrCat("rank ", Rank(), ": ", what)));
}

// The batch of one rank: every rank can make those of all.
at::Tensor Batch(int rank, int step) {
  const at::Tensor index = at::arange(64 * 20, at::kDouble);
  return at::sin(index * 0.37 + 5.0 * rank + 0.11 * step).reshape({64, 20}).to(at::kFloat);
}

at::Tensor Loss(torch::nn::Sequential& model, int rank, int step) {
  const at::Tensor input = Batch(rank, step);
  return (model->forward(input) - input.slice(1, 0, 10)).pow(2).mean();
}

torch::nn::Sequential MakeModel() {
  return torch::nn::Sequential(torch::nn::Linear(20, 300), torch::nn::ReLU(),
                               torch::nn::Linear(300, 300), torch::nn::ReLU(),
                               torch::nn::Linear(300, 10));
}

double Train(torch::nn::Sequential& model, int steps) {
  torch::optim::SGD sgd(model->parameters(), torch::optim::SGDOptions(0.05).momentum(0.9));
  BroadcastOptimizerState(DefaultSession(), sgd);
  DistributedOptimizer optimizer(DefaultSession(), sgd, *model);
  double last = 0;
  for (int step = 0; step < steps; ++step) {
    optimizer.ZeroGrad();
    const at::Tensor loss = Loss(model, Rank(), step);
    loss.backward();
    optimizer.Step();
    last = loss.item<double>();
  }
  return last;
}

// One process with the mean of all ranks' losses.
void TrainAlone(torch::nn::Sequential& model, int steps) {
  torch::optim::SGD sgd(model->parameters(), torch::optim::SGDOptions(0.05).momentum(0.9));
  for (int step = 0; step < steps; ++step) {
    sgd.zero_grad();
    at::Tensor loss = at::zeros({});
    for (int rank = 0; rank < Size(); ++rank) loss = loss + Loss(model, rank, step) / Size();
    loss.backward();
    sgd.step();
  }
}

void Run() {
  at::set_num_threads(1);
  torch::manual_seed(100 + Rank());
  torch::nn::Sequential model = MakeModel();
  BroadcastParameters(DefaultSession(), *model);
  torch::nn::Sequential alone = MakeModel();
  {
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < model->parameters().size(); ++i) {
      alone->parameters()[i].copy_(model->parameters()[i]);
    }
  }
  const double first = Loss(model, Rank(), 0).item<double>();
  const double last = Train(model, 20);
  Require(last < first, "the loss did not fall");
  TrainAlone(alone, 20);
  for (std::size_t i = 0; i < model->parameters().size(); ++i) {
    const at::Tensor mine = model->parameters()[i].detach();
    Require(at::allclose(mine, alone->parameters()[i].detach(), 1e-4, 1e-5),
            "weights differ from those of one process with all data");
    const at::Tensor roots = mine.clone();
    BroadcastParameters(DefaultSession(), {{StrCat("check", i), roots}}, 0);
    Require(torch::equal(mine, roots), "weights differ between ranks");
  }
  {
    const torch::NoGradGuard no_grad;
    model->parameters()[0].fill_(Rank());
  }
  ModelAverager averager(DefaultSession(), *model, {2, 0});
  Require(!averager.Step(1) && averager.Step(2), "the averager has the wrong period");
  Require(model->parameters()[0][0][0].item<double>() == (Size() - 1) / 2.0, "wrong average");
}

}  // namespace
}  // namespace ronde

int main() {
  try {
    ronde::Init();
    ronde::Run();
    ronde::Shutdown();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
