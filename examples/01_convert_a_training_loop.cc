// An ordinary libtorch training loop, made data-parallel by the lines marked with "ronde".
//
//   build/bin/01_convert_a_training_loop                    one process
//   build/bin/ronderun -np 2 01_convert_a_training_loop     two, on half of the data each
#include <cstdio>

#include <torch/torch.h>

#include "frontends/torch/broadcast.h"              // ronde
#include "frontends/torch/distributed_optimizer.h"  // ronde
#include "frontends/torch/init.h"                   // ronde

namespace {

constexpr int kSamples = 2048;
constexpr int kBatch = 64;

// Points in the plane, labelled by whether they lie inside a ring.
struct Data {
  at::Tensor points = at::rand({kSamples, 2}) * 4 - 2;
  at::Tensor labels = (points.norm(2, 1) - 1.2).abs().lt(0.4).to(at::kLong);
};

}  // namespace

int main() {
  ronde::Init();  // ronde
  torch::manual_seed(1);
  const Data data;
  torch::nn::Sequential model(torch::nn::Linear(2, 64), torch::nn::ReLU(),
                              torch::nn::Linear(64, 64), torch::nn::ReLU(),
                              torch::nn::Linear(64, 2));
  torch::optim::SGD sgd(model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  ronde::BroadcastParameters(ronde::DefaultSession(), *model);                  // ronde
  ronde::BroadcastOptimizerState(ronde::DefaultSession(), sgd);                 // ronde
  ronde::DistributedOptimizer optimizer(ronde::DefaultSession(), sgd, *model);  // ronde

  double loss_mean = 0;
  for (int epoch = 1; epoch <= 10; ++epoch) {
    const at::Tensor order = at::randperm(kSamples);
    double loss_sum = 0;
    int batches = 0;
    const int step_samples = kBatch * ronde::Size();  // ronde: was kBatch
    for (int i = 0; i + step_samples <= kSamples; i += step_samples) {
      const int first = i + kBatch * ronde::Rank();  // ronde: was i
      const at::Tensor batch = order.slice(0, first, first + kBatch);
      optimizer.ZeroGrad();  // ronde: was sgd.zero_grad()
      const at::Tensor output = model->forward(data.points.index_select(0, batch));
      const at::Tensor loss =
          torch::nn::functional::cross_entropy(output, data.labels.index_select(0, batch));
      loss.backward();
      optimizer.Step();  // ronde: was sgd.step()
      loss_sum += loss.item<double>();
      ++batches;
    }
    loss_mean = loss_sum / batches;
    if (ronde::Rank() == 0) {  // ronde
      std::printf("epoch %2d  loss %.4f\n", epoch, loss_mean);
    }
  }
  ronde::Shutdown();               // ronde
  return loss_mean < 0.4 ? 0 : 1;  // it has learned something
}
