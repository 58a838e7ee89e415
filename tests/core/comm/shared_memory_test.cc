#include "core/comm/shared_memory.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(SharedMemory, StartsZeroedAndPageAligned) {
  auto region = AllocateSharedMemory(10'000);
  ASSERT_TRUE(region.ok()) << region.status().ToString();
  EXPECT_EQ(region.value()->size_bytes(), 10'000U);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(region.value()->data()) % 4096, 0U);
  EXPECT_TRUE(std::all_of(region.value()->data(), region.value()->data() + 10'000,
                          [](std::byte byte) { return byte == std::byte{0}; }));
}

TEST(SharedMemory, AnotherProcessSeesTheSameBytes) {
  auto region = AllocateSharedMemory(4096);
  ASSERT_TRUE(region.ok());
  const RegionToken token = region.value()->token();
  region.value()->data()[0] = std::byte{1};
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // The parent's mapping is not inherited: the child finds the memory by its token alone.
    auto mapped = MapSharedMemory(token, 4096);
    if (!mapped.ok() || mapped.value()->data()[0] != std::byte{1}) _exit(1);
    mapped.value()->data()[1] = std::byte{2};
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(region.value()->data()[1], std::byte{2});
}

TEST(SharedMemory, WhatPeersWriteAfterDetachIsNotSeen) {
  auto region = AllocateSharedMemory(10'000);
  ASSERT_TRUE(region.ok());
  auto peer = MapSharedMemory(region.value()->token(), 10'000);
  ASSERT_TRUE(peer.ok());
  std::byte* const own = region.value()->data();
  peer.value()->data()[9'000] = std::byte{1};
  region.value()->Detach(0, 10'000);
  peer.value()->data()[9'000] = std::byte{2};
  EXPECT_EQ(region.value()->data(), own);
  EXPECT_EQ(own[9'000], std::byte{1});
  own[0] = std::byte{3};
  EXPECT_EQ(peer.value()->data()[0], std::byte{0});
}

TEST(SharedMemory, DetachesThePagesOfThoseBytesAlone) {
  auto region = AllocateSharedMemory(20'000);
  ASSERT_TRUE(region.ok());
  auto peer = MapSharedMemory(region.value()->token(), 20'000);
  ASSERT_TRUE(peer.ok());
  const std::byte* const own = region.value()->data();
  region.value()->Detach(5'000, 5'000);  // the second and the third page
  region.value()->Detach(19'000, 5'000);
  region.value()->Detach(30'000, 1);  // nothing
  for (const std::size_t at : {4'000, 5'000, 9'999, 13'000, 19'999}) {
    peer.value()->data()[at] = std::byte{1};
  }
  EXPECT_EQ(own[4'000], std::byte{1});
  EXPECT_EQ(own[5'000], std::byte{0});
  EXPECT_EQ(own[9'999], std::byte{0});
  EXPECT_EQ(own[13'000], std::byte{1});
  EXPECT_EQ(own[19'999], std::byte{0});
}

TEST(SharedMemory, TokenOfReleasedMemoryIsRefused) {
  auto region = AllocateSharedMemory(4096);
  ASSERT_TRUE(region.ok());
  const RegionToken token = region.value()->token();
  region.value().reset();
  auto other = AllocateSharedMemory(4096);  // most likely the same descriptor
  const auto mapped = MapSharedMemory(token, 4096);
  EXPECT_EQ(mapped.status().code(), StatusCode::kUnavailable);
}

TEST(SharedMemory, MappingMoreThanThereIsFails) {
  auto region = AllocateSharedMemory(4096);
  ASSERT_TRUE(region.ok());
  EXPECT_EQ(MapSharedMemory(region.value()->token(), 8192).status().code(),
            StatusCode::kUnavailable);
}

TEST(SharedMemory, ImpossibleSizeIsAnErrorThatNamesIt) {
  const auto region = AllocateSharedMemory(std::size_t{1} << 62);
  EXPECT_EQ(region.status().code(), StatusCode::kUnavailable);
  EXPECT_NE(region.status().message().find("4611686018427387904"), std::string::npos);
}

}  // namespace
}  // namespace ronde
