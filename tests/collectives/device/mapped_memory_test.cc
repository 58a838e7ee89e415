#include "collectives/device/mapped_memory.h"

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/device/simulated_device.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using testing::HasSubstr;

const Deadline kDeadline = Deadline::Never();

std::shared_ptr<std::byte> MustAllocate(MappedDeviceMemory& memory, Transport& local,
                                        std::size_t size_bytes) {
  auto allocated = memory.Allocate(local, size_bytes, Deadline::After(30));
  EXPECT_TRUE(allocated.ok()) << allocated.status().message();
  return allocated.ok() ? std::move(allocated).value() : nullptr;
}

TEST(MappedDeviceMemory, IsZeroAndReachesThePartsOfAllRanks) {
  RunRanks(3, [](Transport& local) {
    SimulatedDevice device;
    MappedDeviceMemory memory(device);
    const auto data = MustAllocate(memory, local, 1000);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(data.get()[i], std::byte{0});
    const MemoryPlace place = memory.Find(data.get() + 100, 900);
    EXPECT_EQ(place, (MemoryPlace{1, 100}));
    data.get()[100] = static_cast<std::byte>(local.rank() + 1);
    // Everybody has written, and afterwards everybody has read.
    MustAllocate(memory, local, 1);
    std::array<std::byte*, 3> parts = {};
    ASSERT_TRUE(memory.Peers(place, {}, parts));
    for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(*parts[rank], static_cast<std::byte>(rank + 1));
    std::array<std::byte*, 2> two = {};
    const std::array<int, 2> members = {2, 0};
    ASSERT_TRUE(memory.Peers(place, members, two));
    EXPECT_EQ(two[0], parts[2]);
    EXPECT_EQ(two[1], parts[0]);
    MustAllocate(memory, local, 1);
  });
}

TEST(MappedDeviceMemory, FindsOnlyWhatLiesWithinOneBlock) {
  RunRanks(2, [](Transport& local) {
    SimulatedDevice device;
    MappedDeviceMemory memory(device);
    EXPECT_FALSE(memory.Find(&device, 1).registered());
    const auto first = MustAllocate(memory, local, 512);
    const auto second = MustAllocate(memory, local, 256);
    EXPECT_EQ(memory.Find(first.get(), 512), (MemoryPlace{1, 0}));
    EXPECT_EQ(memory.Find(second.get() + 255, 1), (MemoryPlace{2, 255}));
    EXPECT_FALSE(memory.Find(first.get(), 513).registered());
    EXPECT_FALSE(memory.Find(second.get() + 256, 1).registered());
    EXPECT_FALSE(memory.Find(nullptr, 1).registered());
    EXPECT_FALSE(memory.Find(&device, 1).registered());
    MustAllocate(memory, local, 1);
  });
}

TEST(MappedDeviceMemory, LivesUntilAllRanksHaveLetGo) {
  RunRanks(2, [](Transport& local) {
    SimulatedDevice device;
    MappedDeviceMemory memory(device);
    auto data = MustAllocate(memory, local, 4096);
    const std::byte* const address = data.get();
    // One rank lets go: it is not found there any more, but the peer still may use it.
    if (local.rank() == 0) data.reset();
    const auto other = MustAllocate(memory, local, 256);
    EXPECT_EQ(memory.Find(address, 1).registered(), local.rank() == 1);
    EXPECT_EQ(device.used_bytes(), 4096u + 256u);
    data.reset();
    EXPECT_EQ(device.used_bytes(), 4096u + 256u);
    // Now all have, and the next allocation gives it back.
    const auto last = MustAllocate(memory, local, 256);
    EXPECT_EQ(device.used_bytes(), 512u);
    EXPECT_EQ(device.mappings(), 2);
    MustAllocate(memory, local, 1);
  });
}

