// Every operation on device memory: what it gives, where it lies, who waits.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/half.h"
#include "core/base/strcat.h"
#include "tests/frontends/session/device_sessions.h"

namespace ronde {
namespace {

using Floats = std::vector<float>;

class SessionDevice : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionDevice, testing::Values(1, 2, 3, 4));

// Small whole numbers: every order of additions gives the same.
template <typename T>
std::vector<T> ValuesOf(const Session& session, std::size_t count, int salt = 0) {
  std::vector<T> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = i * 7 + static_cast<std::size_t>(session.rank() * 3 + salt);
    values[i] = static_cast<T>(number % 13 + 1);
  }
  return values;
}

TensorView HostView(Floats& values, Shape shape) {
  return {values.data(), DataType::kFloat32, std::move(shape)};
}

Shape Vector(std::size_t count) { return {static_cast<std::int64_t>(count)}; }

// The same on the host, which other tests prove right.
Floats OnHost(Session& session, const std::string& name, Floats values,
              const AllreduceOptions& options) {
  const TensorView view = HostView(values, Vector(values.size()));
  const Status status = session.AllreduceAsync(name, view, view, options).Wait();
  EXPECT_TRUE(status.ok()) << status.message();
  return values;
}

TEST_P(SessionDevice, ReducesAsOnTheHost) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const AllreduceOptions cases[] = {
        {.op = ReduceOp::kSum},
        {.op = ReduceOp::kAverage},
        {.op = ReduceOp::kMin},
        {.op = ReduceOp::kMax},
        {.op = ReduceOp::kProduct},
        {.op = ReduceOp::kSum, .prescale = 0.5, .postscale = 4},
        {.op = ReduceOp::kAverage, .prescale = 2, .postscale = 0.25},
    };
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{1003}}) {
      for (std::size_t i = 0; i < std::size(cases); ++i) {
        const std::string name = StrCat(count, ".", i);
        const Floats values = ValuesOf<float>(session, count);
        const Floats expected = OnHost(session, StrCat("host", name), values, cases[i]);
        const DeviceValues<float> input(rank, values);
        const DeviceValues<float> output(rank, Floats(count, -1));
        const TensorView from = input.View(DataType::kFloat32, Vector(count));
        const TensorView to = output.View(DataType::kFloat32, Vector(count));
        const Handle apart = session.AllreduceAsync(StrCat("apart", name), from, to, cases[i]);
        ExpectIssued(rank, apart);
        EXPECT_EQ(output.Read(), expected) << name;
        EXPECT_EQ(input.Read(), values);
        const Handle in_place = session.AllreduceAsync(StrCat("in", name), from, from, cases[i]);
        ExpectIssued(rank, in_place);
        EXPECT_EQ(input.Read(), expected) << name;
        EXPECT_TRUE(in_place.Wait().ok());
      }
    }
  });
}

TEST_P(SessionDevice, ReducesOtherTypes) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const std::size_t count = 517;
    const auto whole = ValuesOf<std::int64_t>(session, count);
    std::vector<std::uint16_t> halves;
    for (const std::int64_t value : whole) {
      halves.push_back(FloatToBFloat16(static_cast<float>(value)));
    }
    const DeviceValues<std::int64_t> integers(rank, whole);
    const DeviceValues<std::uint16_t> bfloats(rank, halves);
    const TensorView a = integers.View(DataType::kInt64, Vector(count));
    const TensorView b = bfloats.View(DataType::kBFloat16, Vector(count));
    ExpectIssued(rank, session.AllreduceAsync("a", a, a, {.op = ReduceOp::kSum}));
    ExpectIssued(rank, session.AllreduceAsync("b", b, b, {.op = ReduceOp::kSum}));
    std::vector<std::int64_t> host = whole;
    const TensorView view(host.data(), DataType::kInt64, Vector(count));
    ASSERT_TRUE(session.AllreduceAsync("h", view, view, {.op = ReduceOp::kSum}).Wait().ok());
    EXPECT_EQ(integers.Read(), host);
    const std::vector<std::uint16_t> sums = bfloats.Read();
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(BFloat16ToFloat(sums[i]), static_cast<float>(host[i]));
    }
  });
}

