#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "frontends/resnet/options.h"

namespace ronde {

/// Whether a flag stood on the command line.
using WasGiven = std::function<bool(std::string_view flag)>;

/// The rules between flags: a given flag without a meaning for the algorithm, schedule, model or
/// data set is an error (a default never is), T lies in 0..epochs, milestones ascend. Fills in the
/// defaults that depend on other flags. Errors: kInvalidArgument, one line that names the flag.
[[nodiscard]] Status CheckAndComplete(TrainOptions& options, const AlgorithmFlags& algorithm,
                                      const WasGiven& was_given);

/// Once the number of ranks is known: `workers` is one per rank unless given. Errors:
/// kInvalidArgument where ranks do not divide K, or where --deterministic cannot keep its promise
/// with so many workers per rank.
[[nodiscard]] Status CompleteForRanks(TrainOptions& options, int ranks);

/// "30,60,80" to {30, 60, 80}.
[[nodiscard]] Result<std::vector<int>> ParseMilestones(std::string_view text);

}  // namespace ronde