TEST(MappedDeviceMemory, PointersMayOutliveIt) {
  RunRanks(2, [](Transport& local) {
    SimulatedDevice device;
    std::shared_ptr<std::byte> data;
    {
      MappedDeviceMemory memory(device);
      data = MustAllocate(memory, local, 256);
      MustAllocate(memory, local, 1);
    }
    *data = std::byte{1};
    EXPECT_EQ(device.used_bytes(), 256u);
    data.reset();
    EXPECT_EQ(device.used_bytes(), 0u);
    EXPECT_EQ(device.mappings(), 0);
  });
}

TEST(MappedDeviceMemory, IsPrivateOnAllRanksWhereOneCannotShare) {
  RunRanks(3, [](Transport& local) {
    SimulatedDevice device({.exportable = local.rank() != 1});
    MappedDeviceMemory memory(device);
    auto data = MustAllocate(memory, local, 256);
    EXPECT_FALSE(memory.Find(data.get(), 256).registered());
    EXPECT_EQ(device.mappings(), 0);
    EXPECT_EQ(*data, std::byte{0});
    data.reset();
    EXPECT_EQ(device.used_bytes(), 0u);
  });
}

TEST(MappedDeviceMemory, IsPrivateForARankAlone) {
  RunRanks(1, [](Transport& local) {
    SimulatedDevice device;
    MappedDeviceMemory memory(device);
    const auto data = MustAllocate(memory, local, 100);
    EXPECT_FALSE(memory.Find(data.get(), 100).registered());
  });
}

TEST(MappedDeviceMemory, TooMuchForOneIsAnErrorForAll) {
  RunRanks(3, [](Transport& local) {
    SimulatedDevice device({.memory_bytes = local.rank() == 2 ? std::size_t{1000} : 1 << 20});
    MappedDeviceMemory memory(device);
    const auto refused = memory.Allocate(local, 10'000, kDeadline);
    EXPECT_EQ(refused.status().code(), StatusCode::kUnavailable);
    // And they go on together.
    const auto data = MustAllocate(memory, local, 256);
    EXPECT_EQ(memory.Find(data.get(), 1), (MemoryPlace{2, 0}));
    MustAllocate(memory, local, 1);
  });
}

TEST(MappedDeviceMemory, AnAbsentRankIsMissedAtTheDeadline) {
  RunRanks(2, [](Transport& local) {
    if (local.rank() == 1) return;
    SimulatedDevice device;
    MappedDeviceMemory memory(device);
    const auto refused = memory.Allocate(local, 100, Deadline::After(0.1));
    EXPECT_EQ(refused.status().code(), StatusCode::kTimeout);
    EXPECT_THAT(refused.status().message(), HasSubstr("rank 1"));
    EXPECT_EQ(device.used_bytes(), 0u);
  });
}

TEST(MappedDeviceMemory, DetachedMemoryIsNeitherFoundNorReused) {
  RunRanks(2, [](Transport& local) {
    SimulatedDevice device;
    std::size_t used = 0;
    {
      MappedDeviceMemory memory(device);
      auto data = MustAllocate(memory, local, 256);
      MustAllocate(memory, local, 1);
      const std::byte* const address = data.get();
      const MemoryPlace place = memory.Find(address, 1);
      memory.Detach();
      std::array<std::byte*, 2> parts = {};
      EXPECT_FALSE(memory.Find(address, 1).registered());
      EXPECT_FALSE(memory.Peers(place, {}, parts));
      used = device.used_bytes();
      data.reset();
      EXPECT_EQ(device.used_bytes(), used);
    }
    EXPECT_EQ(device.used_bytes(), used) << "a peer that is late may still use it";
  });
}

// Find while another thread lets go: for TSan.
TEST(MappedDeviceMemory, MayBeAskedByAnyThread) {
  RunRanks(2, [](Transport& local) {
    SimulatedDevice device;
    MappedDeviceMemory memory(device);
    std::atomic<bool> stop{false};
    std::thread asking([&] {
      while (!stop.load()) EXPECT_FALSE(memory.Find(&memory, 1).registered());
    });
    for (int i = 0; i < 50; ++i) MustAllocate(memory, local, 256);
    stop = true;
    asking.join();
  });
}

}  // namespace
}  // namespace ronde
