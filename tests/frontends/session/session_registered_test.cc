#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "frontends/session/session.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

constexpr std::int64_t kCount = 10'000;
constexpr std::size_t kBytes = kCount * sizeof(float);

class SessionRegistered : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionRegistered, testing::Values(1, 2, 3, 4));

// Registered memory that this rank has filled with its number, counted from 1.
std::shared_ptr<std::byte> Allocate(Session& session, std::size_t size_bytes = kBytes) {
  auto memory = session.Allocate(size_bytes);
  EXPECT_TRUE(memory.ok()) << memory.status().message();
  auto* const values = reinterpret_cast<float*>(memory.value().get());
  std::fill_n(values, size_bytes / sizeof(float), static_cast<float>(session.rank() + 1));
  return std::move(memory).value();
}

TensorView View(void* data, std::int64_t count) { return {data, DataType::kFloat32, {count}}; }

void ExpectAll(const void* data, std::int64_t count, float expected) {
  const auto* const values = static_cast<const float*>(data);
  EXPECT_EQ(std::vector<float>(values, values + count), std::vector<float>(count, expected));
}

float SumOfRanks(const Session& session) {
  const auto n = static_cast<float>(session.size());
  return n * (n + 1) / 2;
}

TEST_P(SessionRegistered, ReducesInPlaceAndOutOfPlace) {
  RunSessions(GetParam(), [](Session& session) {
    const auto input = Allocate(session);
    const auto output = Allocate(session);
    const AllreduceOptions sum = {.op = ReduceOp::kSum};
    for (int call = 0; call < 20; ++call) {
      EXPECT_TRUE(session
                      .AllreduceAsync("out of place", View(input.get(), kCount),
                                      View(output.get(), kCount), sum)
                      .Wait()
                      .ok());
      ExpectAll(output.get(), kCount, SumOfRanks(session));
    }
    ExpectAll(input.get(), kCount, static_cast<float>(session.rank() + 1));
    const TensorView in_place = View(input.get(), kCount);
    EXPECT_TRUE(session.AllreduceAsync("in place", in_place, in_place, sum).Wait().ok());
    ExpectAll(input.get(), kCount, SumOfRanks(session));
    EXPECT_EQ(session.counters().bytes_packed, 0U);
  });
}

TEST_P(SessionRegistered, BuffersAtDifferentPlacesAreOrdinaryMemory) {
  RunSessions(GetParam(), [](Session& session) {
    const auto memory = Allocate(session, 2 * kBytes);
    std::byte* const mine = memory.get() + static_cast<std::size_t>(session.rank()) * 64;
    const TensorView view = View(mine, kCount);
    EXPECT_TRUE(session.AllreduceAsync("x", view, view, {.op = ReduceOp::kSum}).Wait().ok());
    ExpectAll(mine, kCount, SumOfRanks(session));
    // Nor need all ranks use it.
    std::vector<float> own(kCount, 1);
    const TensorView other = session.rank() == 0 ? view : View(own.data(), kCount);
    EXPECT_TRUE(session.AllreduceAsync("x", other, other, {.op = ReduceOp::kMax}).Wait().ok());
  });
}

TEST_P(SessionRegistered, NeedNotBeAlignedToItsElements) {
  RunSessions(GetParam(), [](Session& session) {
    const auto memory = Allocate(session, 2 * kBytes);
    const std::vector<float> ones(kCount, 1);
    for (const std::size_t skew : {1, 2, 3, 66}) {
      std::byte* const data = memory.get() + skew;
      std::memcpy(data, ones.data(), kBytes);
      const TensorView view = View(data, kCount);
      ASSERT_TRUE(session.AllreduceAsync("x", view, view, {.op = ReduceOp::kSum}).Wait().ok());
      std::vector<float> sums(kCount);
      std::memcpy(sums.data(), data, kBytes);
      EXPECT_EQ(sums, std::vector<float>(kCount, static_cast<float>(session.size()))) << skew;
    }
  });
}

// An algorithm for registered memory, asked for by name, takes small tensors one by one: their
// batch would be packed in other memory.
TEST_P(SessionRegistered, SmallTensorsRunByTheNamedAlgorithm) {
  if (GetParam() == 1) return;  // which has no memory that it shares
  Config config;
  ASSERT_TRUE(
      config.Set(Setting::kAllreduceAlgorithm, "push_two_shot", SettingOrigin::kProgram).ok());
  RunSessions(
      GetParam(),
      [](Session& session) {
        constexpr int kTensors = 30;
        const auto memory = Allocate(session, kTensors * 4096);
        std::vector<Handle> handles;
        for (int i = 0; i < kTensors; ++i) {
          const TensorView view = View(memory.get() + i * 4096, 1024);
          handles.push_back(
              session.AllreduceAsync("x" + std::to_string(i), view, view, {.op = ReduceOp::kSum}));
        }
        for (const Handle& handle : handles) {
          const Status status = handle.Wait();
          ASSERT_TRUE(status.ok()) << status.ToString();
        }
        ExpectAll(memory.get(), kTensors * 1024, SumOfRanks(session));
      },
      config);
}

