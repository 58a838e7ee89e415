// Device memory while ranks join, sets come and go, peers fail and sessions end.
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/frontends/session/device_sessions.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;
using testing::HasSubstr;

constexpr AllreduceOptions kSum = {.op = ReduceOp::kSum};

DeviceSessionsOptions WithTimeout(const char* seconds) {
  DeviceSessionsOptions options;
  EXPECT_TRUE(options.config.Set(Setting::kTimeoutS, seconds, SettingOrigin::kProgram).ok());
  return options;
}

// Until the job has failed here, too.
bool WaitForFailure(const Session& session) {
  const Deadline deadline = Deadline::After(20);
  while (session.status().ok() && !deadline.Expired()) std::this_thread::yield();
  return !session.status().ok();
}

class SessionDeviceLife : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionDeviceLife, testing::Values(1, 2, 3, 4));

TEST_P(SessionDeviceLife, TakesValuesOnlyAtTheirProducersEvent) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    rank.device.Hold(rank.stream.native);
    const DeviceValues<float> values(rank, Floats(100, 1));  // written behind the hold
    const TensorView view = values.View(DataType::kFloat32, {100});
    const Handle handle = rank.session.AllreduceAsync("x", view, view, kSum);
    ExpectIssued(rank, handle);  // though nothing has happened yet
    EXPECT_FALSE(handle.Poll());
    rank.device.Resume(rank.stream.native);
    EXPECT_EQ(values.Read(), Floats(100, static_cast<float>(rank.session.size())));
    EXPECT_TRUE(handle.Wait().ok());
  });
}

// Rank r has r + 1 steps.
TEST_P(SessionDeviceLife, RanksThatHaveJoinedCountAsZeros) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const int size = session.size();
    for (int step = 0; step <= session.rank(); ++step) {
      const auto left = static_cast<float>(size - step);
      std::vector<DeviceValues<float>> tensors;
      std::vector<TensorView> views;
      for (int i = 0; i < 5; ++i) {
        tensors.emplace_back(rank, Floats(100, 1));
        views.push_back(tensors.back().View(DataType::kFloat32, {100}));
      }
      const DeviceValues<float> block(rank, Floats(100, -1));
      const Shape rows = ReducescatterShape({100}, session.rank(), size);
      const std::vector<Handle> handles = {
          session.AllreduceAsync(StrCat("a", step), views[0], views[0], kSum),
          session.AllreduceAsync(StrCat("b", step), views[1], views[1], kSum),
          session.GroupedAllreduceAsync(StrCat("g", step), {views[2], views[3]},
                                        {views[2], views[3]}, kSum),
          session.ReducescatterAsync(StrCat("r", step), views[4],
                                     block.View(DataType::kFloat32, rows), kSum)};
      for (const Handle& handle : handles) ExpectIssued(rank, handle);
      for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(tensors[i].Read(), Floats(100, left));
      EXPECT_EQ(block.Read()[0], rows[0] > 0 ? left : -1);
      for (const Handle& handle : handles) EXPECT_TRUE(handle.Wait().ok());
    }
    EXPECT_EQ(session.Join().value(), size - 1);
  });
}

// The others' memory is staged until it has a device.
TEST_P(SessionDeviceLife, ARankMayJoinBeforeItEverUsedADevice) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const int size = session.size();
    const auto others = static_cast<float>(size - 1);
    if (session.rank() > 0) {
      const DeviceValues<float> one(rank, Floats(50, 1));
      const DeviceValues<float> two(rank, Floats(60, 1));
      const TensorView a = one.View(DataType::kFloat32, {50});
      const TensorView b = two.View(DataType::kFloat32, {60});
      const Handle first = session.AllreduceAsync("a", a, a, kSum);
      const Handle second = session.AllreduceAsync("b", b, b, kSum);
      ExpectIssued(rank, first);
      ExpectIssued(rank, second);
      EXPECT_EQ(one.Read(), Floats(50, others));
      EXPECT_EQ(two.Read(), Floats(60, others));
      ExpectIssued(rank, session.BroadcastAsync("c", a, size - 1));
      const Handle rows = session.AllgatherAsync("d", a);
      EXPECT_TRUE(rows.Wait().ok()) << rows.Wait().message();
    }
    EXPECT_TRUE(session.Join().ok());
    const DeviceValues<float> last(rank, Floats(50, 1));
    const TensorView view = last.View(DataType::kFloat32, {50});
    ExpectIssued(rank, session.AllreduceAsync("e", view, view, kSum));
    EXPECT_EQ(last.Read(), Floats(50, others + 1));
  });
}

