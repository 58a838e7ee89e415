#include "collectives/device/device_context.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/device/algorithm.h"
#include "tests/collectives/device/device_ranks.h"

namespace ronde {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kCount = 1000;

// A sum in a staging half of `channel`.
Status RunOnce(DeviceContext& context, DeviceChannel& channel) {
  RONDE_ASSIGN_OR_RETURN(const StagingHalf half, channel.NextHalf());
  RONDE_RETURN_IF_ERROR(
      context.device().FillZero(half.input, kCount * sizeof(float), channel.stream().native));
  return FindDeviceAllreduceAlgorithm("cuda_ipc")
      ->Run(context, channel,
            {.input = half.input,
             .output = half.output,
             .count = kCount,
             .input_place = half.input_place,
             .output_place = half.output_place});
}

// --- Making one.

TEST(DeviceContext, KnowsWhatIsEqualOnAllRanks) {
  RunDeviceRanks(4, [](DeviceRank& rank) {
    const DeviceFacts& facts = rank.context.facts();
    EXPECT_EQ(facts.kind, DeviceKind::kSimulated);
    EXPECT_TRUE(facts.peers_reach_each_other);
    EXPECT_TRUE(facts.devices_are_distinct);
    // Four at once, for two channels.
    EXPECT_EQ(facts.peer_blocks, 2);
    EXPECT_EQ(rank.context.channels(), kDeviceChannels);
    EXPECT_EQ(rank.context.costs(), DefaultDeviceCosts(facts.link, 4));
    EXPECT_EQ(rank.context.channel(1).staging_bytes(), 64u << 10);
  });
}

TEST(DeviceContext, TellsRanksOfOneDeviceFromRanksOfSeveral) {
  SimulatedDevice device({.concurrent_blocks = 64});
  RunRanks(4, [&device](Transport& transport) {
    auto group = CollectiveContext::Create(transport, Config());
    auto context = DeviceContext::Create(*group.value(), &device, {});
    ASSERT_TRUE(context.ok()) << context.status().message();
    EXPECT_FALSE(context.value()->facts().devices_are_distinct);
    EXPECT_EQ(context.value()->facts().link, DeviceLinkKind::kSameDevice);
    EXPECT_EQ(context.value()->facts().peer_blocks, 64 / (4 * kDeviceChannels));
    ASSERT_TRUE(RunOnce(*context.value(), context.value()->channel(0)).ok());
    void* const stream = context.value()->channel(0).stream().native;
    EXPECT_TRUE(device.Synchronize(stream, Deadline::After(30)).ok());
  });
}

TEST(DeviceContext, ARankWithoutADeviceIsAnErrorForAll) {
  RunRanksOnHosts({"a", "a", "b"}, [](Transport& transport) {
    auto group = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(group.ok());
    SimulatedDevice device;
    Device* const own = transport.rank() == 1 ? nullptr : &device;
    const auto context = DeviceContext::Create(*group.value(), own, {});
    EXPECT_EQ(context.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(
        context.status().message(),
        AllOf(HasSubstr("rank 1 on host"), HasSubstr("has no device"), HasSubstr("rank 0 on host"),
              HasSubstr("has a simulated device"), HasSubstr("--device")));
  });
}

TEST(DeviceContext, ADeviceThatCannotBeUsedIsAnErrorForAll) {
  RunRanksOnHosts({"a", "a", "b"}, [](Transport& transport) {
    auto group = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(group.ok());
    SimulatedDevice device({.memory_bytes = transport.rank() == 2 ? std::size_t{10} : 1 << 20});
    const auto context = DeviceContext::Create(*group.value(), &device, {});
    EXPECT_EQ(context.status().code(), StatusCode::kUnavailable);
    EXPECT_THAT(context.status().message(), HasSubstr("rank 2 on host"));
  });
}

TEST(DeviceContext, HostsThatCannotShareMakeItSoForAll) {
  DeviceRanksOptions options;
  options.host_ids = {"a", "a", "b", "b"};
  options.device = [](int rank) {
    SimulatedDevice::Options device;
    device.exportable = rank != 3;
    return device;
  };
  RunDeviceRanks(
      4, [](DeviceRank& rank) { EXPECT_FALSE(rank.context.facts().peers_reach_each_other); },
      options);
}

TEST(DeviceContext, TakesNoStagingBeforeItIsNeeded) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    const std::size_t before = rank.device.used_bytes();
    ASSERT_TRUE(rank.context.channel(0).NextHalf().ok());
    EXPECT_EQ(rank.device.used_bytes(), before + 2 * (64 << 10));
    ASSERT_TRUE(rank.context.channel(0).NextHalf().ok());
    EXPECT_EQ(rank.device.used_bytes(), before + 2 * (64 << 10));
  });
}

