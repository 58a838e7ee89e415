// ronde-bench-steps: what communication adds to a training step.

#include <cstdio>
#include <utility>
#include <variant>

#include <ATen/Parallel.h>

#include "bench/training/paired_steps_options.h"
#include "core/base/program.h"
#include "core/base/strcat.h"
#include "frontends/resnet/keep_freed_memory.h"
#include "frontends/resnet/replica.h"
#include "frontends/resnet/stopwatch.h"
#include "frontends/torch/error.h"

namespace ronde::bench {
namespace {

constexpr DatasetTraits kTraits = {.channels = 3, .height = 32, .width = 32, .classes = 10};
// Post-local SGD averages gradients up to its switch and nothing after it, before the first window
// ends: one replica does both kinds of steps, by the number that a step is given.
constexpr std::int64_t kAveragedStep = 1;
constexpr std::int64_t kSwitchStep = 1;
constexpr std::int64_t kPlainStep = 2;
constexpr double kLearningRate = 1e-4;

TrainOptions ToTrainOptions(const PairedStepsOptions& options, int ranks) {
  TrainOptions train;
  train.algorithm = "post-local";
  train.local_steps = 1'000'000;
  train.workers = ranks;
  train.model = options.model;
  train.width = static_cast<int>(options.width);
  return train;
}

class PairedSteps {
 public:
  PairedSteps(Session& session, const PairedStepsOptions& options)
      : session_(session),
        steps_(options.steps),
        replica_(session, ToTrainOptions(options, session.size()), kTraits, kSwitchStep),
        images_(at::rand({options.batch_size, kTraits.channels, kTraits.height, kTraits.width})
                    .contiguous(at::MemoryFormat::ChannelsLast)),
        labels_(at::randint(kTraits.classes, {options.batch_size}, at::kLong)) {
    replica_.model()->train();
    replica_.SetLearningRate(kLearningRate);
  }

  void Run(int pairs) {
    for (int pair = 0; pair <= pairs; ++pair) {
      double plain = 0;
      double averaged = 0;
      waited_ = 0;
      // Taken in turn which comes first: neither always follows the other.
      if (pair % 2 == 0) plain = Block(kPlainStep);
      averaged = Block(kAveragedStep);
      if (pair % 2 == 1) plain = Block(kPlainStep);
      if (pair == 0 || session_.rank() != 0) continue;
      std::printf(
          "{\"pair\": %d, \"steps\": %d, \"ranks\": %d, \"gradient_bytes\": %lld, "
          "\"seconds_compute\": %.6f, \"seconds_averaged\": %.6f, "
          "\"seconds_communication\": %.6f}\n",
          pair, steps_, session_.size(), static_cast<long long>(replica_.parameters().count() * 4),
          plain, averaged, waited_);
      std::fflush(stdout);
    }
  }

 private:
  void Step(std::int64_t number) {
    replica_.algorithm().BeginStep(number);
    replica_.optimizer().zero_grad();
    const torch::Tensor loss =
        torch::cross_entropy_loss(replica_.model()->forward(images_), labels_);
    loss.backward();
    waited_ += replica_.algorithm().FinishStep(number, kLearningRate).seconds_communication;
  }

  double Block(std::int64_t number) {
    ThrowIfError(session_.BarrierAsync().Wait());
    const SteadyClock clock;
    Stopwatch watch(clock);
    for (int i = 0; i < steps_; ++i) Step(number);
    double seconds = watch.Lap();
    const TensorView view(&seconds, DataType::kFloat64, {});
    ThrowIfError(session_.AllreduceAsync("seconds", view, view, {.op = ReduceOp::kMax}).Wait());
    return seconds;
  }

  Session& session_;
  const int steps_;
  Replica replica_;
  const torch::Tensor images_;
  const torch::Tensor labels_;
  double waited_ = 0;
};

int Main(const PairedStepsOptions& options) {
  at::set_num_threads(options.threads);
  at::set_num_interop_threads(1);
  Result<std::unique_ptr<Session>> session = Session::Create(options.config);
  if (!session.ok()) return ReportBadInput("ronde-bench-steps", session.status());
  try {
    PairedSteps(*session.value(), options).Run(options.pairs);
  } catch (const Error& error) {
    return ReportBadInput("ronde-bench-steps", {error.code(), error.what()});
  }
  return 0;
}

}  // namespace
}  // namespace ronde::bench

int main(int argc, char** argv) {
  ronde::KeepFreedMemory();
  const auto parsed = ronde::bench::ParsePairedSteps(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  return ronde::bench::Main(std::get<ronde::bench::PairedStepsOptions>(parsed));
}
