// Mapped device memory, and buffers that are not where they should be.
#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/frontends/session/device_sessions.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::int64_t kCount = 10'000;
constexpr std::size_t kBytes = kCount * sizeof(float);

class SessionDeviceMemory : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionDeviceMemory, testing::Values(1, 2, 3, 4));

std::shared_ptr<std::byte> AllocateOn(DeviceRank& rank, std::size_t size_bytes = kBytes) {
  auto memory = rank.session.AllocateOn(rank.device, size_bytes);
  EXPECT_TRUE(memory.ok()) << memory.status().message();
  return std::move(memory).value();
}

float SumOfRanks(const Session& session) {
  const auto n = static_cast<float>(session.size());
  return n * (n + 1) / 2;
}

TEST_P(SessionDeviceMemory, IsTheDevicesOwnAndZero) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    const auto memory = AllocateOn(rank);
    EXPECT_TRUE(rank.device.Owns(memory.get()));
    Floats values(kCount, -1);
    ASSERT_TRUE(rank.device.Copy(values.data(), memory.get(), kBytes, rank.stream.native).ok());
    ASSERT_TRUE(rank.device.Synchronize(rank.stream.native, Deadline::After(30)).ok());
    EXPECT_EQ(values, Floats(kCount, 0));
  });
}

TEST_P(SessionDeviceMemory, IsReducedWhereItLies) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const auto input = AllocateOn(rank);
    const auto output = AllocateOn(rank);
    const Floats own(kCount, static_cast<float>(session.rank() + 1));
    const DeviceValues<float> from(rank, input.get(), own);
    const DeviceValues<float> to(rank, output.get(), Floats(kCount, -1));
    for (int call = 0; call < 5; ++call) {
      ExpectIssued(rank, session.AllreduceAsync("x", from.View(DataType::kFloat32, {kCount}),
                                                to.View(DataType::kFloat32, {kCount}),
                                                {.op = ReduceOp::kSum}));
      EXPECT_EQ(to.Read(), Floats(kCount, SumOfRanks(session)));
      EXPECT_EQ(from.Read(), own);
    }
    const TensorView view = from.View(DataType::kFloat32, {kCount});
    ExpectIssued(rank, session.AllreduceAsync("y", view, view, {.op = ReduceOp::kSum}));
    EXPECT_EQ(from.Read(), Floats(kCount, SumOfRanks(session)));
    EXPECT_EQ(session.counters().bytes_packed, 0U);
  });
}

TEST_P(SessionDeviceMemory, AGroupThatLiesAsPackedIsReducedWhereItLies) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const auto memory = AllocateOn(rank);
    const auto own = static_cast<float>(session.rank() + 1);
    const DeviceValues<float> all(rank, memory.get(), Floats(kCount, own));
    const TensorView whole = all.View(DataType::kFloat32, {kCount});
    std::vector<TensorView> views;
    std::size_t offset = 0;
    for (const std::int64_t count : {5, 5000, 16, 0, 1}) {
      views.push_back(whole);
      views.back().data = memory.get() + offset;
      views.back().shape = {count};
      const std::size_t size_bytes = views.back().size_bytes();
      views.back().padding_bytes = (64 - size_bytes % 64) % 64;
      offset += size_bytes + views.back().padding_bytes;
    }
    ExpectIssued(rank,
                 session.GroupedAllreduceAsync("group", views, views, {.op = ReduceOp::kSum}));
    const Floats values = all.Read();
    EXPECT_EQ(values[0], SumOfRanks(session));
    EXPECT_EQ(values[16 + 4999], SumOfRanks(session));
    EXPECT_EQ(values[offset / sizeof(float)], own) << "behind the group";
    EXPECT_EQ(session.counters().bytes_packed, 0U);
  });
}

TEST_P(SessionDeviceMemory, BuffersAtDifferentPlacesArePrivateMemory) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const auto memory = AllocateOn(rank, 2 * kBytes);
    const Floats own(kCount, static_cast<float>(session.rank() + 1));
    const DeviceValues<float> shifted(
        rank, memory.get() + static_cast<std::size_t>(session.rank()) * 64, own);
    const TensorView view = shifted.View(DataType::kFloat32, {kCount});
    ExpectIssued(rank, session.AllreduceAsync("x", view, view, {.op = ReduceOp::kSum}));
    EXPECT_EQ(shifted.Read(), Floats(kCount, SumOfRanks(session)));
    const DeviceValues<float> elsewhere(rank, own);
    const TensorView mixed =
        session.rank() == 0 ? view : elsewhere.View(DataType::kFloat32, {kCount});
    ExpectIssued(rank, session.AllreduceAsync("y", mixed, mixed, {.op = ReduceOp::kMax}));
  });
}

