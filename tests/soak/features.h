#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "frontends/session/session.h"

namespace ronde::soak {

/// What the soak exercises beyond what every Session has; each can be left out to narrow a defect
/// down. The names are those of --without.
struct Features {
  bool sets = true;        ///< process sets are added and removed, and used side by side
  bool joins = true;       ///< ranks that run out of data
  bool gathers = true;     ///< groups of allgathers and of reducescatters
  bool mismatches = true;  ///< one rank asks for something else, and the job goes on
  bool chains = true;      ///< callbacks that submit
  bool registered = true;  ///< buffers in registered memory
  bool repeats = true;     ///< the same schedule again and again, with deviations
};

/// The switch called `name`, or null.
[[nodiscard]] inline bool* FindFeature(Features& features, const std::string& name) {
  const std::pair<const char*, bool*> all[] = {
      {"sets", &features.sets},       {"joins", &features.joins},
      {"gathers", &features.gathers}, {"mismatches", &features.mismatches},
      {"chains", &features.chains},   {"registered", &features.registered},
      {"repeats", &features.repeats},
  };
  for (const auto& [known, flag] : all) {
    if (name == known) return flag;
  }
  return nullptr;
}

}  // namespace ronde::soak