TEST_P(SessionDevice, ReducesAdasumThroughTheHost) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    if ((rank.session.size() & (rank.session.size() - 1)) != 0) return;
    const Floats values = ValuesOf<float>(rank.session, 100);
    const AllreduceOptions adasum = {.op = ReduceOp::kAdasum};
    const Floats expected = OnHost(rank.session, "host", values, adasum);
    const DeviceValues<float> device(rank, values);
    const TensorView view = device.View(DataType::kFloat32, {100});
    ExpectIssued(rank, rank.session.AllreduceAsync("device", view, view, adasum));
    EXPECT_EQ(device.Read(), expected);
    const DeviceValues<float> member(rank, values);
    const TensorView other = member.View(DataType::kFloat32, {100});
    ExpectIssued(rank, rank.session.GroupedAllreduceAsync("group", {other}, {other}, adasum));
    EXPECT_EQ(member.Read(), expected);
  });
}

TEST_P(SessionDevice, Broadcasts) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    const int root = rank.session.size() - 1;
    const DeviceValues<float> values(rank, ValuesOf<float>(rank.session, 333));
    const Handle handle =
        rank.session.BroadcastAsync("b", values.View(DataType::kFloat32, Vector(333)), root);
    ExpectIssued(rank, handle);
    Floats expected(333);
    for (std::size_t i = 0; i < 333; ++i) {
      expected[i] = static_cast<float>((i * 7 + static_cast<std::size_t>(root * 3)) % 13 + 1);
    }
    EXPECT_EQ(values.Read(), expected);
  });
}

TEST_P(SessionDevice, GathersIntoAnOutputAndIntoTheHandle) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const auto ranks = static_cast<std::size_t>(session.size());
    const DeviceValues<float> input(rank, Floats(6, static_cast<float>(session.rank())));
    const DeviceValues<float> output(rank, Floats(6 * ranks, -1));
    const TensorView view = input.View(DataType::kFloat32, {2, 3});
    const TensorView rows =
        output.View(DataType::kFloat32, {2 * static_cast<std::int64_t>(ranks), 3});
    ExpectIssued(rank, session.AllgatherAsync("into", view, rows));
    Floats expected;
    for (std::size_t i = 0; i < ranks; ++i)
      expected.insert(expected.end(), 6, static_cast<float>(i));
    EXPECT_EQ(output.Read(), expected);

    // Without an output what is gathered is in host memory; ranks may have different rows.
    const std::int64_t own = session.rank() % 2 + 1;
    const Handle handle = session.AllgatherAsync("rows", input.View(DataType::kFloat32, {own, 3}));
    ASSERT_TRUE(handle.Wait().ok()) << handle.Wait().message();
    EXPECT_EQ(handle.result().rank_extents[static_cast<std::size_t>(session.rank())], own);
    const auto* const gathered = reinterpret_cast<const float*>(handle.result().gathered.data());
    EXPECT_EQ(gathered[0], 0);
    EXPECT_EQ(handle.result().gathered.size() / sizeof(float),
              static_cast<std::size_t>(handle.result().gathered_shape[0]) * 3);
  });
}

