#include "collectives/shared/shared_channel.h"

#include <sched.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

// Every round, every rank writes a number and reads all others'.
void CheckRounds(int ranks, const WaitPolicy& wait, int rounds) {
  RunRanks(ranks, [&](Transport& transport) {
    auto created = SharedChannel::Create(
        transport, {.world_rank = transport.rank(), .slot_bytes = 100, .wait = wait},
        Deadline::After(30));
    ASSERT_TRUE(created.ok()) << created.status().message();
    SharedChannel& channel = *created.value();
    EXPECT_EQ(channel.slot_bytes(), 128U);
    for (int round = 0; round < rounds; ++round) {
      const int mine = round * 100 + channel.rank();
      std::memcpy(channel.next_slot(), &mine, sizeof(mine));
      const Status status = channel.Step(Deadline::After(30));
      ASSERT_TRUE(status.ok()) << status.message();
      for (int peer = 0; peer < ranks; ++peer) {
        int seen = 0;
        std::memcpy(&seen, channel.slot(peer), sizeof(seen));
        ASSERT_EQ(seen, round * 100 + peer);
      }
    }
  });
}

TEST(SharedChannel, ShowsWhatRidesInFlagLinesBesideSlots) {
  constexpr int kRanks = 3;
  RunRanks(kRanks, [](Transport& transport) {
    auto created = SharedChannel::Create(transport, {.slot_bytes = 64}, Deadline::After(30));
    ASSERT_TRUE(created.ok()) << created.status().message();
    SharedChannel& channel = *created.value();
    for (int round = 0; round < 100; ++round) {
      const auto fill = [&](int rank) { return round * 10 + rank; };
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(channel.next_payload()) % 8, 0U);
      std::memset(channel.next_payload(), fill(channel.rank()), SharedChannel::kTinyBytes);
      std::memset(channel.next_slot(), fill(channel.rank()) + 5, channel.slot_bytes());
      ASSERT_TRUE(channel.Step(Deadline::After(30)).ok());
      for (int peer = 0; peer < kRanks; ++peer) {
        const auto byte = [](int value) { return static_cast<std::byte>(value); };
        for (std::size_t i = 0; i < SharedChannel::kTinyBytes; ++i) {
          ASSERT_EQ(channel.payload(peer)[i], byte(fill(peer)));
        }
        ASSERT_EQ(channel.slot(peer)[0], byte(fill(peer) + 5));
        ASSERT_EQ(channel.slot(peer)[63], byte(fill(peer) + 5));
      }
    }
  });
}

TEST(SharedChannel, ShowsEveryRoundsDataWhenSpinning) {
  CheckRounds(2, {.spin_ns = 50'000, .yields = 0}, 3000);
}

TEST(SharedChannel, LosesNoWakeUpWhenSleepingAtOnce) {
  CheckRounds(2, {.spin_ns = 0, .yields = 0}, 2000);
  CheckRounds(5, {.spin_ns = 0, .yields = 0}, 300);
}

TEST(SharedChannel, WorksWithMoreRanksThanCores) {
  CheckRounds(9, {.spin_ns = 0, .yields = 32}, 200);
}

TEST(SharedChannel, TakesLocalRankZerosSlotSize) {
  RunRanks(3, [](Transport& transport) {
    const auto own_bytes = static_cast<std::size_t>(4096 * (transport.rank() + 1));
    auto channel = SharedChannel::Create(transport, {.slot_bytes = own_bytes}, Deadline::After(30));
    ASSERT_TRUE(channel.ok());
    EXPECT_EQ(channel.value()->slot_bytes(), 4096U);
  });
}

TEST(SharedChannel, UsesAsMuchOfItsSlotsAsItIsToldButNoMoreThanThereIs) {
  RunRanks(3, [](Transport& transport) {
    auto channel = SharedChannel::Create(transport, {.slot_bytes = 8192}, Deadline::After(30));
    ASSERT_TRUE(channel.ok());
    const std::pair<std::size_t, std::size_t> sizes[] = {
        {4096, 4096}, {100, 64}, {0, 64}, {8192, 8192}, {1 << 20, 8192}};
    for (const auto& [wanted, used] : sizes) {
      channel.value()->set_slot_bytes(wanted);
      EXPECT_EQ(channel.value()->slot_bytes(), used);
      std::memset(channel.value()->next_slot(), transport.rank() + 1, used);
      ASSERT_TRUE(channel.value()->Step(Deadline::After(30)).ok());
      for (int rank = 0; rank < 3; ++rank) {
        EXPECT_EQ(channel.value()->slot(rank)[used - 1], static_cast<std::byte>(rank + 1));
      }
    }
  });
}

TEST(SharedChannel, WorksWithoutEverSleeping) {
  CheckRounds(2, {.spin_ns = 20'000, .sleeps = false}, 500);
  CheckRounds(3, {.spin_ns = 20'000, .yields = 8, .sleeps = false}, 100);
}

TEST(SharedChannel, WaitsThatNeverSleepStillWatchTheDeadline) {
  RunRanks(2, [](Transport& transport) {
    auto channel = SharedChannel::Create(
        transport, {.world_rank = transport.rank(), .wait = {.spin_ns = 20'000, .sleeps = false}},
        Deadline::After(30));
    ASSERT_TRUE(channel.ok());
    if (transport.rank() == 1) return;
    const Status status = channel.value()->Step(Deadline::After(0.05));
    EXPECT_EQ(status.code(), StatusCode::kTimeout) << status.message();
  });
}

// The calling thread stays on the first core that it may use.
void StayOnOneCore() {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  int core = 0;
  while (!CPU_ISSET(core, &allowed)) ++core;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
}

TEST(SharedChannel, CrowdedRanksOfOneCoreNameTheOneThatIsMissing) {
  RunRanks(3, [](Transport& transport) {
    StayOnOneCore();
    auto created = SharedChannel::Create(
        transport, {.world_rank = transport.rank(), .wait = {.spin_ns = 0, .yields = 32}},
        Deadline::After(30));
    ASSERT_TRUE(created.ok());
    SharedChannel& channel = *created.value();
    // All have shown by then where they run.
    for (int round = 0; round < 100; ++round) {
      ASSERT_TRUE(channel.Step(Deadline::After(30)).ok());
    }
    if (transport.rank() == 1) return;
    const Status status = channel.Step(Deadline::After(0.05));
    EXPECT_EQ(status.code(), StatusCode::kTimeout);
    EXPECT_NE(status.message().find("for rank 1, "), std::string::npos) << status.message();
  });
}

}  // namespace
}  // namespace ronde
