#include "collectives/selector.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "collectives/allreduce_rules.h"
#include "collectives/device/device_selector.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// Rules for parts are such for hierarchical.
Status CheckReproducible(std::vector<SizeRule> rules, const Config& config) {
  for (SizeRule& rule : rules) {
    if (rule.part != RulePart::kWhole) rule.algorithm = kHierarchicalAlgorithm;
  }
  return CheckReproducibleRules(rules, config, [](std::string_view name) {
    const AllreduceAlgorithm* const algorithm = FindAllreduceAlgorithm(name);
    std::optional<OrderPromise> promise;
    if (algorithm != nullptr) {
      promise = {algorithm->order(kManyRanks), algorithm->OrderDependsOnHosts()};
    }
    return promise;
  });
}

// Compressed, what an element becomes depends on its neighbours and on which host completes it.
Status CheckCompression(const Config& config, ReductionOrder required) {
  const std::string& wire = config.GetText(Setting::kWireCompression);
  if (wire == "none") return Status::Ok();
  const auto contradicts = [&](Setting other, std::string_view why) {
    return Status::InvalidArgument(StrCat(NameInMessages(config, Setting::kWireCompression), " ",
                                          wire, " contradicts ", SpecOf(other).flag, " ",
                                          config.GetText(other), ": ", why));
  };
  if (required > ReductionOrder::kOffsetDependent) {
    return contradicts(Setting::kReproducible,
                       "compressed sums depend on how tensors were fused; use --reproducible off "
                       "or --wire-compression none");
  }
  if (config.GetText(Setting::kHierarchy) == "flat") {
    return contradicts(Setting::kHierarchy, "only hierarchical collectives compress; use auto");
  }
  return Status::Ok();
}

}  // namespace

const AllreduceAlgorithm* FindAllreduceAlgorithm(std::string_view name) {
  return FindByName(AllreduceAlgorithms(), name);
}

Result<std::vector<Selector::Rule>> Selector::NamedRules(const Config& config) {
  RONDE_ASSIGN_OR_RETURN(std::vector<SizeRule> ranges, NamedAllreduceRules(config));
  std::erase_if(ranges, [](const SizeRule& range) { return !ConcernsHostMemory(range); });
  RONDE_RETURN_IF_ERROR(CheckReproducible(ranges, config));
  // With no setting there is nothing to look through at every call.
  std::vector<Rule> rules;
  if (ranges.size() == 1 && ranges.front().text == kAutoRule) return rules;
  for (const SizeRule& range : ranges) {
    rules.push_back({range, FindAllreduceAlgorithm(range.algorithm)});
  }
  return rules;
}

Result<std::vector<Selector::Rule>> Selector::TunedRules(const Tuning* tuning) {
  std::vector<Rule> rules;
  if (tuning == nullptr) return rules;
  for (const TunedRule& tuned : tuning->allreduce) {
    Rule& rule = rules.emplace_back();
    rule.range = {tuned.algorithm, tuned.min_bytes, tuned.max_bytes, ""};
    rule.buffers = tuned.buffers;
    rule.algorithm = FindAllreduceAlgorithm(tuned.algorithm);
    if (rule.algorithm != nullptr) continue;
    return Status::InvalidArgument(
        StrCat(SpecOf(Setting::kTuningFile).flag, ": rule ", rules.size(), " for ", tuning->ranks,
               " ranks names algorithm '", tuned.algorithm,
               "', which this build does not have; it has: ", ListNames(AllreduceAlgorithms())));
  }
  return rules;
}

Result<Selector> Selector::Create(const Config& config, const Tuning* tuning) {
  const ReductionOrder required = RequiredOrder(config);
  RONDE_RETURN_IF_ERROR(CheckCompression(config, required));
  // What it says of device memory is wrong on machines without a device, too.
  RONDE_RETURN_IF_ERROR(DeviceSelector::Create(config, tuning).status());
  RONDE_ASSIGN_OR_RETURN(std::vector<Rule> named, NamedRules(config));
  RONDE_ASSIGN_OR_RETURN(std::vector<Rule> tuned, TunedRules(tuning));
  return Selector(std::move(named), std::move(tuned), required);
}

AllreduceArguments Selector::Judged(const AllreduceArguments& arguments) const {
  AllreduceArguments judged = arguments;
  if (required_ > ReductionOrder::kOffsetDependent) judged.count = kReproducibleCount;
  return judged;
}

bool Selector::Applies(const Rule& rule, CollectiveContext& context,
                       const AllreduceArguments& judged) const {
  return rule.range.Covers(SizeOfCall(judged)) && FitsBuffers(rule.buffers, judged) &&
         rule.algorithm->Reduces(judged.op) && Admits(*rule.algorithm, context) &&
         rule.algorithm->Supports(context, judged);
}

const AllreduceAlgorithm* Selector::Cheapest(CollectiveContext& context,
                                             const AllreduceArguments& judged) const {
  const AllreduceAlgorithm* best = nullptr;
  double best_cost = 0;
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    if (!algorithm->Reduces(judged.op) || !Admits(*algorithm, context)) continue;
    if (!algorithm->Supports(context, judged)) continue;
    const double cost = algorithm->Cost(context, judged);
    if (best == nullptr || cost < best_cost) {
      best = algorithm;
      best_cost = cost;
    }
  }
  return best;
}