TEST(SessionDeviceBuffers, OnTheHostOfSomeRanksAloneAreAMismatchEverywhereAndTheJobGoesOn) {
  RunDeviceSessions(3, [](DeviceRank& rank) {
    Session& session = rank.session;
    Floats host(10, 1);
    const DeviceValues<float> device(rank, Floats(10, 1));
    const TensorView here(host.data(), DataType::kFloat32, {10});
    const TensorView there = device.View(DataType::kFloat32, {10});
    const TensorView& mine = session.rank() == 1 ? here : there;
    const Status status = session.AllreduceAsync("x", mine, mine).Wait();
    EXPECT_EQ(status.code(), StatusCode::kMismatch);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("'x'"), HasSubstr("host memory"),
                                        HasSubstr("device memory"), HasSubstr("rank 1")));
    EXPECT_EQ(session.AllreduceAsync("x", mine, mine).WaitOn(rank.stream).code(),
              StatusCode::kMismatch);
    ExpectIssued(rank, session.AllreduceAsync("x", there, there, {.op = ReduceOp::kSum}));
    EXPECT_EQ(device.Read(), Floats(10, 3));
  });
}

TEST(SessionDeviceBuffers, InAWrongPlaceAreRefusedOnAllRanksWithOneMessage) {
  RunDeviceSessions(2, [](DeviceRank& rank) {
    Session& session = rank.session;
    const bool errs = session.rank() == 1;
    Floats host(10, 1);
    const DeviceValues<float> device(rank, Floats(10, 1));
    const TensorView here(host.data(), DataType::kFloat32, {10});
    const TensorView there = device.View(DataType::kFloat32, {10});
    ExpectIssued(rank, session.AllreduceAsync("first", there, there, {.op = ReduceOp::kMax}));
    const auto expect_refused = [&](const Handle& handle, const std::string& why) {
      const Status status = handle.Wait();
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(status.message(), AllOf(HasSubstr("rank 1"), HasSubstr(why)));
    };
    expect_refused(session.AllreduceAsync("a", there, errs ? here : there),
                   "its input is in the memory of simulated:1, but its output is in host memory");
    TensorView claimed = here;
    claimed.device = &rank.device;
    expect_refused(session.BroadcastAsync("b", errs ? claimed : there, 0),
                   "is said to be in the memory of simulated:1, but is not");
    SimulatedDevice second({.index = 7});
    TensorView on_second = there;
    on_second.device = &second;
    on_second.data = second.Allocate(40).value();
    expect_refused(session.AllreduceAsync("c", errs ? on_second : there, errs ? on_second : there),
                   "a rank uses one device");
    const std::vector<TensorView> group = {there, errs ? on_second : there};
    expect_refused(session.GroupedAllreduceAsync("d", group, group), "on rank 1");
    const auto gathered = session.GroupedAllgatherAsync("e", {there, errs ? claimed : there});
    for (const Handle& handle : gathered) {
      EXPECT_EQ(handle.Wait().code(), StatusCode::kInvalidArgument);
    }
    second.Free(on_second.data);
    ExpectIssued(rank, session.AllreduceAsync("a", there, there, {.op = ReduceOp::kSum}));
    EXPECT_EQ(device.Read(), Floats(10, 2));
  });
}

TEST(SessionDeviceBuffers, AreAllocatedInEqualSizes) {
  RunDeviceSessions(2, [](DeviceRank& rank) {
    const auto size_bytes = static_cast<std::size_t>(rank.session.rank() + 1);
    EXPECT_EQ(rank.session.AllocateOn(rank.device, size_bytes).status().code(),
              StatusCode::kMismatch);
    EXPECT_TRUE(rank.session.AllocateOn(rank.device, 1).ok());
    const auto on_host = rank.session.Allocate(1);
    EXPECT_TRUE(on_host.ok());
    EXPECT_FALSE(rank.device.Owns(on_host.value().get()));
  });
}

}  // namespace
}  // namespace ronde
