#include "bench/collectives/gradient_sizes.h"

#include <array>
#include <fstream>

#include "core/base/config.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// He et al., CVPR 2016, table 1, as torchvision builds them.
struct ResNet {
  std::string_view name;
  std::array<int, 4> blocks;  // of each stage
  bool bottleneck;
};
constexpr std::array kResNets = {
    ResNet{"resnet18", {2, 2, 2, 2}, false},  ResNet{"resnet34", {3, 4, 6, 3}, false},
    ResNet{"resnet50", {3, 4, 6, 3}, true},   ResNet{"resnet101", {3, 4, 23, 3}, true},
    ResNet{"resnet152", {3, 8, 36, 3}, true},
};

class ParameterList {
 public:
  std::vector<std::int64_t> counts;

  // A convolution without bias, and the weight and bias of its batch norm.
  void Convolution(std::int64_t inputs, std::int64_t outputs, std::int64_t kernel) {
    counts.insert(counts.end(), {inputs * outputs * kernel * kernel, outputs, outputs});
  }
  void Linear(std::int64_t inputs, std::int64_t outputs) {
    counts.insert(counts.end(), {inputs * outputs, outputs});
  }
};

std::vector<std::int64_t> CountsOf(const ResNet& model) {
  constexpr std::int64_t kClasses = 1000;
  const std::int64_t expansion = model.bottleneck ? 4 : 1;
  ParameterList list;
  list.Convolution(3, 64, 7);
  std::int64_t inputs = 64;
  for (std::size_t stage = 0; stage < model.blocks.size(); ++stage) {
    const std::int64_t width = std::int64_t{64} << stage;
    const std::int64_t outputs = width * expansion;
    for (int block = 0; block < model.blocks[stage]; ++block) {
      list.Convolution(inputs, width, model.bottleneck ? 1 : 3);
      list.Convolution(width, width, 3);
      if (model.bottleneck) list.Convolution(width, outputs, 1);
      const bool halves = block == 0 && stage > 0;
      if (halves || inputs != outputs) list.Convolution(inputs, outputs, 1);  // the shortcut
      inputs = outputs;
    }
  }
  list.Linear(inputs, kClasses);
  return list.counts;
}

// "64x256K": 64 tensors of 256 Ki elements. Nothing where it does not have that form.
std::vector<std::int64_t> EqualCounts(const std::string& text) {
  constexpr std::int64_t kMostTensors = 1 << 20;
  const std::size_t cross = text.find('x');
  if (cross == std::string::npos) return {};
  const auto tensors = ParseBytes(text.substr(0, cross));
  const auto elements = ParseBytes(text.substr(cross + 1));
  if (!tensors.ok() || !elements.ok()) return {};
  if (tensors.value() < 1 || tensors.value() > kMostTensors || elements.value() < 1) return {};
  return std::vector<std::int64_t>(static_cast<std::size_t>(tensors.value()), elements.value());
}

Result<std::vector<std::int64_t>> ReadCounts(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::string known;
    for (const std::string_view name : GradientModels()) known += StrCat(name, ", ");
    return Status::InvalidArgument(
        StrCat("--model: '", path, "' is neither a model nor a readable file; use ", known,
               "TENSORSxELEMENTS or a file with the number of elements of each tensor"));
  }
  std::vector<std::int64_t> counts;
  for (std::int64_t count = 0; file >> count && count > 0;) counts.push_back(count);
  if (file.eof() && !counts.empty()) return counts;
  return Status::InvalidArgument(StrCat("--model: '", path, "': expected positive numbers, got ",
                                        counts.size(), " before something else"));
}

}  // namespace

std::span<const std::string_view> GradientModels() {
  static constexpr auto kNames = [] {
    std::array<std::string_view, kResNets.size()> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = kResNets[i].name;
    return names;
  }();
  return kNames;
}

Result<std::vector<std::int64_t>> GradientCounts(const std::string& model_or_file) {
  for (const ResNet& model : kResNets) {
    if (model.name == model_or_file) return CountsOf(model);
  }
  std::vector<std::int64_t> equal = EqualCounts(model_or_file);
  if (!equal.empty()) return equal;
  return ReadCounts(model_or_file);
}

}  // namespace ronde::bench
