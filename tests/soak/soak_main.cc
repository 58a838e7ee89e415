// Random operations in random orders, in worlds with random settings, every result checked: in
// process, with ranks as threads, or under a launcher (--launched). All randomness comes from the
// seed, which is printed at the start and with every failure.

#include <cstdio>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/config_environment.h"
#include "tests/soak/episode.h"

int main(int argc, char** argv) {
  ronde::soak::SoakOptions options;
  bool launched = false;
  std::vector<std::string> without;
  CLI::App app("random operations in random orders, every result checked");
  app.add_option("--seed", options.seed, "what all randomness comes from");
  app.add_option("--seconds", options.seconds, "no new world is begun after this time");
  app.add_option("--ranks", options.ranks, "in process; 0: 2 to 8, another number in each world");
  app.add_option("--episode", options.first_episode, "the first world");
  app.add_option("--episodes", options.episodes, "at most so many worlds");
  app.add_option("--patience-s", options.patience_s, "after which no progress is a hang");
  app.add_option("--without", without, "leave out sets, joins, gathers, mismatches, chains, ...");
  app.add_flag("--launched", launched, "as one rank of a job over MPI");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& name : without) {
    bool* const feature = ronde::soak::FindFeature(options.features, name);
    if (feature == nullptr) {
      std::fprintf(stderr, "soak: --without: '%s' is unknown\n", name.c_str());
      return 2;
    }
    *feature = false;
  }
  const bool speaks = !launched || ronde::ReadLaunchEnvironment().rank == 0;
  if (speaks) {
    std::printf("soak: seed %llu, %.0f s\n", static_cast<unsigned long long>(options.seed),
                options.seconds);
    std::fflush(stdout);
  }
  ronde::soak::SoakCounts counts;
  const bool passed = launched ? ronde::soak::SoakLaunched(options, &counts)
                               : ronde::soak::SoakInProcess(options, &counts);
  if (speaks) {
    std::printf(
        "soak: %s: %llu worlds, %llu operations checked; of %llu lists on rank 0, %llu came from "
        "a locked schedule (seed %llu)\n",
        passed ? "passed" : "FAILED", static_cast<unsigned long long>(counts.episodes),
        static_cast<unsigned long long>(counts.operations),
        static_cast<unsigned long long>(counts.lists),
        static_cast<unsigned long long>(counts.locked),
        static_cast<unsigned long long>(options.seed));
  }
  return passed ? 0 : 1;
}
