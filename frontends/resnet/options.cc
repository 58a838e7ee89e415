#include "frontends/resnet/options.h"

#include <optional>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "frontends/resnet/data/fashion_mnist.h"
#include "frontends/resnet/option_flags.h"
#include "frontends/resnet/option_rules.h"

namespace ronde {
namespace {

constexpr int kMaxWidth = 4096;
constexpr int kMaxThreads = 4096;
constexpr int kMaxImageSize = 512;
constexpr double kMaxCount = 1e15;

void AddAlgorithmFlags(OptionFlags& flags, TrainOptions& options,
                       std::span<const AlgorithmFlags> algorithms) {
  std::vector<std::string> names;
  for (const AlgorithmFlags& algorithm : algorithms) names.push_back(algorithm.name);
  flags.Group("Algorithm");
  flags.Choice("--algorithm", options.algorithm, names, "how the workers train together");
  flags.Integer("--workers", options.workers, {.lowest = 1, .shown_default = "ranks"},
                "K: workers, shared evenly among the ranks, which play theirs in turn");
  flags.Flag("--deterministic", options.deterministic,
             "the same bits whatever the number of ranks, on one type of CPU and with the same "
             "--threads (1 unless given): sums over workers are a binary tree over their numbers; "
             "needs 2^n workers per rank, or one rank");
  flags.Integer("--local-steps", options.local_steps, {.lowest = 1},
                "H: local steps between two averages of the models");
  flags.Integer("--switch-epoch", options.switch_epoch,
                {.lowest = 0, .shown_default = "first milestone"},
                "T: minibatch epochs before the local phase, at most --epochs");
  flags.Choice("--momentum-at-average", options.momentum_at_average, {"keep", "reset", "average"},
               "the momentum buffers when models are averaged");
  flags.Choice("--bn-at-evaluation", options.bn_at_evaluation, {"average", "rank0", "recalibrate"},
               "the batch-norm statistics of the evaluated model");
  flags.Real("--slow-momentum", options.slow_momentum, {.lowest = 0, .below = 1}, "beta of slowmo");
  flags.Real("--slow-lr", options.slow_lr, {.above = 0}, "alpha of slowmo");
  flags.Real("--local-learning-rate-scale", options.local_learning_rate_scale, {.above = 0},
             "multiplies the learning rate in the local phase");
  flags.Integer("--local-batch-size", options.local_batch_size,
                {.lowest = 1, .shown_default = "--batch-size"},
                "images per worker and step in the local phase; the learning rate goes on "
                "following --batch-size");
}

void AddModelAndDataFlags(OptionFlags& flags, TrainOptions& options) {
  flags.Group("Model and data");
  flags.Choice("--model", options.model,
               {"resnet8", "resnet20", "resnet18", "resnet34", "resnet50", "resnet101"},
               "8 and 20 for small images, 18 to 101 as torchvision's");
  flags.Integer("--width", options.width, {.lowest = 1, .highest = kMaxWidth},
                "channels of the first stage of resnet8 and resnet20");
  flags.Path("--init-weights", options.init_weights, "FILE",
             "start from these weights: a state dict of torch.save, or safetensors");
  flags.Choice("--dataset", options.dataset,
               {"fashion-mnist", "cifar10", "cifar100", "imagefolder", "synthetic"},
               "the images; imagefolder: DIR/train/CLASS/*.jpg|jpeg|png and DIR/val/CLASS/...");
  flags.Path("--data-dir", options.data_dir, "DIR",
             "folder of the data set's files; of cifar10 and cifar100 the binary version",
             StrCat("fashion-mnist: ", kFashionMnistDirectory));
  flags.Integer("--image-size", options.image_size, {.lowest = 8, .highest = kMaxImageSize},
                "imagefolder: pixels per side to which images are scaled");
  flags.Integer("--limit-train", options.limit_train,
                {.lowest = 1, .highest = kMaxCount, .shown_default = "all"},
                "use only the first N training images");
  flags.Integer("--limit-validation", options.limit_validation,
                {.lowest = 1, .highest = kMaxCount, .shown_default = "all"},
                "use only the first N validation images");
}

void AddTrainingFlags(OptionFlags& flags, TrainOptions& options) {
  flags.Group("Training");
  flags.Integer("--epochs", options.epochs, {.lowest = 1}, "passes over the training images");
  flags.Integer("--batch-size", options.batch_size, {.lowest = 1},
                "images per worker and forward pass");
  flags.Integer("--accumulation-steps", options.accumulation_steps, {.lowest = 1},
                "batches whose gradients each worker averages before a step");
  flags.Choice("--schedule", options.schedule, {"step", "cosine"},
               "learning rate: tenfold drops at milestones, or half a cosine");
  flags.Milestones("--milestones", options.milestones, "epochs after which it drops tenfold");
  flags.Integer("--warmup-epochs", options.warmup_epochs, {.lowest = 0},
                "epochs in which it rises linearly, iteration by iteration");
  flags.Real("--reference-lr", options.reference_lr, {.above = 0},
             "learning rate of a global batch of 256");
  flags.Real("--momentum", options.momentum, {.lowest = 0, .below = 1}, "Nesterov momentum");
  flags.Choice(
      "--momentum-form", options.momentum_form, {"torch", "classic"},
      "torch: the buffer sums up gradients; classic: steps, with momentum correction where "
      "the learning rate changes; they train alike");
  flags.Real("--weight-decay", options.weight_decay, {.lowest = 0}, "weight decay");
  flags.OnOff("--weight-decay-bn", options.weight_decay_bn, "decay batch norm's parameters too");
  flags.Real("--grad-clip-norm", options.grad_clip_norm, {.lowest = 0},
             "largest norm of a gradient, scaled down to it before each step; 0: any");
  flags.Integer("--seed", options.seed, {.lowest = 0, .highest = kMaxCount},
                "of weights, order of images and augmentation");
  flags.Integer("--evaluate-every", options.evaluate_every, {.lowest = 0},
                "evaluate after every N epochs and after the last; 0: never");
}

void AddMachineAndOutputFlags(OptionFlags& flags, TrainOptions& options) {
  flags.Group("Machine");
  flags.Integer("--threads", options.threads,
                {.lowest = 1, .highest = kMaxThreads, .shown_default = "cores / ranks of the host"},
                "compute threads per rank");
  flags.Choice("--device", options.device, {"cpu", "cuda"},
               "where to compute; cuda: ranks of a host take its usable GPUs in turn");
  flags.Choice("--precision", options.precision, {"fp32", "bf16"},
               "of forward pass and loss in training; weights, averages and evaluation are fp32");
  flags.OnOff("--tf32", options.tf32,
              "with --device cuda: multiply fp32 values in TF32, of 10 bits behind the point");
  flags.Real("--compute-time-ms", options.compute_time_ms, {.lowest = 0},
             "for timing only: sleep so long in place of each batch's forward and backward pass; "
             "gradients come one by one, nothing is learnt; 0: compute");
  flags.Group("Output");
  flags.Path("--log-json", options.log_json, "FILE", "write one JSON object per epoch");
  flags.Path("--plot", options.plot, "FILE", "draw loss and accuracy per epoch (.png)");
  flags.Path("--save", options.save, "FILE",
             "write the trained, averaged model as a state dict that torch.load reads, or as "
             "safetensors where FILE ends in .safetensors");
  flags.Choice("--progress", options.progress, {"auto", "plain", "off"},
               "a live line on a terminal (auto), plain lines, or nothing");
}

void AddCheckpointFlags(OptionFlags& flags, CheckpointOptions& options) {
  flags.Group("Checkpoints");
  flags.Path("--checkpoint-dir", options.dir, "DIR",
             "save the whole run here at the end of each epoch, and on SIGTERM or SIGINT before "
             "it stops");
  flags.Integer("--checkpoint-every", options.every, {.lowest = 0},
                "save it also after every N steps; 0: at the end of each epoch only");
  flags.Integer("--keep-last", options.keep_last, {.lowest = 1},
                "checkpoints kept; older ones go once a new one is complete");
  flags.Path("--resume", options.resume, "none|auto|PATH",
             "go on from the newest whole checkpoint in --checkpoint-dir (auto; where there is "
             "none, start), or from this checkpoint or folder of checkpoints");
}

}  // namespace

std::variant<TrainOptions, int> ParseTrainOptions(int argc, char** argv,
                                                  std::span<const AlgorithmFlags> algorithms) {
  const std::string program = "ronde-train";
  Result<Config> environment = Config::FromEnvironment();
  if (!environment.ok()) return ReportBadInput(program, environment.status());
  TrainOptions options;
  options.config = std::move(environment).value();

  CLI::App app(
      "Trains a ResNet on several workers: minibatch SGD, Local SGD, post-local SGD, SlowMo",
      program);
  SetUpProgram(app);
  // So that a script's command line can be varied by adding to it.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  OptionFlags flags(app);
  AddAlgorithmFlags(flags, options, algorithms);
  AddModelAndDataFlags(flags, options);
  AddTrainingFlags(flags, options);
  AddMachineAndOutputFlags(flags, options);
  AddCheckpointFlags(flags, options.checkpoint);
  AddSettingFlags(app, options.config);
  app.footer(
      "ronde-train sets --reproducible to on unless told otherwise, and to tree with "
      "--deterministic.");
  if (const std::optional<int> code = ParseCommandLine(app, argc, argv)) return *code;

  const AlgorithmFlags* chosen = nullptr;
  for (const AlgorithmFlags& algorithm : algorithms) {
    if (algorithm.name == options.algorithm) chosen = &algorithm;
  }
  const auto was_given = [&app](std::string_view flag) {
    return app.get_option(std::string(flag))->count() > 0;
  };
  const Status status = chosen == nullptr ? Status::Internal("the algorithm's table has no default")
                                          : CheckAndComplete(options, *chosen, was_given);
  if (!status.ok()) return ReportBadInput(program, status);
  return options;
}

}  // namespace ronde
