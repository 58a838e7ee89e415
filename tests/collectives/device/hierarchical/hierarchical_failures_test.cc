#include <latch>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/collectives/device/hierarchical/hierarchical_world.h"

namespace ronde {
namespace {

constexpr std::int64_t kCount = 20'000;

// An allreduce of private memory, and what has become of it once the stream has ended.
Status Reduce(DeviceRank& rank) {
  const std::vector<std::byte> zeros(static_cast<std::size_t>(kCount) * 4);
  const DeviceBuffer data = PrivateCopy(rank, zeros);
  DeviceChannel& channel = rank.context.channel(0);
  const Status status = HierarchicalAlgorithm().Run(
      rank.context, channel, {.input = data.data(), .output = data.data(), .count = kCount});
  if (!status.ok()) {
    rank.context.Abort();
    static_cast<void>(Finish(rank, channel));
    return status;
  }
  static_cast<void>(Finish(rank, channel));
  return rank.context.TakeFault(channel);
}

bool Names(const Status& status, const std::string& who) {
  return status.message().find(who) != std::string::npos;
}

// Rank 3 is missing: rank 1 waits for it on the wire, rank 2 on the device.
TEST(HierarchicalFailures, ADeadPeerTimesOutWithItsName) {
  std::latch ended(3);
  const World world = {{2, 2}, {{Setting::kTimeoutS, "0.5"}}};
  RunWorld(world, [&](DeviceRank& rank) {
    if (rank.rank() == 3) {
      ended.wait();
      return;
    }
    const Status status = Reduce(rank);
    EXPECT_EQ(status.code(), StatusCode::kTimeout) << rank.rank() << ": " << status.ToString();
    const std::vector<std::string> missing = {"rank 2 (host b)", "rank 3 (host b)", "rank 3"};
    EXPECT_TRUE(Names(status, missing[static_cast<std::size_t>(rank.rank())])) << status.message();
    // It stays so.
    EXPECT_FALSE(Reduce(rank).ok());
    ended.arrive_and_wait();
  });
}

TEST(HierarchicalFailures, AJobThatEndsEndsTheWait) {
  std::latch ended(3);
  const World world = {{2, 2}};
  RunWorld(world, [&](DeviceRank& rank) {
    if (rank.rank() == 3) {
      rank.group.transport().Abort(Status::Aborted("rank 3 has had enough"));
      ended.wait();
      return;
    }
    const Status status = Reduce(rank);
    EXPECT_EQ(status.code(), StatusCode::kAborted) << status.ToString();
    EXPECT_TRUE(Names(status, "had enough")) << status.message();
    ended.arrive_and_wait();
  });
}

TEST(HierarchicalFailures, AnErrorOfTheDeviceIsTold) {
  std::latch ended(2);
  const World world = {{1, 1}};
  RunWorld(world, [&](DeviceRank& rank) {
    if (rank.rank() == 0) {
      rank.device.InjectStreamError(rank.context.channel(0).stream().native,
                                    Status::Internal("an uncorrectable error"));
    }
    const Status status = Reduce(rank);
    EXPECT_FALSE(status.ok());
    if (rank.rank() == 0) {
      EXPECT_TRUE(Names(status, "uncorrectable")) << status.message();
      rank.group.transport().Abort(status);
    }
    ended.arrive_and_wait();
  });
}

TEST(HierarchicalFailures, WhoIsToldToGiveUpDoes) {
  std::latch ended(2);
  const World world = {{1, 1}};
  RunWorld(world, [&](DeviceRank& rank) {
    if (rank.rank() == 0) {
      rank.context.Abort();
      EXPECT_EQ(Reduce(rank).code(), StatusCode::kAborted);
    }
    ended.arrive_and_wait();
  });
}

}  // namespace
}  // namespace ronde
