#include "collectives/selector.h"

#include <cstdint>
#include <string>
#include <utility>

#include "collectives/allreduce/hierarchical/parts.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

using Buffers = TunedRule::Buffers;

// What every call counts as under --reproducible: how many elements a batch holds depends on
// timing, and algorithms differ in their order of additions, so one of them has to serve all sizes.
constexpr std::int64_t kReproducibleCount = std::int64_t{1} << 18;
// A number of ranks from which on a fixed order and a tree differ.
constexpr int kManyRanks = 4;
constexpr std::string_view kAuto = "auto";
constexpr std::string_view kHierarchical = "hierarchical";

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
  std::string names(kAuto);
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    names += StrCat(", ", algorithm->name());
  }
  return names;
}

// What the user called the setting.
std::string_view NameInMessages(const Config& config, Setting setting) {
  return config.GetOrigin(setting) == SettingOrigin::kEnvironment ? SpecOf(setting).environment
                                                                  : SpecOf(setting).flag;
}

std::int64_t SizeOfCall(const AllreduceArguments& arguments) {
  return arguments.count * static_cast<std::int64_t>(SizeOf(arguments.dtype));
}

std::string What(const AllreduceArguments& arguments) {
  return StrCat("allreduce of ", arguments.count, " ", Name(arguments.dtype), " elements (",
                Name(arguments.op), ")");
}

bool Fits(Buffers wanted, const AllreduceArguments& arguments) {
  if (wanted == Buffers::kAny) return true;
  const bool registered = arguments.input_place.registered() && arguments.output_place.registered();
  return registered == (wanted == Buffers::kRegistered);
}

// One algorithm for all sizes, of a strict enough order. Rules for parts are such for hierarchical.
Status CheckReproducible(std::vector<SizeRule> rules, ReductionOrder required,
                         const Config& config) {
  for (SizeRule& rule : rules) {
    if (rule.part != RulePart::kWhole) rule.algorithm = kHierarchical;
  }
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
  const AllreduceAlgorithm* const only = FindAllreduceAlgorithm(reachable.front());
  if (only == nullptr || only->OrderDependsOnHosts()) return Status::Ok();
  if (only->order(kManyRanks) >= required) return Status::Ok();
  return Status::InvalidArgument(
      StrCat(contradiction, ": ", Shortcoming(*only), "; choose another algorithm, or auto"));
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
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    if (algorithm->name() == name) return algorithm;
  }
  return nullptr;
}

Result<std::vector<Selector::Rule>> Selector::NamedRules(const Config& config,
                                                         ReductionOrder required) {
  const std::string_view setting = NameInMessages(config, Setting::kAllreduceAlgorithm);
  Result<std::vector<SizeRule>> parsed =
      ParseSizeRules(config.GetText(Setting::kAllreduceAlgorithm));
  if (!parsed.ok()) {
    return Status::InvalidArgument(StrCat(setting, ": ", parsed.status().message()));
  }
  std::vector<Rule> rules;
  for (const SizeRule& range : parsed.value()) {
    rules.push_back({range, FindAllreduceAlgorithm(range.algorithm)});
    if (range.part != RulePart::kWhole) {
      const Status status = CheckPart(range);
      if (!status.ok()) return Status::InvalidArgument(StrCat(setting, ": ", status.message()));
      continue;
    }
    if (rules.back().algorithm != nullptr || range.algorithm == kAuto) continue;
    return Status::InvalidArgument(StrCat(setting, ": unknown algorithm '", range.algorithm,
                                          "' in rule '", range.text,
                                          "'; accepted: ", AlgorithmNames()));
  }
  if (required > ReductionOrder::kOffsetDependent) {
    RONDE_RETURN_IF_ERROR(CheckReproducible(parsed.value(), required, config));
  }
  // With no setting there is nothing to look through at every call.
  if (rules.size() == 1 && parsed.value().front().text == kAuto) rules.clear();
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
               "', which this build does not have; it has: ", AlgorithmNames()));
  }
  return rules;
}

Result<Selector> Selector::Create(const Config& config, const Tuning* tuning) {
  const ReductionOrder required = RequiredOrder(config);
  RONDE_RETURN_IF_ERROR(CheckCompression(config, required));
  RONDE_ASSIGN_OR_RETURN(std::vector<Rule> named, NamedRules(config, required));
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
  return rule.range.Covers(SizeOfCall(judged)) && Fits(rule.buffers, judged) &&
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
  return whole ? rule.algorithm : FindAllreduceAlgorithm(kHierarchical);
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
  const bool asked =
      context.hierarchy() == Hierarchy::kLeader || context.hierarchy() == Hierarchy::kRails;
  Communicator& world = context.communicator();
  if (!asked || world.single_host() || world.most_ranks_per_host() == 1) return Decision{};
  const AllreduceAlgorithm* const algorithm = FindAllreduceAlgorithm(kHierarchical);
  if (!algorithm->Reduces(arguments.op)) return Decision{};
  const bool possible = algorithm->Supports(context, arguments) && Admits(*algorithm, context);
  if (possible) return Decision{algorithm, Decision::By::kHierarchy, -1};
  if (context.is_process_set()) return Decision{};
  const std::string_view form = context.hierarchy() == Hierarchy::kLeader ? "leader" : "rails";
  return Status::Unavailable(StrCat(SpecOf(Setting::kHierarchy).flag, " ", form, " cannot run ",
                                    What(arguments), " on ", world.size(), " ranks on ",
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
    return Status::Unavailable(StrCat(
        SpecOf(Setting::kAllreduceAlgorithm).flag, " '", rule.range.text, "' cannot run ",
        What(arguments), " on ", context.size(), " ranks on ", context.communicator().host_count(),
        context.communicator().single_host() ? " host" : " hosts", " over the ",
        context.transport().name(), " transport: it needs ", Lacks(*algorithm, context, arguments),
        "; use auto"));
  }
  RONDE_ASSIGN_OR_RETURN(const Decision by_hierarchy, DecideByHierarchy(context, arguments));
  if (by_hierarchy.algorithm != nullptr) return by_hierarchy;
  const AllreduceArguments judged = Judged(arguments);
  for (std::size_t i = 0; i < tuned_.size(); ++i) {
    if (!Applies(tuned_[i], context, judged)) continue;
    return Decision{tuned_[i].algorithm, Decision::By::kTuningFile, static_cast<int>(i)};
  }
  const AllreduceAlgorithm* const best = Cheapest(context, judged);
  if (best == nullptr) return Status::Unavailable("no algorithm supports " + What(arguments));
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
