#include "core/comm/shared_segment.h"

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

TEST(SharedSegment, EveryRankSeesEveryPart) {
  for (int size : {1, 2, 3, 8}) {
    RunRanks(size, [](Transport& transport) {
      Result<SharedSegment> made = SharedSegment::Create(transport, 4096, Deadline::After(10));
      ASSERT_TRUE(made.ok()) << made.status().ToString();
      SharedSegment segment = std::move(made).value();
      EXPECT_EQ(segment.size_bytes(), 4096U);
      const int rank = transport.rank();
      segment.part(rank)[0] = static_cast<std::byte>(rank + 1);
      for (int peer = 0; peer < transport.size(); ++peer) {
        ASSERT_EQ(transport.SendReceive(peer, {}, peer, {}, 0, Deadline::After(10)), Status::Ok());
        EXPECT_EQ(segment.part(peer)[0], static_cast<std::byte>(peer + 1));
      }
    });
  }
}

TEST(SharedSegment, FailsAlikeOnAllRanksWhenOneCannotMap) {
  std::vector<Status> outcomes(3);
  RunRanksOnHosts({"a", "a", "b"}, [&](Transport& transport) {
    outcomes[transport.rank()] =
        SharedSegment::Create(transport, 4096, Deadline::After(10)).status();
  });
  for (const Status& outcome : outcomes) {
    EXPECT_EQ(outcome.code(), StatusCode::kUnavailable);
    EXPECT_EQ(outcome, outcomes[0]);
  }
}

TEST(SharedSegment, AMissingRankIsATimeout) {
  RunRanks(2, [](Transport& transport) {
    if (transport.rank() == 1) return;
    const auto made = SharedSegment::Create(transport, 4096, Deadline::After(0.1));
    EXPECT_EQ(made.status().code(), StatusCode::kTimeout);
  });
}

}  // namespace
}  // namespace ronde
