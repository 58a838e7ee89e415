#include "frontends/resnet/checkpoint/trajectory.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/base/strcat.h"

namespace ronde {
namespace {

// The shortest text that reads back as the same number.
std::string Text(double number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), number).ptr;
  return {buffer, end};
}

std::string Text(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += StrCat(text.empty() ? "" : ",", number);
  return text;
}

const std::string* Find(const Trajectory& trajectory, std::string_view flag) {
  const auto found = std::find_if(trajectory.begin(), trajectory.end(),
                                  [flag](const auto& entry) { return entry.first == flag; });
  return found == trajectory.end() ? nullptr : &found->second;
}

Status Differs(const std::string& checkpoint, const std::string& name, const std::string* written,
               const std::string* mine) {
  const bool is_flag = name.starts_with("--");
  const auto value = [&](const std::string* text) {
    if (text == nullptr) return StrCat(is_flag ? "no " : "no number of ", name);
    return is_flag ? StrCat(name, " ", *text) : StrCat(*text, " ", name);
  };
  const std::string remedy = is_flag && written != nullptr ? StrCat("give ", name, " ", *written)
                                                           : std::string("use the same data");
  return Status::InvalidArgument(StrCat("--resume: ", checkpoint, " was written with ",
                                        value(written), ", this run has ", value(mine), "; ",
                                        remedy, ", or start anew with another --checkpoint-dir"));
}

}  // namespace

Trajectory TrajectoryOf(const TrainOptions& options, const TrajectoryFacts& facts) {
  // What others take their defaults from comes first: an error names the flag that was given.
  Trajectory trajectory = {{"--batch-size", StrCat(options.batch_size)},
                           {"--algorithm", options.algorithm},
                           {"--workers", StrCat(options.workers)},
                           {"--local-steps", StrCat(options.local_steps)},
                           {"--momentum-at-average", options.momentum_at_average},
                           {"--slow-momentum", Text(options.slow_momentum)},
                           {"--slow-lr", Text(options.slow_lr)},
                           {"--local-learning-rate-scale", Text(options.local_learning_rate_scale)},
                           {"--local-batch-size", StrCat(options.local_batch_size)},
                           {"--bn-at-evaluation", options.bn_at_evaluation},
                           {"--model", options.model},
                           {"--width", StrCat(options.width)},
                           {"--dataset", options.dataset},
                           {"training images", StrCat(facts.training_images)},
                           {"validation images", StrCat(facts.validation_images)},
                           {"--accumulation-steps", StrCat(options.accumulation_steps)},
                           {"--schedule", options.schedule},
                           {"--warmup-epochs", StrCat(options.warmup_epochs)},
                           {"--reference-lr", Text(options.reference_lr)},
                           {"--momentum", Text(options.momentum)},
                           {"--momentum-form", options.momentum_form},
                           {"--weight-decay", Text(options.weight_decay)},
                           {"--weight-decay-bn", options.weight_decay_bn ? "on" : "off"},
                           {"--grad-clip-norm", Text(options.grad_clip_norm)},
                           {"--seed", StrCat(options.seed)},
                           {"--precision", options.precision}};
  if (facts.has_switch) trajectory.emplace_back("--switch-epoch", StrCat(options.switch_epoch));
  if (options.dataset == "imagefolder") {
    trajectory.emplace_back("--image-size", StrCat(options.image_size));
  }
  if (options.schedule == "step") {
    trajectory.emplace_back("--milestones", Text(options.milestones));
  } else {  // the end of the cosine
    trajectory.emplace_back("--epochs", StrCat(options.epochs));
  }
  return trajectory;
}

Status CheckSameTrajectory(const std::string& checkpoint, const Trajectory& written,
                           const Trajectory& mine) {
  for (const auto& [name, value] : written) {
    const std::string* const here = Find(mine, name);
    if (here == nullptr || *here != value) return Differs(checkpoint, name, &value, here);
  }
  for (const auto& [name, value] : mine) {
    if (Find(written, name) == nullptr) return Differs(checkpoint, name, nullptr, &value);
  }
  return Status::Ok();
}

}  // namespace ronde
