#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// A call that nobody makes, as a user describes it.
struct ExplainQuestion {
  std::string collective = "allreduce";
  std::string size = "1M";  ///< bytes per rank; K, M, G
  int ranks = 2;
  int hosts = 1;  ///< each with the next ranks, as evenly as can be; at most `ranks`
  std::string dtype = "float32";
  std::string op = "sum";
  bool registered = false;  ///< input and output lie in registered memory
};

/// Which algorithm would run, and why.
struct Explanation {
  struct Candidate {
    std::string_view name;
    std::string_view order;   ///< what an element's order of additions depends on
    double predicted_us = 0;  ///< of those that can run
    std::string obstacle;     ///< why it cannot run or may not; "" if it can
    std::string parts;        ///< how it would run, where its name does not say all
  };

  std::string call;
  std::string costs;  ///< where the predictions come from
  std::vector<Candidate> candidates;
  std::string winner;   ///< "" where there is none
  std::string because;  ///< what decided, or why nothing runs
};

/// Asks the same Selector as every rank of a job does, on a group of ranks that are made up as
/// threads of this process, on hosts that are made up too, all like this one. Error:
/// kInvalidArgument for a collective, size, type or setting that makes no sense.
[[nodiscard]] Result<Explanation> Explain(const ExplainQuestion& question, const Config& config);

[[nodiscard]] std::string ExplanationText(const Explanation& explanation);
[[nodiscard]] std::string ExplanationJson(const Explanation& explanation);

}  // namespace ronde