TEST_P(SessionDeviceLife, ProcessSetsRunAmongTheirRanks) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    std::vector<int> even;
    for (int member = 0; member < session.size(); member += 2) even.push_back(member);
    const Result<int> set = session.AddProcessSet(even);
    ASSERT_TRUE(set.ok());
    const auto run = [&](int process_set, std::size_t ranks) {
      for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kAverage}) {
        const DeviceValues<float> values(rank, Floats(1000, 1));
        const TensorView view = values.View(DataType::kFloat32, {1000});
        ExpectIssued(
            rank, session.AllreduceAsync("x", view, view, {.op = op, .process_set = process_set}));
        const float expected = op == ReduceOp::kSum ? static_cast<float>(ranks) : 1;
        EXPECT_EQ(values.Read(), Floats(1000, expected));
      }
    };
    // First where the world has used no device yet, then where it has.
    if (session.rank() % 2 == 0) run(set.value(), even.size());
    run(kWorld, static_cast<std::size_t>(session.size()));
    if (session.rank() % 2 == 0) run(set.value(), even.size());
    const auto memory = session.AllocateOn(rank.device, 4000);
    ASSERT_TRUE(memory.ok());
    const DeviceValues<float> mapped(rank, memory.value().get(), Floats(1000, 1));
    const TensorView view = mapped.View(DataType::kFloat32, {1000});
    if (session.rank() % 2 == 0) {
      ExpectIssued(rank, session.AllreduceAsync(
                             "y", view, view, {.op = ReduceOp::kSum, .process_set = set.value()}));
      EXPECT_EQ(mapped.Read(), Floats(1000, static_cast<float>(even.size())));
    }
    EXPECT_TRUE(session.RemoveProcessSet(set.value()).ok());
    run(kWorld, static_cast<std::size_t>(session.size()));
  });
}

TEST_P(SessionDeviceLife, ShutdownCompletesWhatIsInFlight) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    std::vector<DeviceValues<float>> tensors;
    std::vector<Handle> handles;
    for (int i = 0; i < 20; ++i) {
      tensors.emplace_back(rank, Floats(1000, 1));
      const TensorView view = tensors.back().View(DataType::kFloat32, {1000});
      handles.push_back(rank.session.AllreduceAsync(StrCat(i), view, view, kSum));
    }
    EXPECT_TRUE(rank.session.Shutdown().ok());
    for (const Handle& handle : handles) {
      EXPECT_TRUE(handle.Poll());
      EXPECT_TRUE(handle.Wait().ok()) << handle.Wait().message();
    }
    for (const DeviceValues<float>& tensor : tensors) {
      EXPECT_EQ(tensor.Read(), Floats(1000, static_cast<float>(rank.session.size())));
    }
  });
}

TEST(SessionDeviceFailure, ARankWhoseDeviceStopsEndsTheOthersWithItsName) {
  RunDeviceSessions(
      3,
      [](DeviceRank& rank) {
        const DeviceValues<float> warm(rank, Floats(10, 1));
        const TensorView first = warm.View(DataType::kFloat32, {10});
        ExpectIssued(rank, rank.session.AllreduceAsync("warm", first, first, kSum));
        EXPECT_EQ(warm.Read(), Floats(10, 3));
        const bool stops = rank.session.rank() == 1;
        if (stops) rank.device.Hold(rank.stream.native);  // its values never come
        const DeviceValues<float> values(rank, Floats(1000, 1));
        const DeviceValues<float> others(rank, Floats(1000, 1));
        const TensorView view = values.View(DataType::kFloat32, {1000});
        const TensorView other = others.View(DataType::kFloat32, {1000});
        const Handle handle = rank.session.AllreduceAsync("x", view, view, kSum);
        const Handle later = rank.session.AllreduceAsync("y", other, other, kSum);
        if (stops) {
          // The buffers are lent until what has been given to the device has ended.
          EXPECT_TRUE(WaitForFailure(rank.session));
          rank.device.Resume(rank.stream.native);
        }
        for (const Handle& each : {handle, later}) {
          const Status status = each.WaitUntil(Deadline::After(20));
          EXPECT_FALSE(status.ok());
          EXPECT_THAT(status.message(), HasSubstr("rank 1"));
        }
        EXPECT_FALSE(rank.session.Shutdown().ok());
        EXPECT_THAT(rank.session.status().message(), HasSubstr("rank 1"));
      },
      WithTimeout("1"));
}

TEST(SessionDeviceFailure, AnAbortEndsWhatWaitsOnDevices) {
  RunDeviceSessions(2, [](DeviceRank& rank) {
    if (rank.session.rank() == 1) rank.device.Hold(rank.stream.native);
    const DeviceValues<float> values(rank, Floats(1000, 1));
    const TensorView view = values.View(DataType::kFloat32, {1000});
    const Handle handle = rank.session.AllreduceAsync("x", view, view, kSum);
    ExpectIssued(rank, handle);
    if (rank.session.rank() == 1) {
      rank.session.Abort(Status::Aborted("the user has had enough"));
      // Buffers are lent until then: even a failed job waits for producers, for a while.
      rank.device.Resume(rank.stream.native);
    }
    const Status status = handle.WaitUntil(Deadline::After(20));
    EXPECT_EQ(status.code(), StatusCode::kAborted);
    EXPECT_THAT(status.message(), HasSubstr("the user has had enough"));
  });
}

TEST(SessionDeviceFailure, ADeviceThatIsLostEndsTheJobWithItsWords) {
  RunDeviceSessions(2, [](DeviceRank& rank) {
    const DeviceValues<float> values(rank, Floats(1000, 1));
    if (rank.session.rank() == 0) {
      rank.device.InjectStreamError(rank.stream.native, Status::Internal("the device is lost"));
    }
    EventPool events(rank.device);
    TensorView view = values.View(DataType::kFloat32, {1000});
    view.ready = events.Record(rank.stream).value();
    const Status status =
        rank.session.AllreduceAsync("x", view, view, kSum).WaitUntil(Deadline::After(20));
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.message(), HasSubstr("the device is lost"));
  });
}

}  // namespace
}  // namespace ronde
