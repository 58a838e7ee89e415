#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collectives/allreduce/algorithm.h"
#include "collectives/device/algorithm.h"
#include "collectives/size_rules.h"
#include "collectives/tuning_file.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde {

/// Chooses the algorithm of an allreduce of device memory: the one that a rule of
/// --allreduce-algorithm names for its size, else hierarchical where --hierarchy names a form of it
/// and there are several hosts, else that of a rule of the tuning file, else the least Cost among
/// those that support the call, else none: then the caller stages the tensor through host memory.
/// Rules that name algorithms of host memory, and those for parts (local=, net=), say nothing here.
/// --reproducible admits only those with a strict enough ReductionOrder, and makes it one for all
/// sizes. A pure function of what is equal on all ranks. Thread rule: immutable.
class DeviceSelector {
 public:
  /// `tuning`: the context's, or null. Errors: kInvalidArgument for a malformed rule and for a name
  /// that neither this nor the table of host algorithms has; under --reproducible, for rules that
  /// do not give all sizes to one algorithm, and for one that it rules out.
  [[nodiscard]] static Result<DeviceSelector> Create(const Config& config, const Tuning* tuning);

  /// A choice and what has made it.
  struct Decision {
    enum class By { kSetting, kHierarchy, kTuningFile, kCost };
    const DeviceAllreduceAlgorithm* algorithm = nullptr;  ///< null: stage through host memory
    By by = By::kCost;
    int rule = -1;  ///< which rule of the setting or of the file, of those that speak of devices
  };
  /// Error: kUnavailable when the setting names one that does not support the call: a choice by
  /// name never falls back silently, except in a process set.
  [[nodiscard]] Result<Decision> Decide(DeviceContext& context,
                                        const AllreduceArguments& arguments) const;
  /// "--allreduce-algorithm 'nccl:1M-'", ...: the decision's cause, for people.
  [[nodiscard]] std::string Explain(const Decision& decision) const;

  /// Whether --reproducible lets `algorithm` take part here.
  [[nodiscard]] bool Admits(const DeviceAllreduceAlgorithm& algorithm,
                            DeviceContext& context) const {
    return required_ == ReductionOrder::kOffsetDependent || algorithm.OrderIn(context) >= required_;
  }

 private:
  struct Rule {
    SizeRule range;
    const DeviceAllreduceAlgorithm* algorithm = nullptr;  // null: auto
    TunedRule::Buffers buffers = TunedRule::Buffers::kAny;
  };

  DeviceSelector(std::vector<Rule> named, std::vector<Rule> tuned, ReductionOrder required)
      : named_(std::move(named)), tuned_(std::move(tuned)), required_(required) {}

  static Result<std::vector<Rule>> NamedRules(const Config& config);
  static Result<std::vector<Rule>> TunedRules(const Tuning* tuning);
  [[nodiscard]] bool CanRun(const DeviceAllreduceAlgorithm& algorithm, DeviceContext& context,
                            const AllreduceArguments& arguments) const;
  /// `who`: what named it.
  [[nodiscard]] Status CannotRun(const std::string& who, const DeviceAllreduceAlgorithm& algorithm,
                                 DeviceContext& context, const AllreduceArguments& arguments) const;
  /// Nothing where --hierarchy leaves the choice open.
  [[nodiscard]] std::optional<Decision> DecideByHierarchy(
      DeviceContext& context, const AllreduceArguments& arguments) const;
  /// Null where none supports the call.
  [[nodiscard]] const DeviceAllreduceAlgorithm* Cheapest(DeviceContext& context,
                                                         const AllreduceArguments& judged) const;

  std::vector<Rule> named_;
  std::vector<Rule> tuned_;
  ReductionOrder required_;
};

}  // namespace ronde
