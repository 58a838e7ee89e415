#include "frontends/resnet/option_rules.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "core/base/strcat.h"
#include "core/device/device_list.h"
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
      {options.device == "cuda", "--tf32", StrCat("--device ", options.device),
       "remove it, or use --device cuda"},
      {options.momentum > 0, "--momentum-form", "--momentum 0",
       "remove it, or use a --momentum above 0"},
      {options.dataset != "synthetic", "--data-dir", StrCat("--dataset ", options.dataset),
       "remove it, or use --dataset fashion-mnist, cifar10, cifar100 or imagefolder"},
      {options.dataset == "imagefolder", "--image-size", StrCat("--dataset ", options.dataset),
       "remove it, or use --dataset imagefolder"}};
  return CheckMeanings(meanings, was_given);
}

// A stand-in learns nothing: there is nothing to look at, to draw or to keep.
Status CheckStandInFlags(TrainOptions& options, const WasGiven& was_given) {
  if (!options.has_stand_in()) return Status::Ok();
  const std::string remedy = "remove one of them";
  std::vector<Meaning> meanings;
  for (const std::string_view flag :
       {"--evaluate-every", "--bn-at-evaluation", "--limit-validation", "--precision",
        "--init-weights", "--plot", "--save", "--checkpoint-dir", "--resume"}) {
    meanings.push_back({false, flag, "--compute-time-ms, which trains no model", remedy});
  }
  meanings.push_back({options.device == "cpu", "--device",
                      "--compute-time-ms, whose gradients are on the CPU", "use --device cpu"});
  options.evaluate_every = 0;
  return CheckMeanings(meanings, was_given);
}

Status CheckCheckpointFlags(const CheckpointOptions& options, const WasGiven& was_given) {
  const std::string where = "a run without --checkpoint-dir";
  const std::string remedy = "remove it, or add --checkpoint-dir DIR";
  const std::vector<Meaning> meanings = {{options.writes(), "--checkpoint-every", where, remedy},
                                         {options.writes(), "--keep-last", where, remedy}};
  RONDE_RETURN_IF_ERROR(CheckMeanings(meanings, was_given));
  if (options.resume != "auto" || options.writes()) return Status::Ok();
  return Status::InvalidArgument(
      "--resume auto: expected --checkpoint-dir, got none; name the folder of checkpoints with "
      "--checkpoint-dir DIR");
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

// A program's default gives way to what the user says, so that must not contradict.
Status CompleteReproducible(TrainOptions& options) {
  const SettingSpec& spec = SpecOf(Setting::kReproducible);
  // What a compressed value becomes depends on its neighbours: who asks for it has chosen.
  const bool compresses = options.config.GetText(Setting::kWireCompression) != "none";
  const std::string wanted = options.deterministic ? "tree" : compresses ? "off" : "on";
  RONDE_RETURN_IF_ERROR(options.config.SetProgramDefault(Setting::kReproducible, wanted));
  if (!options.deterministic) return Status::Ok();
  if (options.threads == 0) options.threads = 1;
  const std::string& used = options.config.GetText(Setting::kReproducible);
  if (used == wanted) return Status::Ok();
  const bool is_variable =
      options.config.GetOrigin(Setting::kReproducible) == SettingOrigin::kEnvironment;
  const std::string_view name = is_variable ? spec.environment : spec.flag;
  return Status::InvalidArgument(StrCat(name, " '", used,
                                        "' contradicts --deterministic, which sets ",
                                        "it to tree; remove one of them"));
}

}  // namespace

Status CheckAndComplete(TrainOptions& options, const AlgorithmFlags& algorithm,
                        const WasGiven& was_given) {
  RONDE_RETURN_IF_ERROR(CheckAlgorithmFlags(options, algorithm, was_given));
  RONDE_RETURN_IF_ERROR(CheckOtherFlags(options, was_given));
  RONDE_RETURN_IF_ERROR(CheckStandInFlags(options, was_given));
  RONDE_RETURN_IF_ERROR(CheckCheckpointFlags(options.checkpoint, was_given));
  RONDE_RETURN_IF_ERROR(CheckSwitchEpoch(options, algorithm));
  if (options.device == "cuda" && !BuiltWithCuda()) {
    return Status::Unavailable(
        "--device cuda: this build has no CUDA support; configure it with -DRONDE_CUDA=ON, or use "
        "--device cpu");
  }
  if (options.local_batch_size == 0) options.local_batch_size = options.batch_size;
  RONDE_RETURN_IF_ERROR(CompleteDataDir(options));
  return CompleteReproducible(options);
}

Status CompleteForRanks(TrainOptions& options, int ranks) {
  if (options.workers == 0) options.workers = ranks;
  const int per_rank = options.workers / ranks;
  if (options.workers % ranks != 0) {
    return Status::InvalidArgument(StrCat("--workers: expected a multiple of the ", ranks,
                                          " ranks, got ", options.workers, "; use ",
                                          (per_rank + 1) * ranks, " or another number of ranks"));
  }
  if (options.deterministic && ranks > 1 && !std::has_single_bit(static_cast<unsigned>(per_rank))) {
    return Status::InvalidArgument(StrCat(
        "--deterministic: expected 1, 2, 4, 8, ... workers per rank, got ", per_rank, " (",
        options.workers, " workers on ", ranks, " ranks); change --workers or use one rank"));
  }
  return Status::Ok();
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
