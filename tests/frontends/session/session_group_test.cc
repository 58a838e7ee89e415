#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "frontends/session/session.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

TensorView ViewOf(std::vector<float>& values) {
  return {values.data(), DataType::kFloat32, {static_cast<std::int64_t>(values.size())}};
}

std::vector<TensorView> ViewsOf(std::vector<std::vector<float>>& tensors) {
  std::vector<TensorView> views;
  for (std::vector<float>& tensor : tensors) views.push_back(ViewOf(tensor));
  return views;
}

// Tensors of these lengths, filled with rank + 1 + their number.
std::vector<std::vector<float>> Tensors(int rank, const std::vector<std::size_t>& counts) {
  std::vector<std::vector<float>> tensors;
  for (const std::size_t count : counts) {
    tensors.emplace_back(count, static_cast<float>(rank + 1 + tensors.size()));
  }
  return tensors;
}

void ExpectSums(const std::vector<std::vector<float>>& tensors, int ranks) {
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto n = static_cast<float>(ranks);
    const float sum = n * (n + 1) / 2 + n * static_cast<float>(i);
    EXPECT_EQ(tensors[i], std::vector<float>(tensors[i].size(), sum)) << "member " << i;
  }
}

class SessionGroup : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionGroup, testing::Values(1, 2, 3, 4));

TEST_P(SessionGroup, ReducesEveryMemberWhateverTheFusionThreshold) {
  for (const char* threshold_bytes : {"0", "100", "512", "64M"}) {
    Config config;
    ASSERT_TRUE(
        config.Set(Setting::kFusionThresholdBytes, threshold_bytes, SettingOrigin::kProgram).ok());
    const auto body = [](Session& session) {
      const std::vector<std::size_t> counts = {5, 0, 1000, 16, 1};
      auto inputs = Tensors(session.rank(), counts);
      auto outputs = Tensors(0, counts);
      auto in_place = Tensors(session.rank(), counts);
      const Handle first = session.GroupedAllreduceAsync("group", ViewsOf(inputs), ViewsOf(outputs),
                                                         {.op = ReduceOp::kSum});
      const Handle second = session.GroupedAllreduceAsync(
          "in place", ViewsOf(in_place), ViewsOf(in_place), {.op = ReduceOp::kSum});
      std::vector<float> single = {1};
      const Handle third =
          session.AllreduceAsync("single", ViewOf(single), ViewOf(single), {.op = ReduceOp::kSum});
      for (const Handle& handle : {first, second, third}) {
        EXPECT_TRUE(handle.Wait().ok()) << handle.Wait().ToString();
      }
      ExpectSums(outputs, session.size());
      ExpectSums(in_place, session.size());
      EXPECT_EQ(inputs, Tensors(session.rank(), counts));
      EXPECT_EQ(single[0], static_cast<float>(session.size()));
      EXPECT_EQ(session.counters().operations, 3U);
      EXPECT_EQ(session.counters().payload_bytes, (1022U * 2 + 1) * sizeof(float));
    };
    RunSessions(GetParam(), body, config);
  }
}

TEST_P(SessionGroup, ReducesMembersOfSeveralTypes) {
  RunSessions(GetParam(), [](Session& session) {
    const int size = session.size();
    auto floats = Tensors(session.rank(), {5, 70});
    std::vector<std::int64_t> whole(3, session.rank());
    std::vector<double> doubles(4, session.rank());
    const std::vector<TensorView> views = {ViewOf(floats[0]),
                                           {whole.data(), DataType::kInt64, {3}},
                                           ViewOf(floats[1]),
                                           {doubles.data(), DataType::kFloat64, {2, 2}}};
    const Handle handle =
        session.GroupedAllreduceAsync("group", views, views, {.op = ReduceOp::kSum});
    EXPECT_TRUE(handle.Wait().ok()) << handle.Wait().ToString();
    ExpectSums(floats, size);
    EXPECT_EQ(whole, std::vector<std::int64_t>(3, size * (size - 1) / 2));
    EXPECT_EQ(doubles, std::vector<double>(4, size * (size - 1) / 2));
  });
}

TEST_P(SessionGroup, OfSeveralTypesFailsAsOne) {
  RunSessions(GetParam(), [](Session& session) {
    std::vector<float> floats(3, 1);
    std::vector<std::int64_t> whole(3, 1);
    const std::vector<TensorView> views = {ViewOf(floats), {whole.data(), DataType::kInt64, {3}}};
    // Integers cannot be scaled.
    const Status status =
        session.GroupedAllreduceAsync("group", views, views, {.prescale = 2}).Wait();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.message();
    EXPECT_EQ(floats, std::vector<float>(3, 1));
    EXPECT_EQ(whole, std::vector<std::int64_t>(3, 1));
    EXPECT_TRUE(session.BarrierAsync().Wait().ok());
  });
}

TEST_P(SessionGroup, MembersThatDifferAreAnErrorOnAllRanksAndTheJobGoesOn) {
  RunSessions(GetParam(), [](Session& session) {
    if (session.size() == 1) return;
    const bool odd = session.rank() == session.size() - 1;
    auto tensors = Tensors(session.rank(),
                           odd ? std::vector<std::size_t>{3, 4} : std::vector<std::size_t>{4, 3});
    const auto views = ViewsOf(tensors);
    EXPECT_EQ(session.GroupedAllreduceAsync("group", views, views).Wait().code(),
              StatusCode::kMismatch);
    EXPECT_TRUE(session.BarrierAsync().Wait().ok());
  });
}

TEST(SessionGroup, RefusesWhatIsNoGroup) {
  RunSessions(1, [](Session& session) {
    std::vector<float> values(4);
    std::vector<double> doubles(4);
    const TensorView floats = ViewOf(values);
    const TensorView wide(doubles.data(), DataType::kFloat64, {4});
    const TensorView absurd(values.data(), DataType::kFloat32, {1LL << 40, 1LL << 40});
    const auto code = [&](const std::vector<TensorView>& inputs,
                          const std::vector<TensorView>& outputs) {
      return session.GroupedAllreduceAsync("group", inputs, outputs).Wait().code();
    };
    EXPECT_EQ(code({}, {}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code({floats}, {floats, floats}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code({floats, wide}, {floats, floats}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code({absurd}, {absurd}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code({floats}, {floats}), StatusCode::kOk);
    EXPECT_EQ(code({floats, wide}, {floats, wide}), StatusCode::kOk);
  });
}

}  // namespace
}  // namespace ronde