// So it does not matter to a run's bits where its buffers lie, or whether a host can share memory.
TEST_P(SessionRegistered, GivesTheBitsOfOrdinaryMemory) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kReproducible, "on", SettingOrigin::kProgram).ok());
  const auto body = [](Session& session) {
    const auto memory = Allocate(session);
    auto* const registered = reinterpret_cast<float*>(memory.get());
    std::mt19937 random(static_cast<unsigned>(session.rank()));
    std::normal_distribution<float> normal;
    std::generate_n(registered, kCount, [&] { return normal(random); });
    std::vector<float> ordinary(registered, registered + kCount);
    const TensorView one = View(registered, kCount);
    const TensorView other = View(ordinary.data(), kCount);
    EXPECT_TRUE(session.AllreduceAsync("registered", one, one).Wait().ok());
    EXPECT_TRUE(session.AllreduceAsync("ordinary", other, other).Wait().ok());
    EXPECT_EQ(std::memcmp(registered, ordinary.data(), kBytes), 0);
  };
  RunSessions(GetParam(), body, config);
}

TEST_P(SessionRegistered, AveragesModels) {
  RunSessions(GetParam(), [](Session& session) {
    const auto memory = Allocate(session);
    const TensorView view = View(memory.get(), kCount);
    EXPECT_TRUE(session.AverageModelAsync("model", view, {.period = 1}, 1).Wait().ok());
    ExpectAll(memory.get(), kCount, SumOfRanks(session) / static_cast<float>(session.size()));
  });
}

TEST_P(SessionRegistered, AGroupThatLiesAsPackedIsReducedWhereItLies) {
  RunSessions(GetParam(), [](Session& session) {
    const auto memory = Allocate(session);
    const std::int64_t counts[] = {5, 5000, 16, 0, 1};
    std::vector<TensorView> views;
    std::size_t offset = 0;
    for (const std::int64_t count : counts) {
      views.push_back(View(memory.get() + offset, count));
      const std::size_t size_bytes = views.back().size_bytes();
      views.back().padding_bytes = (64 - size_bytes % 64) % 64;
      offset += size_bytes + views.back().padding_bytes;
    }
    EXPECT_TRUE(
        session.GroupedAllreduceAsync("group", views, views, {.op = ReduceOp::kSum}).Wait().ok());
    for (const TensorView& view : views) ExpectAll(view.data, view.count(), SumOfRanks(session));
    EXPECT_EQ(session.counters().bytes_packed, 0U);
    const auto after = reinterpret_cast<const float*>(memory.get() + offset);
    EXPECT_EQ(*after, static_cast<float>(session.rank() + 1)) << "behind the group";
  });
}

TEST_P(SessionRegistered, MemoryMayComeAndGo) {
  RunSessions(GetParam(), [](Session& session) {
    for (int i = 0; i < 5; ++i) {
      const auto memory = Allocate(session, kBytes * static_cast<std::size_t>(i + 1));
      const TensorView view = View(memory.get(), kCount * (i + 1));
      EXPECT_TRUE(session.AllreduceAsync("x", view, view, {.op = ReduceOp::kSum}).Wait().ok());
      ExpectAll(memory.get(), kCount * (i + 1), SumOfRanks(session));
    }
    EXPECT_TRUE(session.Allocate(0).ok());
  });
}

TEST_P(SessionRegistered, MemoryOutlivesTheSession) {
  RunSessions(GetParam(), [](Session& session) {
    const auto memory = Allocate(session);
    EXPECT_TRUE(session.Shutdown().ok());
    EXPECT_EQ(session.Allocate(1).status().code(), StatusCode::kShutdown);
    ExpectAll(memory.get(), kCount, static_cast<float>(session.rank() + 1));
  });
}

TEST(SessionRegisteredSizes, MustBeEqual) {
  RunSessions(2, [](Session& session) {
    const auto memory = session.Allocate(static_cast<std::size_t>(session.rank() + 1));
    EXPECT_EQ(memory.status().code(), StatusCode::kMismatch);
    EXPECT_TRUE(session.Allocate(1).ok());
  });
}

}  // namespace
}  // namespace ronde