TEST_P(SessionDevice, ScattersSumsAndExchangesRows) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const int ranks = session.size();
    const std::int64_t rows = 2 * ranks + 1;
    const auto elements = static_cast<std::size_t>(rows) * 2;
    const Shape block = ReducescatterShape({rows, 2}, session.rank(), ranks);
    const auto own = static_cast<std::size_t>(block[0]) * 2;
    for (const AllreduceOptions& options :
         {AllreduceOptions{.op = ReduceOp::kSum}, AllreduceOptions{.op = ReduceOp::kAverage},
          AllreduceOptions{.op = ReduceOp::kSum, .prescale = 2}}) {
      Floats values = ValuesOf<float>(session, elements);
      Floats expected(own);
      const TensorView host_output(expected.data(), DataType::kFloat32, block);
      ASSERT_TRUE(session.ReducescatterAsync("h", HostView(values, {rows, 2}), host_output, options)
                      .Wait()
                      .ok());
      const DeviceValues<float> input(rank, values);
      const DeviceValues<float> output(rank, Floats(own, -1));
      ExpectIssued(rank,
                   session.ReducescatterAsync("d", input.View(DataType::kFloat32, {rows, 2}),
                                              output.View(DataType::kFloat32, block), options));
      EXPECT_EQ(output.Read(), expected);
    }

    const DeviceValues<float> sent(
        rank, Floats(static_cast<std::size_t>(ranks), static_cast<float>(session.rank())));
    const Handle exchange =
        session.AlltoallAsync("x", sent.View(DataType::kFloat32, {ranks}),
                              std::vector<std::int64_t>(static_cast<std::size_t>(ranks), 1));
    ASSERT_TRUE(exchange.Wait().ok()) << exchange.Wait().message();
    const auto* const got = reinterpret_cast<const float*>(exchange.result().gathered.data());
    for (int from = 0; from < ranks; ++from) EXPECT_EQ(got[from], static_cast<float>(from));
  });
}

TEST_P(SessionDevice, AveragesModelsAndSixteenBitOnesInFloat32) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const int ranks = session.size();
    const DeviceValues<float> wide(rank, Floats(1001, static_cast<float>(session.rank())));
    // 256 + 1 is no bfloat16: added up in that type, ones would be lost.
    const float own = session.rank() == 0 ? 256 : 1;
    const DeviceValues<std::uint16_t> narrow(
        rank, std::vector<std::uint16_t>(1001, FloatToBFloat16(own)));
    const Handle first =
        session.AverageModelAsync("wide", wide.View(DataType::kFloat32, {1001}), {.period = 2}, 2);
    const Handle second = session.AverageModelAsync(
        "narrow", narrow.View(DataType::kBFloat16, {1001}), {.period = 2}, 2);
    ExpectIssued(rank, first);
    ExpectIssued(rank, second);
    EXPECT_NEAR(wide.Read()[1000], static_cast<float>(ranks - 1) / 2, 1e-6);
    const float mean = static_cast<float>(256 + ranks - 1) / static_cast<float>(ranks);
    EXPECT_EQ(narrow.Read(), std::vector<std::uint16_t>(1001, FloatToBFloat16(mean)));
    const Handle not_due =
        session.AverageModelAsync("wide", wide.View(DataType::kFloat32, {1001}), {.period = 2}, 3);
    EXPECT_TRUE(not_due.Wait().ok());
    EXPECT_FALSE(not_due.result().performed);
  });
}

TEST_P(SessionDevice, ReducesGroupsOfSeveralTypes) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    const auto sum = static_cast<float>(session.size() * (session.size() + 1) / 2);
    const auto own = static_cast<float>(session.rank() + 1);
    std::vector<DeviceValues<float>> members;
    std::vector<TensorView> views;
    for (const std::size_t count : {5, 1000, 0, 17}) {
      members.emplace_back(rank, Floats(count, own));
      views.push_back(members.back().View(DataType::kFloat32, Vector(count)));
    }
    ExpectIssued(rank, session.GroupedAllreduceAsync("one", views, views, {.op = ReduceOp::kSum}));
    for (const DeviceValues<float>& member : members) {
      const Floats values = member.Read();
      EXPECT_EQ(values, Floats(values.size(), sum));
    }
    const DeviceValues<double> other(rank, std::vector<double>(33, own));
    views.resize(1);
    views.push_back(other.View(DataType::kFloat64, {33}));
    const Handle several =
        session.GroupedAllreduceAsync("several", views, views, {.op = ReduceOp::kAverage});
    ExpectIssued(rank, several);
    EXPECT_EQ(members[0].Read(), Floats(5, sum));
    EXPECT_DOUBLE_EQ(other.Read()[32], static_cast<double>(sum) / session.size());
  });
}

