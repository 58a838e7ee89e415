#include "frontends/torch/algorithms/training_algorithm.h"

#include "frontends/torch/algorithms/algorithm_table.h"

namespace ronde {

std::string_view Name(Phase phase) { return phase == Phase::kMinibatch ? "minibatch" : "local"; }

const AlgorithmSpec* FindAlgorithm(std::string_view name) {
  for (const AlgorithmSpec* spec : Algorithms()) {
    if (spec->name == name) return spec;
  }
  return nullptr;
}

std::vector<std::string_view> AlgorithmNames() {
  std::vector<std::string_view> names;
  for (const AlgorithmSpec* spec : Algorithms()) names.push_back(spec->name);
  return names;
}

}  // namespace ronde
