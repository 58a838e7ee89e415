#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collectives/allreduce/algorithm.h"
#include "collectives/collective_context.h"
#include "collectives/size_rules.h"
#include "collectives/tuning_file.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde {

/// Chooses the algorithm of an allreduce: the one that a rule of --allreduce-algorithm names for
/// its size, else hierarchical where --hierarchy names a form of it and there are several hosts,
/// else that of a rule of the tuning file, else the least Cost among those that support the call.
/// Rules for parts (local=, net=) name hierarchical where there are several hosts; on one, what
/// local= names is the algorithm and net= says nothing. Names that only device memory knows
/// (DeviceSelector) say nothing either. --reproducible admits only those with a
/// strict enough ReductionOrder (on: kFixed, tree: kTree), and makes it one for all sizes. A pure
/// function of what is equal on all ranks. Thread rule: engine-only, because it remembers the last
/// choice.
class Selector {
 public:
  /// Without a tuning file.
  [[nodiscard]] static Result<Selector> Create(const Config& config) {
    return Create(config, nullptr);
  }
  /// `tuning`: the context's, or null. Errors: kInvalidArgument for a malformed rule, for a name
  /// that no table has, for rules under --reproducible that do not give all sizes to one
  /// algorithm, and for one that --reproducible rules out for any number of ranks, so that a job
  /// does not begin to fail when it grows; for --wire-compression together with --reproducible or
  /// --hierarchy flat.
  [[nodiscard]] static Result<Selector> Create(const Config& config, const Tuning* tuning);

  /// A choice and what has made it.
  struct Decision {
    enum class By { kSetting, kHierarchy, kTuningFile, kCost };
    const AllreduceAlgorithm* algorithm = nullptr;
    By by = By::kCost;
    int rule = -1;  ///< which rule of the setting or of the file, from 0
  };
  /// The algorithm is never null on success. Error: kUnavailable when the setting names one that
  /// does not support the call (a choice by name never falls back silently), or when none does;
  /// rules say nothing of operators that their algorithm does not know (adasum has its own). A
  /// rule of the tuning file, which nobody chose by name, gives way to the next instead, and in a
  /// process set, which may have other hosts than the job that a name was chosen for, so does one
  /// of the setting.
  [[nodiscard]] Result<Decision> Decide(CollectiveContext& context,
                                        const AllreduceArguments& arguments) const;
  /// Decide(...).algorithm; next to nothing where the last call was alike, which for tiny messages
  /// is a good part of their time.
  [[nodiscard]] Result<const AllreduceAlgorithm*> Choose(CollectiveContext& context,
                                                         const AllreduceArguments& arguments) const;

  /// To be called when the context's costs or chunks have changed: what was chosen may be wrong
  /// now.
  void Forget() { last_ = {}; }

  /// Whether --reproducible lets `algorithm` take part here.
  [[nodiscard]] bool Admits(const AllreduceAlgorithm& algorithm, CollectiveContext& context) const {
    return required_ == ReductionOrder::kOffsetDependent || algorithm.OrderIn(context) >= required_;
  }
  /// What algorithms are judged for: the call itself, or under --reproducible one in its place.
  [[nodiscard]] AllreduceArguments Judged(const AllreduceArguments& arguments) const;
  /// "--allreduce-algorithm 'ring:1M-'", ...: the decision's cause, for people.
  [[nodiscard]] std::string Explain(const Decision& decision) const;

 private:
  struct Rule {
    SizeRule range;                                 // and what it speaks of
    const AllreduceAlgorithm* algorithm = nullptr;  // null: auto, and what only net= knows
    TunedRule::Buffers buffers = TunedRule::Buffers::kAny;
  };

  Selector(std::vector<Rule> named, std::vector<Rule> tuned, ReductionOrder required)
      : named_(std::move(named)), tuned_(std::move(tuned)), required_(required) {}

  /// What a named rule means on these hosts; null: auto.
  [[nodiscard]] static const AllreduceAlgorithm* Meaning(const Rule& rule,
                                                         CollectiveContext& context);
  /// What `algorithm` would need to run the call.
  [[nodiscard]] std::string Lacks(const AllreduceAlgorithm& algorithm, CollectiveContext& context,
                                  const AllreduceArguments& arguments) const;
  /// No algorithm where --hierarchy leaves the choice open.
  [[nodiscard]] Result<Decision> DecideByHierarchy(CollectiveContext& context,
                                                   const AllreduceArguments& arguments) const;
  static Result<std::vector<Rule>> NamedRules(const Config& config);
  static Result<std::vector<Rule>> TunedRules(const Tuning* tuning);
  [[nodiscard]] bool Applies(const Rule& rule, CollectiveContext& context,
                             const AllreduceArguments& judged) const;
  [[nodiscard]] const AllreduceAlgorithm* Cheapest(CollectiveContext& context,
                                                   const AllreduceArguments& judged) const;

  // All that a choice depends on, for one context.
  struct Memo {
    const CollectiveContext* context = nullptr;
    std::uint64_t context_number = 0;
    AllreduceArguments arguments;
    const AllreduceAlgorithm* algorithm = nullptr;
  };
  [[nodiscard]] bool Remembers(const CollectiveContext& context,
                               const AllreduceArguments& arguments) const;

  std::vector<Rule> named_;
  std::vector<Rule> tuned_;
  ReductionOrder required_;
  mutable Memo last_;
};

/// The registered algorithm of this name, or null.
[[nodiscard]] const AllreduceAlgorithm* FindAllreduceAlgorithm(std::string_view name);

}  // namespace ronde
