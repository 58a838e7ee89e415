// One rank of a job over real processes whose executor makes, uses and gives up process sets: "one"
// on one host, "two" on two that are pretended, "kill" with a rank that dies while a set is made.

#include <signal.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "core/base/config_environment.h"
#include "core/comm/transport_table.h"
#include "tests/tensor_fusion/set_operations.h"

namespace ronde {
namespace {

// What this process has of the operating system's.
struct Belongings {
  long files = 0;
  long threads = 0;
  long mappings = 0;

  static Belongings Count() {
    const auto entries = [](const char* folder) {
      const std::filesystem::directory_iterator begin(folder);
      return static_cast<long>(std::distance(begin, std::filesystem::directory_iterator()));
    };
    Belongings count{.files = entries("/proc/self/fd"), .threads = entries("/proc/self/task")};
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) ++count.mappings;
    return count;
  }
};

void LeaveNothingBehind(int rank, int ranks, FusedExecutor& executor) {
  AddAndRemove(rank, ranks, 40, 1000, executor);  // fills what MPI keeps
  const Belongings before = Belongings::Count();
  AddAndRemove(rank, ranks, 300, 2000, executor);
  const Belongings after = Belongings::Count();
  EXPECT_EQ(after.files, before.files) << "file descriptors of rank " << rank;
  EXPECT_EQ(after.threads, before.threads) << "threads of rank " << rank;
  // The heap may grow by a mapping or two; a set would leave several each.
  EXPECT_LE(after.mappings, before.mappings + 8) << "mappings of rank " << rank;
}

// Rank 1 dies while the others make a set with it.
void SurviveADeath(int rank, FusedExecutor& executor) {
  if (rank == 1) raise(SIGKILL);
  SetOperations list(rank);
  list.Add(1, {0, 1, 2});
  const Status status = executor.Execute(list.operations());
  std::printf("rank %d: %s\n", rank, status.ToString().c_str());
}

bool Run(const std::string& mode) {
  Config config;
  const bool first_half = ReadLaunchEnvironment().rank % 2 == 0;
  const char* const host = mode != "two" ? "" : first_half ? "even" : "odd";
  EXPECT_TRUE(config.Set(Setting::kHostId, host, SettingOrigin::kProgram).ok());
  auto transport = CreateLaunchedWorld(config);
  EXPECT_TRUE(transport.ok()) << transport.status().message();
  if (!transport.ok()) return false;
  auto context = CollectiveContext::Create(*transport.value(), config);
  EXPECT_TRUE(context.ok()) << context.status().message();
  if (!context.ok()) return false;
  FusedExecutor executor(*context.value(), Selector::Create(config).value(), 1 << 20);
  const int rank = context.value()->rank();
  const int ranks = context.value()->size();
  if (mode == "kill") {
    SurviveADeath(rank, executor);
    return true;
  }
  RunOverlappingSets(rank, ranks, executor);
  LeaveNothingBehind(rank, ranks, executor);
  const bool passed = !::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed();
  if (passed && rank == 0) std::printf("passed\n");
  std::fflush(stdout);
  return passed;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return ronde::Run(argc > 1 ? argv[1] : "one") ? 0 : 1;
}
