#include "tests/conformance/allreduce_conformance.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

// Enough elements for several chunks of the smallest chunk size, odd, and not a multiple of p.
#if defined(__SANITIZE_THREAD__)
constexpr std::int64_t kLarge = 5003;
#else
constexpr std::int64_t kLarge = 20011;
#endif

Config ConfigWith(const std::string& chunk_bytes) {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kChunkBytes, chunk_bytes, SettingOrigin::kProgram).ok());
  return config;
}

void CheckOn(Transport& transport, const std::vector<std::int64_t>& counts,
             const std::string& chunk_bytes) {
  auto context = CollectiveContext::Create(transport, ConfigWith(chunk_bytes));
  ASSERT_TRUE(context.ok()) << context.status().ToString();
  const Status status = CheckAllAlgorithms(*context.value(), counts);
  EXPECT_TRUE(status.ok()) << status.message();
  // The others would wait for a rank that has given up.
  if (!status.ok()) transport.Abort(status);
}

class AllreduceConformance : public testing::TestWithParam<int> {};

TEST_P(AllreduceConformance, HoldsForSmallCounts) {
  const int ranks = GetParam();
  RunRanks(ranks, [ranks](Transport& transport) {
    CheckOn(transport, {0, 1, ranks - 1, ranks, 17, 1000}, "256K");
  });
}

TEST_P(AllreduceConformance, HoldsForManyChunks) {
  RunRanks(GetParam(), [](Transport& transport) { CheckOn(transport, {kLarge}, "4K"); });
}

INSTANTIATE_TEST_SUITE_P(Ranks, AllreduceConformance, testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9));

TEST(AllreduceConformanceOfMany, HoldsForSixteenRanks) {
  RunRanks(16, [](Transport& transport) { CheckOn(transport, {0, 1, 15, 333}, "4K"); });
}

TEST(AllreduceConformanceOnHosts, HoldsWhereNotAllRanksShareMemory) {
  RunRanksOnHosts({"a", "a", "b"}, [](Transport& transport) {
    CheckOn(transport, {0, 1, 17, 1000}, "256K");
  });
}

}  // namespace
}  // namespace ronde
