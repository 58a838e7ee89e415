#include "collectives/allreduce_rules.h"

#include "collectives/allreduce/hierarchical/parts.h"
#include "collectives/device/algorithm.h"
#include "collectives/selector.h"

namespace ronde {
namespace {

std::string KnownNames() {
  std::string names = StrCat(kAutoRule, ", ", ListNames(AllreduceAlgorithms()));
  for (const DeviceAllreduceAlgorithm* algorithm : DeviceAllreduceAlgorithms()) {
    if (FindAllreduceAlgorithm(algorithm->name()) != nullptr) continue;
    names += StrCat(", ", algorithm->name());
  }
  return names;
}

// Why an algorithm does not give the order that is required of it.
std::string_view Shortcoming(const OrderPromise& promise) {
  return promise.of_many_ranks == ReductionOrder::kOffsetDependent
             ? "its order of additions depends on how tensors were fused"
             : "its order of additions is not a binary tree over ranks";
}

}  // namespace

bool AsksForHierarchy(CollectiveContext& context) {
  const Hierarchy form = context.hierarchy();
  const bool named = form == Hierarchy::kLeader || form == Hierarchy::kRails;
  const Communicator& world = context.communicator();
  return named && !world.single_host() && world.most_ranks_per_host() > 1;
}

ReductionOrder RequiredOrder(const Config& config) {
  if (!config.GetSwitch(Setting::kReproducible)) return ReductionOrder::kOffsetDependent;
  return config.GetText(Setting::kReproducible) == "tree" ? ReductionOrder::kTree
                                                          : ReductionOrder::kFixed;
}

std::string_view NameInMessages(const Config& config, Setting setting) {
  return config.GetOrigin(setting) == SettingOrigin::kEnvironment ? SpecOf(setting).environment
                                                                  : SpecOf(setting).flag;
}

Result<std::vector<SizeRule>> NamedAllreduceRules(const Config& config) {
  const std::string_view setting = NameInMessages(config, Setting::kAllreduceAlgorithm);
  Result<std::vector<SizeRule>> parsed =
      ParseSizeRules(config.GetText(Setting::kAllreduceAlgorithm));
  if (!parsed.ok()) {
    return Status::InvalidArgument(StrCat(setting, ": ", parsed.status().message()));
  }
  for (const SizeRule& rule : parsed.value()) {
    if (rule.part != RulePart::kWhole) {
      const Status status = CheckPart(rule);
      if (!status.ok()) return Status::InvalidArgument(StrCat(setting, ": ", status.message()));
      continue;
    }
    if (ConcernsHostMemory(rule) || ConcernsDeviceMemory(rule)) continue;
    return Status::InvalidArgument(StrCat(setting, ": unknown algorithm '", rule.algorithm,
                                          "' in rule '", rule.text, "'; accepted: ", KnownNames()));
  }
  return parsed;
}

bool ConcernsHostMemory(const SizeRule& rule) {
  return rule.part != RulePart::kWhole || rule.algorithm == kAutoRule ||
         FindAllreduceAlgorithm(rule.algorithm) != nullptr;
}

bool ConcernsDeviceMemory(const SizeRule& rule) {
  return rule.part == RulePart::kWhole &&
         (rule.algorithm == kAutoRule || FindDeviceAllreduceAlgorithm(rule.algorithm) != nullptr);
}

Status CheckReproducibleRules(
    const std::vector<SizeRule>& rules, const Config& config,
    const std::function<std::optional<OrderPromise>(std::string_view name)>& promise_of) {
  const ReductionOrder required = RequiredOrder(config);
  if (required == ReductionOrder::kOffsetDependent) return Status::Ok();
  const std::string contradiction =
      StrCat(NameInMessages(config, Setting::kAllreduceAlgorithm), " '",
             config.GetText(Setting::kAllreduceAlgorithm), "' contradicts ",
             SpecOf(Setting::kReproducible).flag, " ", config.GetText(Setting::kReproducible));
  const std::vector<std::string> reachable = ReachableAlgorithms(rules);
  if (reachable.size() > 1) {
    return Status::InvalidArgument(
        StrCat(contradiction, ": it gives some sizes to ", reachable[0], " and others to ",
               reachable[1], ", whose bits may differ, and the size of a batch depends on timing; ",
               "name one algorithm for all sizes, or auto"));
  }
  const std::optional<OrderPromise> only = promise_of(reachable.front());
  if (!only || only->depends_on_hosts || only->of_many_ranks >= required) return Status::Ok();
  return Status::InvalidArgument(
      StrCat(contradiction, ": ", Shortcoming(*only), "; choose another algorithm, or auto"));
}

std::int64_t SizeOfCall(const AllreduceArguments& arguments) {
  return arguments.count * static_cast<std::int64_t>(SizeOf(arguments.dtype));
}

std::string DescribeCall(const AllreduceArguments& arguments) {
  return StrCat("allreduce of ", arguments.count, " ", Name(arguments.dtype), " elements (",
                Name(arguments.op), ")");
}

bool FitsBuffers(TunedRule::Buffers wanted, const AllreduceArguments& arguments) {
  if (wanted == TunedRule::Buffers::kAny) return true;
  const bool registered = arguments.input_place.registered() && arguments.output_place.registered();
  return registered == (wanted == TunedRule::Buffers::kRegistered);
}

}  // namespace ronde
