#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "collectives/cost_model.h"
#include "collectives/tuning_file.h"

namespace ronde::bench {

/// One measured call: how often its model counts each parameter of a link, and what it took.
struct LinkSample {
  double alphas = 0;
  double betas = 0;
  double gammas = 0;
  double time_us = 0;
};

/// The parameters, none below zero, with the least sum of squared relative errors. What the samples
/// do not tell apart (beta and gamma, say) stays near `prior`, as does all of it without samples.
[[nodiscard]] LinkCost FitLink(std::span<const LinkSample> samples, const LinkCost& prior);

/// The size up to which `small` should be used rather than `large`: the cut that loses least over
/// all sizes, so that a few disturbed ones do not matter. Sizes ascend, times belong to them. 0:
/// never; INT64_MAX: always.
[[nodiscard]] std::int64_t CrossoverBytes(std::span<const std::int64_t> sizes,
                                          std::span<const double> small_us,
                                          std::span<const double> large_us);

/// One algorithm's times by size; 0: not measured.
struct Curve {
  std::string algorithm;
  std::vector<double> time_us;
};

/// The fastest algorithm for every size as rules that cover all sizes. An algorithm keeps a size
/// that another wins by less than `margin` (a share): rules should not follow noise.
[[nodiscard]] std::vector<TunedRule> RulesFrom(std::span<const std::int64_t> sizes,
                                               std::span<const Curve> curves,
                                               TunedRule::Buffers buffers, double margin);

}  // namespace ronde::bench
