#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "frontends/session/session.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

TEST(AverageSchedule, IsDueAtTheEndsOfWindowsAfterTheOrigin) {
  const AverageSchedule every_third{.period = 3, .origin = 0};
  std::vector<std::int64_t> due;
  for (std::int64_t step = 1; step <= 10; ++step) {
    if (every_third.Due(step)) due.push_back(step);
  }
  EXPECT_EQ(due, (std::vector<std::int64_t>{3, 6, 9}));
}

TEST(AverageSchedule, CountsItsWindowsFromTheOrigin) {
  const AverageSchedule late{.period = 4, .origin = 10};
  std::vector<std::int64_t> due;
  for (std::int64_t step = 1; step <= 20; ++step) {
    if (late.Due(step)) due.push_back(step);
  }
  EXPECT_EQ(due, (std::vector<std::int64_t>{14, 18})) << "not at 10, and not after its first step";
}

class ModelAverage : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, ModelAverage, ::testing::Values(1, 2, 3, 4));

// Epochs of 5 steps and H = 3: windows cross epochs, and every third step averages, whatever the
// epoch says.
TEST_P(ModelAverage, AveragesWhenDueAndCommunicatesNothingOtherwise) {
  RunSessions(GetParam(), [](Session& session) {
    const AverageSchedule schedule{.period = 3, .origin = 2};
    std::vector<float> parameters(1000, static_cast<float>(session.rank()));
    int averages = 0;
    for (std::int64_t step = 1; step <= 20; ++step) {
      for (float& parameter : parameters) parameter += static_cast<float>(session.rank());
      const std::vector<float> before = parameters;
      const SessionCounters counted = session.counters();
      const Handle handle = session.AverageModelAsync(
          "model", {parameters.data(), DataType::kFloat32, {1000}}, schedule, step);
      const Status status = handle.Wait();
      ASSERT_TRUE(status.ok()) << status.message();
      const bool due =
          step == 5 || step == 8 || step == 11 || step == 14 || step == 17 || step == 20;
      EXPECT_EQ(handle.result().performed, due) << step;
      const SessionCounters now = session.counters();
      EXPECT_EQ(now.operations, counted.operations + (due ? 1 : 0));
      EXPECT_EQ(now.payload_bytes, counted.payload_bytes + (due ? 4000 : 0));
      if (!due) {
        EXPECT_EQ(parameters, before);
        EXPECT_EQ(now.bytes_on_wire, counted.bytes_on_wire);
        continue;
      }
      ++averages;
      // Steps since the last average (the first window has two more) times the mean rank.
      const float mean_rank = static_cast<float>(session.size() - 1) / 2;
      EXPECT_FLOAT_EQ(parameters[0], mean_rank * static_cast<float>(1 + step)) << step;
      EXPECT_EQ(parameters, std::vector<float>(1000, parameters[0]));
    }
    EXPECT_EQ(averages, 6);
  });
}

TEST_P(ModelAverage, ReportsDisagreeingWindowsToAllRanksAndGoesOn) {
  const int size = GetParam();
  if (size == 1) return;
  const auto check = [&](AverageSchedule odd, std::int64_t odd_step) {
    std::vector<std::string> messages(static_cast<std::size_t>(size));
    RunSessions(size, [&](Session& session) {
      const bool is_odd = session.rank() == 1;
      double parameter = session.rank();
      const TensorView view(&parameter, DataType::kFloat64, {1});
      const Handle handle = session.AverageModelAsync(
          "model", view, is_odd ? odd : AverageSchedule{.period = 4, .origin = 0},
          is_odd ? odd_step : 8);
      const Status status = handle.Wait();
      EXPECT_EQ(status.code(), StatusCode::kMismatch) << status.message();
      EXPECT_EQ(parameter, session.rank());
      messages[static_cast<std::size_t>(session.rank())] = status.message();
      const Status next = session.AverageModelAsync("model", view, {.period = 4}, 12).Wait();
      EXPECT_TRUE(next.ok()) << next.message();
      EXPECT_EQ(parameter, (session.size() - 1) / 2.0);
    });
    for (const std::string& message : messages) EXPECT_EQ(message, messages[0]);
  };
  check({.period = 2, .origin = 0}, 8);
  check({.period = 4, .origin = 4}, 8);
  check({.period = 4, .origin = 0}, 4);
}

TEST_P(ModelAverage, RefusesASenselessWindowOnAllRanks) {
  RunSessions(GetParam(), [](Session& session) {
    float parameter = 0;
    const TensorView view(&parameter, DataType::kFloat32, {1});
    std::int32_t whole = 0;
    const auto code = [](const Handle& handle) { return handle.Wait().code(); };
    EXPECT_EQ(code(session.AverageModelAsync("a", view, {.period = 0}, 1)),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.AverageModelAsync("b", view, {.period = 1}, 0)),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.AverageModelAsync("c", view, {.period = 1, .origin = -1}, 1)),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.AverageModelAsync("d", {&whole, DataType::kInt32, {1}}, {}, 1)),
              StatusCode::kInvalidArgument);
  });
}

}  // namespace
}  // namespace ronde
