#include "collectives/shared/registered_memory.h"

#include <gtest/gtest.h>

#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

Result<std::shared_ptr<std::byte>> Allocate(RegisteredMemory& memory, Transport& transport,
                                            std::size_t size_bytes) {
  return memory.Allocate(transport, size_bytes, Deadline::After(30));
}

TEST(RegisteredMemory, PeersSeeWhatLiesAtTheSamePlace) {
  RunRanks(3, [](Transport& transport) {
    RegisteredMemory memory;
    const auto block = Allocate(memory, transport, 10'000);
    ASSERT_TRUE(block.ok()) << block.status().ToString();
    std::byte* const data = block.value().get();
    EXPECT_EQ(data[9'999], std::byte{0});
    data[100] = static_cast<std::byte>(transport.rank() + 1);
    const MemoryPlace place = memory.Find(data + 100, 50);
    EXPECT_EQ(place, (MemoryPlace{.block = 1, .offset = 100}));
    std::byte token{};
    const int next = (transport.rank() + 1) % 3;
    const int previous = (transport.rank() + 2) % 3;
    ASSERT_TRUE(transport
                    .SendReceive(next, std::span(&token, 1), previous, std::span(&token, 1), 1,
                                 Deadline::After(30))
                    .ok());
    EXPECT_EQ(memory.Segment(place)->part(previous)[place.offset],
              static_cast<std::byte>(previous + 1));
    ASSERT_TRUE(transport
                    .SendReceive(previous, std::span(&token, 1), next, std::span(&token, 1), 2,
                                 Deadline::After(30))
                    .ok());
  });
}

TEST(RegisteredMemory, FindsOnlyWhatLiesWithinOneLivingBlock) {
  RunRanks(2, [](Transport& transport) {
    RegisteredMemory memory;
    auto first = Allocate(memory, transport, 4096);
    auto second = Allocate(memory, transport, 4096);
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(memory.Find(second.value().get(), 4096).block, 2);
    EXPECT_FALSE(memory.Find(second.value().get() + 1, 4096).registered());
    EXPECT_FALSE(memory.Find(&memory, 1).registered());
    EXPECT_FALSE(memory.Find(nullptr, 0).registered());
    const MemoryPlace place = memory.Find(first.value().get(), 1);
    const std::byte* const gone = first.value().get();
    first.value().reset();
    EXPECT_FALSE(memory.Find(gone, 1).registered());
    EXPECT_EQ(memory.Segment(place), nullptr);
    EXPECT_EQ(memory.Segment({}), nullptr);
  });
}

TEST(RegisteredMemory, ForgetsABlockOfWhichAPartWasDetached) {
  RunRanks(2, [](Transport& transport) {
    RegisteredMemory memory;
    const auto block = Allocate(memory, transport, 4096);
    const auto other = Allocate(memory, transport, 4096);
    ASSERT_TRUE(block.ok() && other.ok());
    const MemoryPlace place = memory.Find(block.value().get(), 1);
    memory.Detach(place, 100);
    memory.Detach({.block = place.block, .offset = 2000}, 100);
    EXPECT_FALSE(memory.Find(block.value().get(), 1).registered());
    EXPECT_TRUE(memory.Find(other.value().get(), 1).registered());
    block.value().get()[0] = std::byte{1};  // still the owner's to use
  });
}

TEST(RegisteredMemory, OfASingleRankIsOrdinaryMemory) {
  RunRanks(1, [](Transport& transport) {
    RegisteredMemory memory;
    const auto block = Allocate(memory, transport, 1);
    ASSERT_TRUE(block.ok());
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.value().get()) % 4096, 0U);
    EXPECT_FALSE(memory.Find(block.value().get(), 1).registered());
  });
}

}  // namespace
}  // namespace ronde
