#include "collectives/selector.h"

#include <cstdint>
#include <string>

#include "core/base/strcat.h"

namespace ronde {
namespace {

// What every call counts as under --reproducible: how many elements a batch holds depends on
// timing, and algorithms differ in their order of additions, so one of them has to serve all sizes.
constexpr std::int64_t kReproducibleCount = std::int64_t{1} << 18;
// A number of ranks from which on a fixed order and a tree differ.
constexpr int kManyRanks = 4;

ReductionOrder RequiredOrder(const Config& config) {
  if (!config.GetSwitch(Setting::kReproducible)) return ReductionOrder::kOffsetDependent;
  return config.GetText(Setting::kReproducible) == "tree" ? ReductionOrder::kTree
                                                          : ReductionOrder::kFixed;
}

// Why `algorithm` does not give the order that is required of it.
std::string_view Shortcoming(const AllreduceAlgorithm& algorithm) {
  return algorithm.order(kManyRanks) == ReductionOrder::kOffsetDependent
             ? "its order of additions depends on how tensors were fused"
             : "its order of additions is not a binary tree over ranks";
}

std::string AlgorithmNames() {
  std::string names = "auto";
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    names += StrCat(", ", algorithm->name());
  }
  return names;
}

std::string What(const AllreduceArguments& arguments) {
  return StrCat("allreduce of ", arguments.count, " ", Name(arguments.dtype), " elements (",
                Name(arguments.op), ")");
}

}  // namespace

const AllreduceAlgorithm* FindAllreduceAlgorithm(std::string_view name) {
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    if (algorithm->name() == name) return algorithm;
  }
  return nullptr;
}

Result<Selector> Selector::Create(const Config& config) {
  const std::string& name = config.GetText(Setting::kAllreduceAlgorithm);
  const ReductionOrder required = RequiredOrder(config);
  if (name == "auto") return Selector(nullptr, required);

  const AllreduceAlgorithm* const named = FindAllreduceAlgorithm(name);
  const SettingSpec& spec = SpecOf(Setting::kAllreduceAlgorithm);
  const bool from_environment =
      config.GetOrigin(Setting::kAllreduceAlgorithm) == SettingOrigin::kEnvironment;
  const std::string_view setting = from_environment ? spec.environment : spec.flag;
  if (named == nullptr) {
    return Status::InvalidArgument(
        StrCat(setting, ": unknown algorithm '", name, "'; accepted: ", AlgorithmNames()));
  }
  if (named->order(kManyRanks) < required) {
    return Status::InvalidArgument(
        StrCat(setting, " '", name, "' contradicts ", SpecOf(Setting::kReproducible).flag, " ",
               config.GetText(Setting::kReproducible), ": ", Shortcoming(*named),
               "; choose another algorithm, or auto"));
  }
  return Selector(named, required);
}

Result<const AllreduceAlgorithm*> Selector::Choose(CollectiveContext& context,
                                                   const AllreduceArguments& arguments) const {
  if (named_ != nullptr) {
    if (named_->Supports(context, arguments)) return named_;
    return Status::Unavailable(StrCat(SpecOf(Setting::kAllreduceAlgorithm).flag, " '",
                                      named_->name(), "' cannot run ", What(arguments), " on ",
                                      context.size(), " ranks over the ",
                                      context.transport().name(), " transport; use auto"));
  }
  AllreduceArguments judged = arguments;
  if (required_ > ReductionOrder::kOffsetDependent) judged.count = kReproducibleCount;
  const AllreduceAlgorithm* best = nullptr;
  double best_cost = 0;
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    if (algorithm->order(context.size()) < required_) continue;
    if (!algorithm->Supports(context, judged)) continue;
    const double cost = algorithm->Cost(context, judged);
    if (best == nullptr || cost < best_cost) {
      best = algorithm;
      best_cost = cost;
    }
  }
  if (best == nullptr) return Status::Unavailable("no algorithm supports " + What(arguments));
  return best;
}

}  // namespace ronde
