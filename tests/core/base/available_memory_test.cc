#include "core/base/available_memory.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace ronde {
namespace {

// Version 1's way to say that there is no limit.
constexpr const char* kNoLimit = "9223372036854771712\n";

// What a kernel shows of control groups.
class ControlGroups {
 public:
  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = folder_.File(path);
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  [[nodiscard]] std::uint64_t LeftFor(const std::string& groups) const {
    return LeftByControlGroupsBytes(groups, folder_.path());
  }

 private:
  TemporaryFolder folder_;
};

TEST(AvailableMemory, OfTheHostIsWhatTheKernelSays) {
  EXPECT_EQ(AvailableOnHostBytes("MemTotal:   900 kB\nMemAvailable:     24 kB\nBuffers: 1 kB\n"),
            24 * 1024U);
  EXPECT_EQ(AvailableOnHostBytes("MemTotal: 900 kB\nMemFree: 8 kB\n"), UINT64_MAX);
  EXPECT_EQ(AvailableOnHostBytes(""), UINT64_MAX);
}

TEST(AvailableMemory, OfAGroupIsItsLimitLessWhatIsUsedAndCannotBeDropped) {
  const ControlGroups groups;
  groups.Write("job/memory.max", "10000\n");
  groups.Write("job/memory.current", "7000\n");
  groups.Write("job/memory.stat",
               "anon 1\nworkingset_refault_file 9\ninactive_file 300\nactive_file 200\nfile 3\n");
  EXPECT_EQ(groups.LeftFor("0::/job\n"), 3500U);
  EXPECT_EQ(groups.LeftFor("0::/other\n"), UINT64_MAX);
}

TEST(AvailableMemory, IsBoundByTheTightestGroupOnTheWayToTheRoot) {
  const ControlGroups groups;
  groups.Write("memory.max", "9000\n");  // a container's: it sees its own group as the root
  groups.Write("memory.current", "1000\n");
  groups.Write("job/memory.max", "6000\n");
  groups.Write("job/memory.current", "4000\n");
  groups.Write("job/step/memory.max", "max\n");
  groups.Write("job/step/memory.current", "5\n");
  EXPECT_EQ(groups.LeftFor("0::/job/step\n"), 2000U);
  EXPECT_EQ(groups.LeftFor("0::/\n"), 8000U);
  EXPECT_EQ(groups.LeftFor("0::/the/path/outside/of/the/container\n"), 8000U);
}

TEST(AvailableMemory, OfVersion1CountsTheGroupsBelowToo) {
  const ControlGroups groups;
  groups.Write("memory/memory.limit_in_bytes", kNoLimit);
  groups.Write("memory/memory.usage_in_bytes", "100000\n");
  groups.Write("memory/job/memory.limit_in_bytes", "10000\n");
  groups.Write("memory/job/memory.usage_in_bytes", "7000\n");
  groups.Write("memory/job/memory.stat",
               "inactive_file 1\ntotal_inactive_file 300\ntotal_active_file 200\n");
  EXPECT_EQ(groups.LeftFor("5:memory:/job\n4:cpu:/tight\n0::/\n"), 3500U);
  EXPECT_EQ(groups.LeftFor("5:memory:/\n0::/\n"), UINT64_MAX);
}

TEST(AvailableMemory, IsNothingWhereAGroupIsFull) {
  const ControlGroups groups;
  groups.Write("memory.max", "10000\n");
  groups.Write("memory.current", "10100\n");
  groups.Write("memory.stat", "inactive_file 0\n");
  EXPECT_EQ(groups.LeftFor("0::/\n"), 0U);
  // The two files are not of one moment.
  groups.Write("memory.stat", "inactive_file 20000\n");
  EXPECT_EQ(groups.LeftFor("0::/\n"), 10000U);
}

TEST(AvailableMemory, IsNotBoundByWhatCannotBeRead) {
  const ControlGroups groups;
  groups.Write("memory.max", "?\n");
  EXPECT_EQ(groups.LeftFor("0::/\n"), UINT64_MAX);
  groups.Write("memory.max", "10000\n");
  EXPECT_EQ(groups.LeftFor("0::/\n"), 10000U) << "usage unknown";
  EXPECT_EQ(groups.LeftFor("nonsense"), UINT64_MAX);
}

TEST(AvailableMemory, OfThisMachineIsMoreThanNothing) { EXPECT_GT(AvailableMemoryBytes(), 0U); }

}  // namespace
}  // namespace ronde
