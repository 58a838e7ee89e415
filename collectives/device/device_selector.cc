#include "collectives/device/device_selector.h"

#include "collectives/allreduce_rules.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

std::optional<OrderPromise> PromiseOf(std::string_view name) {
  const DeviceAllreduceAlgorithm* const algorithm = FindDeviceAllreduceAlgorithm(name);
  if (algorithm == nullptr) return std::nullopt;
  return OrderPromise{algorithm->order(kManyRanks), algorithm->OrderDependsOnHosts()};
}

}  // namespace

const DeviceAllreduceAlgorithm* FindDeviceAllreduceAlgorithm(std::string_view name) {
  return FindByName(DeviceAllreduceAlgorithms(), name);
}

Result<std::vector<DeviceSelector::Rule>> DeviceSelector::NamedRules(const Config& config) {
  RONDE_ASSIGN_OR_RETURN(const std::vector<SizeRule> ranges, NamedAllreduceRules(config));
  std::vector<SizeRule> concerned;
  std::vector<Rule> rules;
  for (const SizeRule& range : ranges) {
    if (!ConcernsDeviceMemory(range)) continue;
    concerned.push_back(range);
    rules.push_back({range, FindDeviceAllreduceAlgorithm(range.algorithm)});
  }
  RONDE_RETURN_IF_ERROR(CheckReproducibleRules(concerned, config, PromiseOf));
  if (rules.size() == 1 && concerned.front().text == kAutoRule) rules.clear();
  return rules;
}

Result<std::vector<DeviceSelector::Rule>> DeviceSelector::TunedRules(const Tuning* tuning) {
  std::vector<Rule> rules;
  if (tuning == nullptr || !tuning->device) return rules;
  for (const TunedRule& tuned : tuning->device->allreduce) {
    const DeviceAllreduceAlgorithm* const algorithm = FindDeviceAllreduceAlgorithm(tuned.algorithm);
    rules.push_back(
        {{tuned.algorithm, tuned.min_bytes, tuned.max_bytes, ""}, algorithm, tuned.buffers});
    if (algorithm != nullptr) continue;
    return Status::InvalidArgument(StrCat(
        SpecOf(Setting::kTuningFile).flag, ": device rule ", rules.size(), " for ", tuning->ranks,
        " ranks names algorithm '", tuned.algorithm,
        "', which this build does not have; it has: ", ListNames(DeviceAllreduceAlgorithms())));
  }
  return rules;
}

Result<DeviceSelector> DeviceSelector::Create(const Config& config, const Tuning* tuning) {
  RONDE_ASSIGN_OR_RETURN(std::vector<Rule> named, NamedRules(config));
  RONDE_ASSIGN_OR_RETURN(std::vector<Rule> tuned, TunedRules(tuning));
  return DeviceSelector(std::move(named), std::move(tuned), RequiredOrder(config));
}

bool DeviceSelector::CanRun(const DeviceAllreduceAlgorithm& algorithm, DeviceContext& context,
                            const AllreduceArguments& arguments) const {
  return algorithm.Reduces(arguments.op) && algorithm.Supports(context, arguments) &&
         Admits(algorithm, context);
}

Status DeviceSelector::CannotRun(const std::string& who, const DeviceAllreduceAlgorithm& algorithm,
                                 DeviceContext& context,
                                 const AllreduceArguments& arguments) const {
  const bool order = algorithm.Supports(context, arguments) && !Admits(algorithm, context);
  Communicator& world = context.group().communicator();
  return Status::Unavailable(StrCat(
      who, " cannot run ", DescribeCall(arguments), " in ", Name(context.facts().kind),
      " device memory on ", world.size(), " ranks on ", world.host_count(),
      world.single_host() ? " host" : " hosts", ": it needs ",
      order ? StrCat("an order of additions that ", SpecOf(Setting::kReproducible).flag, " admits")
            : std::string(algorithm.Needs()),
      "; use auto"));
}

std::optional<DeviceSelector::Decision> DeviceSelector::DecideByHierarchy(
    DeviceContext& context, const AllreduceArguments& arguments) const {
  if (!AsksForHierarchy(context.group())) return std::nullopt;
  const DeviceAllreduceAlgorithm* const algorithm =
      FindDeviceAllreduceAlgorithm(kHierarchicalAlgorithm);
  if (!algorithm->Reduces(arguments.op)) return std::nullopt;
  // Nobody named an algorithm: staged through host memory, the tensor is reduced in that form.
  const bool staged = !CanRun(*algorithm, context, arguments);
  return Decision{staged ? nullptr : algorithm, Decision::By::kHierarchy};
}

const DeviceAllreduceAlgorithm* DeviceSelector::Cheapest(DeviceContext& context,
                                                         const AllreduceArguments& judged) const {
  const DeviceAllreduceAlgorithm* best = nullptr;
  double best_cost = 0;
  const bool flat = context.group().hierarchy() == Hierarchy::kFlat;
  for (const DeviceAllreduceAlgorithm* algorithm : DeviceAllreduceAlgorithms()) {
    if (flat && algorithm->name() == kHierarchicalAlgorithm) continue;
    if (!CanRun(*algorithm, context, judged)) continue;
    const double cost = algorithm->Cost(context, judged);
    if (best == nullptr || cost < best_cost) {
      best = algorithm;
      best_cost = cost;
    }
  }
  return best;
}

Result<DeviceSelector::Decision> DeviceSelector::Decide(DeviceContext& context,
                                                        const AllreduceArguments& arguments) const {
  for (std::size_t i = 0; i < named_.size(); ++i) {
    const Rule& rule = named_[i];
    if (!rule.range.Covers(SizeOfCall(arguments))) continue;
    if (rule.algorithm == nullptr) break;  // auto
    if (!rule.algorithm->Reduces(arguments.op)) continue;
    if (CanRun(*rule.algorithm, context, arguments)) {
      return Decision{rule.algorithm, Decision::By::kSetting, static_cast<int>(i)};
    }
    if (context.group().is_process_set()) continue;
    return CannotRun(StrCat(SpecOf(Setting::kAllreduceAlgorithm).flag, " '", rule.range.text, "'"),
                     *rule.algorithm, context, arguments);
  }
  if (const auto by_hierarchy = DecideByHierarchy(context, arguments)) return *by_hierarchy;
  AllreduceArguments judged = arguments;
  if (required_ > ReductionOrder::kOffsetDependent) judged.count = kReproducibleCount;
  for (std::size_t i = 0; i < tuned_.size(); ++i) {
    const Rule& rule = tuned_[i];
    if (!rule.range.Covers(SizeOfCall(judged)) || !FitsBuffers(rule.buffers, judged)) continue;
    if (!CanRun(*rule.algorithm, context, judged)) continue;
    return Decision{rule.algorithm, Decision::By::kTuningFile, static_cast<int>(i)};
  }
  return Decision{Cheapest(context, judged), Decision::By::kCost, -1};
}

std::string DeviceSelector::Explain(const Decision& decision) const {
  switch (decision.by) {
    case Decision::By::kSetting:
      return StrCat(SpecOf(Setting::kAllreduceAlgorithm).flag, " '",
                    named_[static_cast<std::size_t>(decision.rule)].range.text, "'");
    case Decision::By::kHierarchy:
      return std::string(SpecOf(Setting::kHierarchy).flag);
    case Decision::By::kTuningFile:
      return StrCat("device rule ", decision.rule + 1, " of ", SpecOf(Setting::kTuningFile).flag);
    case Decision::By::kCost:
      break;
  }
  return decision.algorithm != nullptr ? "least predicted cost" : "no device algorithm supports it";
}

}  // namespace ronde
