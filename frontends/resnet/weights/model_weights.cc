#include "frontends/resnet/weights/model_weights.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/resnet/weights/input_file.h"
#include "frontends/resnet/weights/output_file.h"
#include "frontends/resnet/weights/printable.h"
#include "frontends/resnet/weights/safetensors.h"
#include "frontends/resnet/weights/state_dict.h"

namespace ronde {
namespace {

constexpr std::size_t kShown = 3;

NamedTensors StateOf(const torch::nn::Module& module) {
  NamedTensors state = NamedParameters(module);
  for (auto& buffer : NamedBuffers(module)) state.push_back(std::move(buffer));
  return state;
}

// Both lists of differences are of this kind; empty text for none.
std::string FirstOf(std::string_view what, const std::vector<std::string>& items) {
  if (items.empty()) return "";
  std::string text = StrCat(what, " ");
  for (std::size_t i = 0; i < std::min(items.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + items[i];
  }
  if (items.size() > kShown) text += StrCat(" and ", items.size() - kShown, " more");
  return text;
}

struct Differences {
  std::vector<std::string> missing;
  std::vector<std::string> unexpected;
  std::vector<std::string> unequal;  // with expected and got
};

bool MayBeMissing(std::string_view name) { return name.ends_with("num_batches_tracked"); }

std::string ShapeText(const at::Tensor& tensor) { return ToString(tensor.sizes().vec()); }

using Targets = std::map<std::string_view, at::Tensor>;

// A tensor's difference from the model's of that name; empty text for none.
std::string Compare(const std::string& name, const at::Tensor& expected, const at::Tensor& got) {
  if (expected.sizes() != got.sizes()) {
    return StrCat(Printable(name), " of shape ", ShapeText(got), " (expected ", ShapeText(expected),
                  ")");
  }
  if (expected.is_floating_point() == got.is_floating_point()) return "";
  return StrCat(Printable(name), " of dtype ", at::toString(got.scalar_type()), " (expected ",
                at::toString(expected.scalar_type()), ")");
}

Differences FindDifferences(const Targets& targets, const NamedTensors& tensors) {
  Differences differences;
  std::map<std::string_view, bool> given;
  for (const auto& [name, tensor] : tensors) {
    given[name] = true;
    const auto target = targets.find(name);
    if (target == targets.end()) {
      differences.unexpected.push_back(Printable(name));
      continue;
    }
    const std::string difference = Compare(name, target->second, tensor);
    if (!difference.empty()) differences.unequal.push_back(difference);
  }
  for (const auto& [name, tensor] : targets) {
    if (given.count(name) == 0 && !MayBeMissing(name)) {
      differences.missing.push_back(Printable(name));
    }
  }
  return differences;
}

// The commonest difference: the same network for other classes.
Status CheckClasses(const Targets& targets, const NamedTensors& tensors) {
  const auto expected = targets.find("fc.weight");
  const auto got = std::find_if(tensors.begin(), tensors.end(),
                                [](const auto& named) { return named.first == "fc.weight"; });
  if (expected == targets.end() || got == tensors.end()) return Status::Ok();
  const at::Tensor& have = got->second;
  if (have.dim() != 2 || have.size(1) != expected->second.size(1) ||
      have.size(0) == expected->second.size(0)) {
    return Status::Ok();
  }
  return Status::InvalidArgument(StrCat("its classifier has ", have.size(0),
                                        " classes; expected the ", expected->second.size(0),
                                        " of the data set; use weights for as many classes, or ",
                                        "replace fc.weight and fc.bias in the file"));
}

Status CheckFit(const Targets& targets, const NamedTensors& tensors) {
  const Differences differences = FindDifferences(targets, tensors);
  std::string text;
  for (const std::string& part :
       {FirstOf("missing", differences.missing), FirstOf("unexpected", differences.unexpected),
        FirstOf("got", differences.unequal)}) {
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  }
  if (text.empty()) return Status::Ok();
  if (differences.missing.empty() && differences.unexpected.empty()) {
    RONDE_RETURN_IF_ERROR(CheckClasses(targets, tensors));
  }
  const bool is_wrapped =
      !tensors.empty() && std::all_of(tensors.begin(), tensors.end(), [](const auto& named) {
        return named.first.starts_with("module.");
      });
  return Status::InvalidArgument(StrCat(
      "it does not fit the model: ", text,
      is_wrapped ? "; save model.module.state_dict(), without the wrapper's prefix"
                 : "; use the --model, --width and images' channels that it was saved from"));
}

}  // namespace

Status SaveWeights(const torch::nn::Module& module, const std::string& path) {
  return ReplaceFile(path, [&](const std::string& unfinished) {
    if (!path.ends_with(".safetensors")) return WriteStateDict(StateOf(module), unfinished);
    return WriteSafetensors({StateOf(module), {{"format", "pt"}}}, unfinished);
  });
}

Result<NamedTensors> ReadWeights(const std::string& path) {
  // A zip archive starts with "PK", a safetensors header with its length and a brace.
  std::array<char, 9> start = {};
  {
    RONDE_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
    const auto size_bytes = std::min<std::uint64_t>(file.size_bytes(), start.size());
    RONDE_RETURN_IF_ERROR(file.ReadAt(0, start.data(), size_bytes));
  }
  if (std::string_view(start.data(), 4) == "PK\x03\x04") return ReadStateDict(path);
  if (start[8] == '{' || path.ends_with(".safetensors")) {
    RONDE_ASSIGN_OR_RETURN(TensorFile file, ReadSafetensors(path));
    return std::move(file.tensors);
  }
  return Status::InvalidArgument(
      StrCat(path, ": neither a safetensors file nor a zip archive of torch.save; files of torch ",
             "before 1.6 must be loaded and saved anew"));
}

Status LoadWeights(torch::nn::Module& module, const NamedTensors& tensors) {
  Targets targets;
  const NamedTensors state = StateOf(module);
  for (const auto& [name, tensor] : state) targets.emplace(name, tensor);
  RONDE_RETURN_IF_ERROR(CheckFit(targets, tensors));
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors) targets.at(name).copy_(tensor);
  return Status::Ok();
}

}  // namespace ronde
