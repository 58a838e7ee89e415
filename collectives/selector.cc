#include "collectives/selector.h"

#include <cstdint>
#include <string>

#include "core/base/strcat.h"

namespace ronde {
namespace {

// What every call counts as under --reproducible: how many elements a batch holds depends on
// timing, and algorithms differ in their order of additions, so one of them has to serve all sizes.
constexpr std::int64_t kReproducibleCount = std::int64_t{1} << 18;

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
  const bool reproducible = config.GetSwitch(Setting::kReproducible);
  if (name == "auto") return Selector(nullptr, reproducible);

  const AllreduceAlgorithm* const named = FindAllreduceAlgorithm(name);
  const SettingSpec& spec = SpecOf(Setting::kAllreduceAlgorithm);
  const bool from_environment =
      config.GetOrigin(Setting::kAllreduceAlgorithm) == SettingOrigin::kEnvironment;
  const std::string_view setting = from_environment ? spec.environment : spec.flag;
  if (named == nullptr) {
    return Status::InvalidArgument(
        StrCat(setting, ": unknown algorithm '", name, "'; accepted: ", AlgorithmNames()));
  }
  if (reproducible && named->order_depends_on_offset()) {
    return Status::InvalidArgument(
        StrCat(setting, " '", name, "' contradicts ", SpecOf(Setting::kReproducible).flag,
               ": its order of additions depends on how tensors were fused; choose another "
               "algorithm or switch that off"));
  }
  return Selector(named, reproducible);
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
  if (reproducible_) judged.count = kReproducibleCount;
  const AllreduceAlgorithm* best = nullptr;
  double best_cost = 0;
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    if (reproducible_ && algorithm->order_depends_on_offset()) continue;
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
