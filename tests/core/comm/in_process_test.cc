#include "core/comm/transports/in_process.h"

#include <atomic>

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

TEST(InProcess, LargeSendsThatWaitForEachOtherTimeOut) {
  RunRanks(2, [](Transport& transport) {
    const std::vector<std::byte> data(1 << 20);
    const int peer = 1 - transport.rank();
    const Status status = transport.Send(peer, 0, data, Deadline::After(0.2));
    EXPECT_EQ(status.code(), StatusCode::kTimeout);
    EXPECT_NE(status.message().find("to send data to rank " + std::to_string(peer)),
              std::string::npos)
        << status.message();
  });
}

TEST(InProcess, AWithdrawnMessageIsNeverReceived) {
  RunRanks(2, [](Transport& transport) {
    const std::byte signal{1};
    std::byte got{};
    if (transport.rank() == 0) {
      const std::vector<std::byte> large(1 << 20, std::byte{7});
      EXPECT_EQ(transport.Send(1, 0, large, Deadline::After(0.05)).code(), StatusCode::kTimeout);
      EXPECT_EQ(transport.Send(1, 1, {&signal, 1}, Deadline::After(10)), Status::Ok());
      return;
    }
    EXPECT_EQ(transport.Receive(0, 1, {&got, 1}, Deadline::After(10)), Status::Ok());
    std::vector<std::byte> large(1 << 20);
    EXPECT_EQ(transport.Receive(0, 0, large, Deadline::After(0.05)).code(), StatusCode::kTimeout);
  });
}

TEST(InProcess, FirstOfManyCausesWinsEverywhere) {
  constexpr int kRanks = 8;
  std::vector<std::string> heard(kRanks);
  RunRanks(kRanks, [&](Transport& transport) {
    transport.Abort(Status::Internal("cause " + std::to_string(transport.rank())));
    heard[transport.rank()] = transport.CheckLiveness().message();
  });
  for (const std::string& cause : heard) EXPECT_EQ(cause, heard[0]);
}

TEST(InProcess, RegionsOutliveTheirOwnerWhileMapped) {
  const auto world = MakeInProcessWorld(2);
  auto owned = world[0]->AllocateRegion(100);
  ASSERT_TRUE(owned.ok());
  const RegionToken token = owned.value()->token();
  auto mapped = world[1]->MapRegion(0, token, 100);
  ASSERT_TRUE(mapped.ok());
  owned.value()->data()[99] = std::byte{5};
  owned.value().reset();
  EXPECT_EQ(mapped.value()->data()[99], std::byte{5});
  mapped.value().reset();
  EXPECT_EQ(world[1]->MapRegion(0, token, 100).status().code(), StatusCode::kUnavailable);
}

TEST(InProcess, HostsRefuseEachOthersRegions) {
  const auto world = MakeInProcessWorld(2, {{"alpha", "beta"}});
  auto owned = world[0]->AllocateRegion(100);
  const Status status = world[1]->MapRegion(0, owned.value()->token(), 100).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("alpha"), std::string::npos);
  EXPECT_NE(status.message().find("beta"), std::string::npos);
}

TEST(RunRanks, RunsEveryRankOnceAndAtTheSameTime) {
  std::atomic<int> present{0};
  RunRanks(5, [&](Transport& transport) {
    EXPECT_EQ(transport.size(), 5);
    present.fetch_add(1 << (4 * transport.rank()));
    while (present.load() != 0x11111) std::this_thread::yield();
  });
  EXPECT_EQ(present.load(), 0x11111);
}

}  // namespace
}  // namespace ronde
