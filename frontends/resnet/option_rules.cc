#include "frontends/resnet/option_rules.h"

#include <algorithm>
#include <charconv>

#include "core/base/strcat.h"
#include "frontends/resnet/data/fashion_mnist.h"

namespace ronde {
namespace {

struct Meaning {
  bool present;
  std::string_view flag;
  std::string where;   // "--algorithm minibatch"
  std::string remedy;  // what to do
};

Status CheckMeanings(std::span<const Meaning> meanings, const WasGiven& was_given) {
  for (const Meaning& meaning : meanings) {
    if (!meaning.present && was_given(meaning.flag)) {
      return Status::InvalidArgument(
          StrCat(meaning.flag, " has no meaning for ", meaning.where, "; ", meaning.remedy));
    }
  }
  return Status::Ok();
}

Status CheckAlgorithmFlags(const TrainOptions& options, const AlgorithmFlags& algorithm,
                           const WasGiven& was_given) {
  const std::string where = StrCat("--algorithm ", options.algorithm);
  const std::string local = "remove it, or use --algorithm local, post-local or slowmo";
  const std::string with_switch =
      algorithm.local_steps ? "it is local from the start; remove it, or use post-local or slowmo"
                            : "remove it, or use --algorithm post-local or slowmo";
  const std::string slow = "remove it, or use --algorithm slowmo";
  const std::vector<Meaning> meanings = {
      {algorithm.local_steps, "--local-steps", where, local},
      {algorithm.switch_epoch, "--switch-epoch", where, with_switch},
      {algorithm.momentum_at_average, "--momentum-at-average", where, local},
      {algorithm.local_steps, "--local-learning-rate-scale", where, local},
      {algorithm.local_steps, "--local-batch-size", where, local},
      {algorithm.slow_momentum, "--slow-momentum", where, slow},
      {algorithm.slow_momentum, "--slow-lr", where, slow}};
  return CheckMeanings(meanings, was_given);
}

Status CheckOtherFlags(const TrainOptions& options, const WasGiven& was_given) {
  const bool cifar_style = options.model == "resnet8" || options.model == "resnet20";
  const std::vector<Meaning> meanings = {
      {options.schedule == "step", "--milestones", StrCat("--schedule ", options.schedule),
       "remove it, or use --schedule step"},
      {cifar_style, "--width", StrCat("--model ", options.model),
       "remove it, or use --model resnet8 or resnet20"},
      {options.dataset != "synthetic", "--data-dir", StrCat("--dataset ", options.dataset),
       "remove it, or use --dataset fashion-mnist, cifar10, cifar100 or imagefolder"},
      {options.dataset == "imagefolder", "--image-size", StrCat("--dataset ", options.dataset),
       "remove it, or use --dataset imagefolder"}};
  return CheckMeanings(meanings, was_given);
}

Status CheckSwitchEpoch(TrainOptions& options, const AlgorithmFlags& algorithm) {
  if (options.switch_epoch < 0) {
    options.switch_epoch = std::min(options.milestones.front(), options.epochs);
  } else if (options.switch_epoch > options.epochs) {
    return Status::InvalidArgument(StrCat(
        "--switch-epoch: ", options.switch_epoch, " is larger than --epochs ", options.epochs,
        "; use 0 (local from the start) to ", options.epochs, " (minibatch throughout)"));
  }
  if (!algorithm.switch_epoch) options.switch_epoch = algorithm.local_steps ? 0 : options.epochs;
  return Status::Ok();
}

Status CompleteDataDir(TrainOptions& options) {
  if (!options.data_dir.empty() || options.dataset == "synthetic") return Status::Ok();
  if (options.dataset != "fashion-mnist") {
    return Status::InvalidArgument(StrCat("--dataset ", options.dataset,
                                          ": expected --data-dir, got none; name the folder that "
                                          "has its files with --data-dir DIR"));
  }
  options.data_dir = kFashionMnistDirectory;
  return Status::Ok();
}

}  // namespace

Status CheckAndComplete(TrainOptions& options, const AlgorithmFlags& algorithm,
                        const WasGiven& was_given) {
  RONDE_RETURN_IF_ERROR(CheckAlgorithmFlags(options, algorithm, was_given));
  RONDE_RETURN_IF_ERROR(CheckOtherFlags(options, was_given));
  RONDE_RETURN_IF_ERROR(CheckSwitchEpoch(options, algorithm));
  if (options.device == "cuda") {
    return Status::Unavailable(
        "--device cuda: this ronde-train trains on CPUs only; use --device cpu or auto");
  }
  if (options.local_batch_size == 0) options.local_batch_size = options.batch_size;
  RONDE_RETURN_IF_ERROR(CompleteDataDir(options));
  return options.config.SetProgramDefault(Setting::kReproducible, "on");
}

Result<std::vector<int>> ParseMilestones(std::string_view text) {
  std::vector<int> milestones;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    int epoch = 0;
    const auto [next, error] = std::from_chars(at, end, epoch);
    const bool ascends = milestones.empty() || epoch > milestones.back();
    if (error != std::errc() || epoch < 1 || !ascends || (next != end && *next != ',')) {
      return Status::InvalidArgument(
          StrCat("'", text, "' is not accepted; expected ascending epochs such as 30,60,80"));
    }
    milestones.push_back(epoch);
    if (next == end) return milestones;
    at = next + 1;
  }
}

}  // namespace ronde