const AllreduceAlgorithm* Selector::Meaning(const Rule& rule, CollectiveContext& context) {
  const bool whole = rule.range.part == RulePart::kWhole || context.communicator().single_host();
  return whole ? rule.algorithm : FindAllreduceAlgorithm(kHierarchicalAlgorithm);
}

std::string Selector::Lacks(const AllreduceAlgorithm& algorithm, CollectiveContext& context,
                            const AllreduceArguments& arguments) const {
  if (algorithm.Supports(context, arguments) && !Admits(algorithm, context)) {
    return StrCat("an order of additions that ", SpecOf(Setting::kReproducible).flag, " admits");
  }
  return std::string(algorithm.Needs());
}

Result<Selector::Decision> Selector::DecideByHierarchy(CollectiveContext& context,
                                                       const AllreduceArguments& arguments) const {
  if (!AsksForHierarchy(context)) return Decision{};
  const AllreduceAlgorithm* const algorithm = FindAllreduceAlgorithm(kHierarchicalAlgorithm);
  if (!algorithm->Reduces(arguments.op)) return Decision{};
  const bool possible = algorithm->Supports(context, arguments) && Admits(*algorithm, context);
  if (possible) return Decision{algorithm, Decision::By::kHierarchy, -1};
  if (context.is_process_set()) return Decision{};
  Communicator& world = context.communicator();
  const std::string_view form = context.hierarchy() == Hierarchy::kLeader ? "leader" : "rails";
  return Status::Unavailable(StrCat(SpecOf(Setting::kHierarchy).flag, " ", form, " cannot run ",
                                    DescribeCall(arguments), " on ", world.size(), " ranks on ",
                                    world.host_count(), " hosts: it needs ",
                                    Lacks(*algorithm, context, arguments), "; use auto"));
}

Result<Selector::Decision> Selector::Decide(CollectiveContext& context,
                                            const AllreduceArguments& arguments) const {
  for (std::size_t i = 0; i < named_.size(); ++i) {
    const Rule& rule = named_[i];
    if (!rule.range.Covers(SizeOfCall(arguments))) continue;
    if (rule.range.part == RulePart::kNet && context.communicator().single_host()) continue;
    const AllreduceAlgorithm* const algorithm = Meaning(rule, context);
    if (algorithm == nullptr) break;  // as with auto
    if (!algorithm->Reduces(arguments.op)) continue;
    if (algorithm->Supports(context, arguments) && Admits(*algorithm, context)) {
      return Decision{algorithm, Decision::By::kSetting, static_cast<int>(i)};
    }
    if (context.is_process_set()) continue;
    return Status::Unavailable(
        StrCat(SpecOf(Setting::kAllreduceAlgorithm).flag, " '", rule.range.text, "' cannot run ",
               DescribeCall(arguments), " on ", context.size(), " ranks on ",
               context.communicator().host_count(),
               context.communicator().single_host() ? " host" : " hosts", " over the ",
               context.transport().name(), " transport: it needs ",
               Lacks(*algorithm, context, arguments), "; use auto"));
  }
  RONDE_ASSIGN_OR_RETURN(const Decision by_hierarchy, DecideByHierarchy(context, arguments));
  if (by_hierarchy.algorithm != nullptr) return by_hierarchy;
  const AllreduceArguments judged = Judged(arguments);
  for (std::size_t i = 0; i < tuned_.size(); ++i) {
    if (!Applies(tuned_[i], context, judged)) continue;
    return Decision{tuned_[i].algorithm, Decision::By::kTuningFile, static_cast<int>(i)};
  }
  const AllreduceAlgorithm* const best = Cheapest(context, judged);
  if (best == nullptr)
    return Status::Unavailable("no algorithm supports " + DescribeCall(arguments));
  return Decision{best, Decision::By::kCost, -1};
}

bool Selector::Remembers(const CollectiveContext& context,
                         const AllreduceArguments& arguments) const {
  const AllreduceArguments& last = last_.arguments;
  return last_.context == &context && last_.context_number == context.number() &&
         last.count == arguments.count && last.dtype == arguments.dtype &&
         last.op == arguments.op && last.input_place == arguments.input_place &&
         last.output_place == arguments.output_place && last.prescale == arguments.prescale &&
         last.postscale == arguments.postscale && arguments.pieces.empty();
}

Result<const AllreduceAlgorithm*> Selector::Choose(CollectiveContext& context,
                                                   const AllreduceArguments& arguments) const {
  if (Remembers(context, arguments)) return last_.algorithm;
  RONDE_ASSIGN_OR_RETURN(const Decision decision, Decide(context, arguments));
  if (arguments.pieces.empty()) last_ = {&context, context.number(), arguments, decision.algorithm};
  return decision.algorithm;
}

std::string Selector::Explain(const Decision& decision) const {
  switch (decision.by) {
    case Decision::By::kSetting:
      return StrCat(SpecOf(Setting::kAllreduceAlgorithm).flag, " '",
                    named_[static_cast<std::size_t>(decision.rule)].range.text, "'");
    case Decision::By::kHierarchy:
      return std::string(SpecOf(Setting::kHierarchy).flag);
    case Decision::By::kTuningFile:
      return StrCat("rule ", decision.rule + 1, " of ", SpecOf(Setting::kTuningFile).flag);
    case Decision::By::kCost:
      break;
  }
  return "least predicted cost";
}

}  // namespace ronde
