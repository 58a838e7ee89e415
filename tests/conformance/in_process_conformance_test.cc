#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/conformance/transport_conformance.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

class InProcessConformance : public ::testing::TestWithParam<int> {};

TEST_P(InProcessConformance, KeepsEveryPromise) {
  for (const ConformanceCase& promise : TransportConformanceCases()) {
    RunRanks(GetParam(), [&](Transport& transport) {
      const Status status = promise.run(transport);
      EXPECT_TRUE(status.ok()) << promise.name << ", rank " << transport.rank() << ": "
                               << status.ToString();
    });
  }
}

TEST_P(InProcessConformance, AbortWakesEverybody) {
  RunRanks(GetParam(),
           [](Transport& transport) { EXPECT_EQ(CheckAbort(transport), Status::Ok()); });
}

INSTANTIATE_TEST_SUITE_P(Ranks, InProcessConformance, ::testing::Values(1, 2, 3, 4, 8));

TEST(InProcessConformanceOnHosts, KeepsEveryPromise) {
  const std::vector<std::vector<std::string>> layouts = {
      {"a", "a", "b"}, {"a", "b", "a", "b"}, {"a", "a", "b", "b", "c"}};
  for (const std::vector<std::string>& layout : layouts) {
    for (const ConformanceCase& promise : TransportConformanceCases()) {
      RunRanksOnHosts(layout, [&](Transport& transport) {
        const Status status = promise.run(transport);
        EXPECT_TRUE(status.ok()) << promise.name << ", rank " << transport.rank() << ": "
                                 << status.ToString();
      });
    }
  }
}

}  // namespace
}  // namespace ronde
