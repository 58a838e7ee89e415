#pragma once

#include <cstdint>
#include <string>

#include "tests/soak/features.h"

namespace ronde::soak {

/// What to run, and for how long.
struct SoakOptions {
  std::uint64_t seed = 0;
  double seconds = 15;
  int ranks = 0;  ///< in process; 0: another number, 2 to 8, in each episode
  int first_episode = 0;
  int episodes = 1 << 30;  ///< at most
  double patience_s = 60;  ///< without any progress: a hang
  Features features;
};

/// What has been done.
struct SoakCounts {
  std::uint64_t episodes = 0;
  std::uint64_t operations = 0;
  std::uint64_t lists = 0;   ///< of agreed operations, on one rank
  std::uint64_t locked = 0;  ///< of those, without negotiation
};

/// How to repeat an episode: "--seed 17 --episode 3".
[[nodiscard]] std::string ToText(const SoakOptions& options, int episode);

/// Episodes one after another, each a world of threads with settings and hosts of its own, until
/// the time is over. False after the first failure, which it prints.
bool SoakInProcess(const SoakOptions& options, SoakCounts* counts);

/// The same for this process, one rank of a launched job: each episode is a session over MPI.
bool SoakLaunched(const SoakOptions& options, SoakCounts* counts);

}  // namespace ronde::soak