TEST_P(SessionDevice, PassesTensorsThroughStagingInPieces) {
  DeviceSessionsOptions options;
  ASSERT_TRUE(
      options.config.Set(Setting::kFusionThresholdBytes, "65536", SettingOrigin::kProgram).ok());
  options.delays = false;
  const auto body = [](DeviceRank& rank) {
    // Twice the least half of staging, and a bit.
    const std::size_t count = (std::size_t{9} << 20) / sizeof(float) + 5;
    const Floats values = ValuesOf<float>(rank.session, count);
    const Floats expected = OnHost(rank.session, "host", values, {.op = ReduceOp::kAverage});
    const DeviceValues<float> device(rank, values);
    const TensorView view = device.View(DataType::kFloat32, Vector(count));
    ExpectIssued(rank, rank.session.AllreduceAsync("device", view, view));
    EXPECT_EQ(device.Read(), expected);
    std::vector<std::uint16_t> ones(count, FloatToBFloat16(1));
    const DeviceValues<std::uint16_t> model(rank, ones);
    ExpectIssued(rank, rank.session.AverageModelAsync(
                           "model", model.View(DataType::kBFloat16, Vector(count)), {}, 1));
    EXPECT_EQ(model.Read(), ones);
  };
  RunDeviceSessions(GetParam(), body, options);
}

TEST_P(SessionDevice, FusesManyTensorsWhoseConsumerWaitsOnItsStreamAlone) {
  RunDeviceSessions(GetParam(), [](DeviceRank& rank) {
    Session& session = rank.session;
    constexpr int kTensors = 161;
    for (int step = 0; step < 3; ++step) {
      std::vector<DeviceValues<float>> tensors;
      std::vector<Handle> handles;
      std::vector<Floats> expected;
      for (int i = 0; i < kTensors; ++i) {
        const auto count = static_cast<std::size_t>(i * 37 % 400 + 1);
        Floats sum(count);
        for (int peer = 0; peer < session.size(); ++peer) {
          for (std::size_t k = 0; k < count; ++k) sum[k] += static_cast<float>(peer + i + step);
        }
        expected.push_back(std::move(sum));
        tensors.emplace_back(rank, Floats(count, static_cast<float>(session.rank() + i + step)));
        const TensorView view = tensors.back().View(DataType::kFloat32, Vector(count));
        handles.push_back(
            session.AllreduceAsync(StrCat("t", i), view, view, {.op = ReduceOp::kSum}));
      }
      for (const Handle& handle : handles) ExpectIssued(rank, handle);
      for (int i = 0; i < kTensors; ++i) {
        const auto index = static_cast<std::size_t>(i);
        EXPECT_EQ(tensors[index].Read(), expected[index]) << "step " << step << " tensor " << i;
      }
    }
    EXPECT_EQ(session.counters().operations, 3U * kTensors);
  });
}

TEST(SessionDeviceHosts, SeveralHostsReduceBroadcastAndGatherDeviceMemory) {
  DeviceSessionsOptions options;
  options.ranks.host_ids = {"a", "a", "b", "b"};
  const auto body = [](DeviceRank& rank) {
    const Floats values = ValuesOf<float>(rank.session, 2000);
    const Floats expected = OnHost(rank.session, "host", values, {.op = ReduceOp::kAverage});
    const DeviceValues<float> one(rank, values);
    const DeviceValues<float> two(rank, values);
    const TensorView a = one.View(DataType::kFloat32, {2000});
    const TensorView b = two.View(DataType::kFloat32, {2000});
    const Handle first = rank.session.AllreduceAsync("a", a, a);
    const Handle second = rank.session.AllreduceAsync("b", b, b);
    ExpectIssued(rank, first);
    ExpectIssued(rank, second);
    EXPECT_EQ(one.Read(), expected);
    EXPECT_EQ(two.Read(), expected);
    ExpectIssued(rank, rank.session.BroadcastAsync("c", a, 3));
    const auto memory = rank.session.AllocateOn(rank.device, 8000);
    ASSERT_TRUE(memory.ok()) << memory.status().message();
    const DeviceValues<float> mapped(rank, memory.value().get(), values);
    const TensorView c = mapped.View(DataType::kFloat32, {2000});
    ExpectIssued(rank, rank.session.AllreduceAsync("d", c, c));
    EXPECT_EQ(mapped.Read(), expected);
  };
  RunDeviceSessions(4, body, options);
}

}  // namespace
}  // namespace ronde