TEST(DeviceContext, AProcessSetUsesTheWorldsMemoryWithChannelsOfItsOwn) {
  RunRanks(4, [](Transport& transport) {
    auto world = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(world.ok());
    SimulatedDevice device;
    auto context = DeviceContext::Create(*world.value(), &device, {});
    ASSERT_TRUE(context.ok()) << context.status().message();
    auto memory = context.value()->Allocate(kCount * sizeof(float));
    ASSERT_TRUE(memory.ok());
    const int parity = transport.rank() % 2;
    auto members = transport.Split(parity, 0, Deadline::After(30));
    ASSERT_TRUE(members.ok());
    const std::vector<std::int64_t> ranks = {parity, parity + 2};
    auto group = CollectiveContext::CreateWithin(*world.value(), std::move(members).value(), ranks);
    ASSERT_TRUE(group.ok()) << group.status().message();
    {
      auto set = DeviceContext::CreateWithin(*context.value(), *group.value());
      ASSERT_TRUE(set.ok()) << set.status().message();
      auto* const values = reinterpret_cast<float*>(memory.value().get());
      values[7] = static_cast<float>(transport.rank() + 1);
      DeviceChannel& channel = set.value()->channel(1);
      const MemoryPlace place = set.value()->Find(values, kCount * sizeof(float));
      ASSERT_TRUE(place.registered());
      const Status status = FindDeviceAllreduceAlgorithm("cuda_ipc")
                                ->Run(*set.value(), channel,
                                      {.input = values,
                                       .output = values,
                                       .count = kCount,
                                       .input_place = place,
                                       .output_place = place});
      ASSERT_TRUE(status.ok()) << status.message();
      void* const stream = channel.stream().native;
      ASSERT_TRUE(device.Synchronize(stream, Deadline::After(30)).ok());
      EXPECT_EQ(values[7], static_cast<float>(2 * parity + 4));
      // What ends the world ends its sets.
      context.value()->Abort();
      EXPECT_TRUE(RunOnce(*set.value(), channel).ok());
      EXPECT_TRUE(device.Synchronize(stream, Deadline::After(30)).ok());
      MeetAll(transport);
    }
  });
}

// --- Failures.

TEST(DeviceContextFailures, ATimeoutNamesTheRankThatIsMissingAndItsHost) {
  DeviceRanksOptions options;
  options.timeout_s = "0.3";
  const auto body = [](DeviceRank& rank) {
    DeviceChannel& channel = rank.context.channel(0);
    ASSERT_TRUE(channel.NextHalf().ok());  // collective
    if (rank.rank() == 1) return;
    ASSERT_TRUE(RunOnce(rank.context, channel).ok());
    EXPECT_TRUE(Finish(rank, channel).ok());
    const Status fault = rank.context.TakeFault(channel);
    EXPECT_EQ(fault.code(), StatusCode::kTimeout);
    EXPECT_THAT(fault.message(), AllOf(HasSubstr("waited on its device for rank 1 on host "),
                                       HasSubstr("--timeout-s")));
    // The others are all right, and later work on this channel ends at once.
    EXPECT_TRUE(rank.context.TakeFault(rank.context.channel(1)).ok());
    ASSERT_TRUE(RunOnce(rank.context, channel).ok());
    EXPECT_TRUE(Finish(rank, channel).ok());
  };
  RunDeviceRanks(3, body, options);
}

TEST(DeviceContextFailures, AbortEndsWaitsOnAllChannelsNowAndLater) {
  DeviceRanksOptions options;
  options.timeout_s = "60";
  std::atomic<int> waiting{0};
  const auto body = [&waiting](DeviceRank& rank) {
    for (int number = 0; number < rank.context.channels(); ++number) {
      ASSERT_TRUE(rank.context.channel(number).NextHalf().ok());
    }
    if (rank.rank() == 1) return;
    for (int number = 0; number < rank.context.channels(); ++number) {
      ASSERT_TRUE(RunOnce(rank.context, rank.context.channel(number)).ok());
    }
    std::thread other([&rank] { rank.context.Abort(); });
    for (int number = 0; number < rank.context.channels(); ++number) {
      DeviceChannel& channel = rank.context.channel(number);
      EXPECT_TRUE(Finish(rank, channel).ok());
      EXPECT_EQ(rank.context.TakeFault(channel).code(), StatusCode::kAborted);
      ASSERT_TRUE(RunOnce(rank.context, channel).ok());
      EXPECT_TRUE(Finish(rank, channel).ok());
    }
    other.join();
    waiting.fetch_add(1);
  };
  RunDeviceRanks(3, body, options);
  EXPECT_EQ(waiting.load(), 2);
}

TEST(DeviceContextFailures, DetachForgetsAllPlaces) {
  RunDeviceRanks(2, [](DeviceRank& rank) {
    const auto memory = rank.context.Allocate(256);
    ASSERT_TRUE(memory.ok());
    rank.context.Abort();
    rank.context.Detach();
    EXPECT_FALSE(rank.context.Find(memory.value().get(), 1).registered());
    std::vector<std::byte*> parts(2);
    EXPECT_EQ(rank.context.Peers({1, 0}, parts).code(), StatusCode::kInternal);
  });
}

// --- What algorithms keep.

struct Counter {
  int aborts = 0;
  int ends = 0;
};

class Kept final : public DeviceCompanion {
 public:
  explicit Kept(Counter& counter) : counter_(&counter) {}
  ~Kept() override { ++counter_->ends; }
  void Abort() override { ++counter_->aborts; }
  Status fault() override {
    return counter_->aborts > 0 ? Status::Aborted("kept: ended") : Status::Ok();
  }

 private:
  Counter* counter_;
};

TEST(DeviceContextCompanions, LiveWithTheContextAndAreAbortedWithIt) {
  Counter early;
  Counter late;
  RunDeviceRanks(1, [&](DeviceRank& rank) {
    EXPECT_EQ(rank.context.companion("kept"), nullptr);
    DeviceCompanion& kept = rank.context.Keep("kept", std::make_unique<Kept>(early));
    EXPECT_EQ(rank.context.companion("kept"), &kept);
    EXPECT_TRUE(rank.context.TakeFault(rank.context.channel(0)).ok());
    rank.context.Abort();
    EXPECT_EQ(rank.context.TakeFault(rank.context.channel(0)).message(), "kept: ended");
    rank.context.Keep("late", std::make_unique<Kept>(late));
    EXPECT_EQ(late.aborts, 1);
    EXPECT_EQ(early.ends, 0);
  });
  EXPECT_EQ(early.aborts, 1);
  EXPECT_EQ(early.ends, 1);
  EXPECT_EQ(late.ends, 1);
}

}  // namespace
}  // namespace ronde
