#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "collectives/size_rules.h"
#include "collectives/tuning_file.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/base/strcat.h"

// What the Selector of host memory and the DeviceSelector have in common.

namespace ronde {

inline constexpr std::string_view kAutoRule = "auto";
/// What --hierarchy means where it names a form, and rules for parts (local=, net=).
inline constexpr std::string_view kHierarchicalAlgorithm = "hierarchical";

/// The one of this name, or null.
template <class Algorithm>
[[nodiscard]] const Algorithm* FindByName(std::span<const Algorithm* const> algorithms,
                                          std::string_view name) {
  for (const Algorithm* algorithm : algorithms) {
    if (algorithm->name() == name) return algorithm;
  }
  return nullptr;
}
/// "ring, direct, ...".
template <class Algorithm>
[[nodiscard]] std::string ListNames(std::span<const Algorithm* const> algorithms) {
  std::string names;
  for (const Algorithm* algorithm : algorithms) {
    names += StrCat(names.empty() ? "" : ", ", algorithm->name());
  }
  return names;
}

/// Whether --hierarchy names a form of the hierarchical algorithm, and the hosts have one.
[[nodiscard]] bool AsksForHierarchy(CollectiveContext& context);

/// What every call counts as under --reproducible: how many elements a batch holds depends on
/// timing, and algorithms differ in their order of additions, so one of them has to serve all
/// sizes.
inline constexpr std::int64_t kReproducibleCount = std::int64_t{1} << 18;

/// What --reproducible asks for.
[[nodiscard]] ReductionOrder RequiredOrder(const Config& config);

/// What the user called the setting.
[[nodiscard]] std::string_view NameInMessages(const Config& config, Setting setting);

/// The rules of --allreduce-algorithm. Error: kInvalidArgument for a malformed one, and for a name
/// that neither the table of host algorithms nor that of device algorithms has.
[[nodiscard]] Result<std::vector<SizeRule>> NamedAllreduceRules(const Config& config);

/// Which memory a rule speaks of: a name that only one table has says nothing about the other's.
[[nodiscard]] bool ConcernsHostMemory(const SizeRule& rule);
[[nodiscard]] bool ConcernsDeviceMemory(const SizeRule& rule);

/// What an algorithm promises whatever the group.
struct OrderPromise {
  ReductionOrder of_many_ranks = ReductionOrder::kOffsetDependent;
  bool depends_on_hosts = false;  ///< may be stricter: nothing is known before the hosts are
};
/// Under --reproducible `rules`, which concern one kind of memory, must give all sizes to one
/// algorithm of a strict enough order. `promise_of` a name: nothing for "auto". Error:
/// kInvalidArgument.
[[nodiscard]] Status CheckReproducibleRules(
    const std::vector<SizeRule>& rules, const Config& config,
    const std::function<std::optional<OrderPromise>(std::string_view name)>& promise_of);
/// A number of ranks from which on a fixed order and a tree differ.
inline constexpr int kManyRanks = 4;

[[nodiscard]] std::int64_t SizeOfCall(const AllreduceArguments& arguments);
/// "allreduce of 100 float32 elements (sum)".
[[nodiscard]] std::string DescribeCall(const AllreduceArguments& arguments);
[[nodiscard]] bool FitsBuffers(TunedRule::Buffers wanted, const AllreduceArguments& arguments);

}  // namespace ronde
