#include "collectives/allreduce/hierarchical/parts.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "collectives/allreduce/common.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::array<std::string_view, 3> kLocalNames = {"auto", "push_two_shot", "shared_memory"};
// Those that run in the pipeline, and those of the table that only need messages.
constexpr std::array<std::string_view, 6> kNetNames = {
    "auto", "pairwise", "direct", "ring", "recursive_doubling", "halving_doubling"};

const AllreduceAlgorithm* Registered(std::string_view name) {
  for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
    if (algorithm->name() == name) return algorithm;
  }
  return nullptr;
}

NetPart NetPartOf(const SizeRule* rule) {
  NetPart part;
  const std::string_view name = rule == nullptr ? "auto" : std::string_view(rule->algorithm);
  part.pairwise = name == "pairwise";
  part.direct = name == "direct";
  part.ring = name == "ring";
  if (name.ends_with("doubling")) part.named = Registered(name);
  return part;
}

}  // namespace

LocalPart LocalPartFor(CollectiveContext& context, std::size_t size_bytes) {
  const SizeRule* const rule =
      FindRule(context.part_rules(), RulePart::kLocal, static_cast<std::int64_t>(size_bytes));
  if (rule == nullptr || rule->algorithm == "auto") return LocalPart::kAuto;
  return rule->algorithm == "push_two_shot" ? LocalPart::kPushTwoShot : LocalPart::kSharedMemory;
}

NetPart NetPartFor(CollectiveContext& context, std::size_t size_bytes) {
  return NetPartOf(
      FindRule(context.part_rules(), RulePart::kNet, static_cast<std::int64_t>(size_bytes)));
}

bool PartsFit(CollectiveContext& context, const AllreduceArguments& arguments) {
  const std::size_t size_bytes = SizeBytes(arguments);
  if (NetPartFor(context, size_bytes).pairwise && context.communicator().host_count() != 2) {
    return false;
  }
  if (LocalPartFor(context, size_bytes) != LocalPart::kPushTwoShot) return true;
  const bool registered = arguments.input_place.registered() && arguments.output_place.registered();
  return registered && context.communicator().hosts_are_even();
}

ReductionOrder NetOrder(CollectiveContext& context, bool few_hosts) {
  std::vector<SizeRule> rules;
  for (const SizeRule& rule : context.part_rules()) {
    if (rule.part == RulePart::kNet) rules.push_back(rule);
  }
  ReductionOrder order = ReductionOrder::kTree;
  const std::vector<std::string> reachable = ReachableAlgorithms(rules);
  for (const std::string& name : reachable) {
    // Pairwise and direct give the same bits.
    const bool fixed = name == "pairwise" || name == "direct" || (name == "auto" && few_hosts);
    if (fixed) continue;
    const AllreduceAlgorithm* const named = name == "auto" ? nullptr : Registered(name);
    if (named == nullptr || reachable.size() > 1) return ReductionOrder::kOffsetDependent;
    order = named->order(context.communicator().host_count());
  }
  return order;
}

Status CheckPart(const SizeRule& rule) {
  const bool local = rule.part == RulePart::kLocal;
  const auto names = local ? std::span<const std::string_view>(kLocalNames)
                           : std::span<const std::string_view>(kNetNames);
  std::string accepted;
  for (const std::string_view name : names) {
    if (name == rule.algorithm) return Status::Ok();
    accepted += StrCat(accepted.empty() ? "" : ", ", name);
  }
  return Status::InvalidArgument(StrCat("unknown algorithm '", rule.algorithm, "' in rule '",
                                        rule.text, "'; accepted: ", accepted));
}

}  // namespace ronde
