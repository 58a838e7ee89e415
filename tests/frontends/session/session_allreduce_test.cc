#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "frontends/session/session.h"
#include "tensor_fusion/widen.h"
#include "tests/frontends/session/run_sessions.h"

namespace ronde {
namespace {

// Small integers, exact in every dtype; `Store` and `Load` convert one element.
void Store(DataType dtype, void* data, std::size_t i, int value) {
  switch (dtype) {
    case DataType::kFloat16:
    case DataType::kBFloat16: {
      const auto wide = static_cast<float>(value);
      Narrow(dtype, &wide, static_cast<std::uint16_t*>(data) + i, 1);
      return;
    }
    case DataType::kFloat32:
      static_cast<float*>(data)[i] = static_cast<float>(value);
      return;
    case DataType::kFloat64:
      static_cast<double*>(data)[i] = value;
      return;
    case DataType::kInt32:
      static_cast<std::int32_t*>(data)[i] = value;
      return;
    case DataType::kInt64:
      static_cast<std::int64_t*>(data)[i] = value;
      return;
    case DataType::kUInt8:
      static_cast<std::uint8_t*>(data)[i] = static_cast<std::uint8_t>(value);
      return;
  }
}

double Load(DataType dtype, const void* data, std::size_t i) {
  switch (dtype) {
    case DataType::kFloat16:
    case DataType::kBFloat16: {
      float wide = 0;
      Widen(dtype, static_cast<const std::uint16_t*>(data) + i, &wide, 1);
      return wide;
    }
    case DataType::kFloat32:
      return static_cast<const float*>(data)[i];
    case DataType::kFloat64:
      return static_cast<const double*>(data)[i];
    case DataType::kInt32:
      return static_cast<const std::int32_t*>(data)[i];
    case DataType::kInt64:
      return static_cast<double>(static_cast<const std::int64_t*>(data)[i]);
    case DataType::kUInt8:
      return static_cast<const std::uint8_t*>(data)[i];
  }
  return 0;
}

Config WithThreshold(const std::string& threshold_bytes) {
  Config config;
  EXPECT_TRUE(
      config.Set(Setting::kFusionThresholdBytes, threshold_bytes, SettingOrigin::kProgram).ok());
  return config;
}

class SessionAllreduce : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionAllreduce, ::testing::Values(1, 2, 3, 4));

TEST_P(SessionAllreduce, SumsEveryDataType) {
  RunSessions(GetParam(), [](Session& session) {
    const int size = session.size();
    for (int type = 0; type < kDataTypeCount; ++type) {
      const auto dtype = static_cast<DataType>(type);
      for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1000}}) {
        std::vector<std::byte> data(static_cast<std::size_t>(count) * SizeOf(dtype) + 1);
        for (std::int64_t i = 0; i < count; ++i) {
          Store(dtype, data.data(), static_cast<std::size_t>(i),
                session.rank() + static_cast<int>(i % 5));
        }
        const TensorView tensor(data.data(), dtype, {count});
        const Status status =
            session
                .AllreduceAsync(StrCat(Name(dtype), count), tensor, tensor, {.op = ReduceOp::kSum})
                .Wait();
        ASSERT_TRUE(status.ok()) << status.message();
        for (std::int64_t i = 0; i < count; ++i) {
          const double expected = size * (size - 1) / 2 + size * static_cast<int>(i % 5);
          ASSERT_EQ(Load(dtype, data.data(), static_cast<std::size_t>(i)), expected)
              << Name(dtype) << " element " << i;
        }
      }
    }
  });
}

TEST_P(SessionAllreduce, AppliesOperatorAndScales) {
  RunSessions(GetParam(), [](Session& session) {
    const int size = session.size();
    const auto reduce = [&](AllreduceOptions options) {
      double value = session.rank() + 1;
      const TensorView tensor(&value, DataType::kFloat64, {});
      EXPECT_TRUE(session.AllreduceAsync("x", tensor, tensor, options).Wait().ok());
      return value;
    };
    double product = 1;
    for (int r = 1; r <= size; ++r) product *= r;
    EXPECT_EQ(reduce({}), (size + 1) / 2.0) << "the average is the default";
    EXPECT_EQ(reduce({.op = ReduceOp::kSum, .prescale = 2, .postscale = 0.5}),
              size * (size + 1) / 2.0);
    EXPECT_EQ(reduce({.op = ReduceOp::kMin}), 1);
    EXPECT_EQ(reduce({.op = ReduceOp::kMax}), size);
    EXPECT_EQ(reduce({.op = ReduceOp::kProduct}), product);
  });
}

TEST_P(SessionAllreduce, LeavesTheInputAloneWhenTheOutputIsAnother) {
  RunSessions(GetParam(), [](Session& session) {
    std::vector<float> input(100, static_cast<float>(session.rank()));
    std::vector<float> output(100, -1);
    ASSERT_TRUE(session
                    .AllreduceAsync("x", {input.data(), DataType::kFloat32, {10, 10}},
                                    {output.data(), DataType::kFloat32, {10, 10}},
                                    {.op = ReduceOp::kMax})
                    .Wait()
                    .ok());
    EXPECT_EQ(input, std::vector<float>(100, static_cast<float>(session.rank())));
    EXPECT_EQ(output, std::vector<float>(100, static_cast<float>(session.size() - 1)));
  });
}

// Every rank submits in its own random order, so that batches form differently in every round.
TEST_P(SessionAllreduce, PairsByNameInAnyOrderUnderRandomFusion) {
  constexpr std::size_t kTensors = 30;
  for (const char* threshold_bytes : {"0", "2K", "64K"}) {
    RunSessions(
        GetParam(),
        [](Session& session) {
          std::mt19937 shared(7);  // sizes are equal on all ranks
          std::mt19937 mine(static_cast<unsigned>(session.rank()));
          for (int round = 0; round < 10; ++round) {
            std::vector<std::vector<float>> tensors(kTensors);
            std::vector<std::size_t> order(kTensors);
            for (std::size_t i = 0; i < kTensors; ++i) {
              tensors[i].assign(shared() % 2000, static_cast<float>(session.rank() + 1 + int(i)));
              order[i] = i;
            }
            std::shuffle(order.begin(), order.end(), mine);
            std::vector<Handle> handles(kTensors);
            for (const std::size_t i : order) {
              const TensorView tensor(tensors[i].data(), DataType::kFloat32,
                                      {static_cast<std::int64_t>(tensors[i].size())});
              handles[i] =
                  session.AllreduceAsync(StrCat("t", i), tensor, tensor,
                                         {.op = i % 3 == 0 ? ReduceOp::kMax : ReduceOp::kSum});
            }
            const int size = session.size();
            for (std::size_t i = 0; i < kTensors; ++i) {
              const Status status = handles[i].Wait();
              ASSERT_TRUE(status.ok()) << status.message();
              const int index = static_cast<int>(i);
              const int expected = i % 3 == 0 ? size + index : size * (size + 1) / 2 + size * index;
              ASSERT_EQ(tensors[i], std::vector<float>(tensors[i].size(), float(expected))) << i;
            }
          }
        },
        WithThreshold(threshold_bytes));
  }
}

// At three and more ranks sums depend on their order: with --reproducible fusion must not show.
TEST_P(SessionAllreduce, GivesTheSameBitsHoweverTensorsWereFused) {
  constexpr std::size_t kTensors = 20;
  const auto run = [&](const char* threshold_bytes, unsigned seed) {
    std::vector<std::vector<float>> of_rank_zero(kTensors);
    Config config = WithThreshold(threshold_bytes);
    EXPECT_TRUE(config.Set(Setting::kReproducible, "on", SettingOrigin::kProgram).ok());
    RunSessions(
        GetParam(),
        [&](Session& session) {
          std::mt19937 values(100 + static_cast<unsigned>(session.rank()));
          std::mt19937 mine(seed + static_cast<unsigned>(session.rank()));
          std::vector<std::vector<float>> tensors(kTensors);
          std::vector<std::size_t> order(kTensors);
          for (std::size_t i = 0; i < kTensors; ++i) {
            order[i] = i;
            for (std::size_t k = 0; k < 200 * i + 1; ++k) {
              tensors[i].push_back(std::uniform_real_distribution<float>(-1, 1)(values));
            }
          }
          std::shuffle(order.begin(), order.end(), mine);
          std::vector<Handle> handles;
          for (const std::size_t i : order) {
            const TensorView tensor(tensors[i].data(), DataType::kFloat32,
                                    {static_cast<std::int64_t>(tensors[i].size())});
            handles.push_back(session.AllreduceAsync(StrCat("t", i), tensor, tensor));
          }
          for (const Handle& handle : handles) ASSERT_TRUE(handle.Wait().ok());
          if (session.rank() == 0) of_rank_zero = tensors;
        },
        config);
    return of_rank_zero;
  };
  const auto alone = run("0", 1);
  EXPECT_TRUE(run("4K", 2) == alone);
  EXPECT_TRUE(run("1M", 3) == alone);
}

TEST_P(SessionAllreduce, ReportsAMismatchToAllRanksAndGoesOn) {
  const int size = GetParam();
  if (size == 1) return;
  std::vector<std::string> messages(static_cast<std::size_t>(size));
  RunSessions(size, [&](Session& session) {
    const bool last = session.rank() == session.size() - 1;
    std::vector<float> data(6, 1);
    const TensorView tensor(data.data(), DataType::kFloat32, last ? Shape{3, 2} : Shape{2, 3});
    const Status status = session.AllreduceAsync("w", tensor, tensor).Wait();
    EXPECT_EQ(status.code(), StatusCode::kMismatch) << status.message();
    messages[static_cast<std::size_t>(session.rank())] = status.message();
    EXPECT_EQ(data, std::vector<float>(6, 1));

    const TensorView flat(data.data(), DataType::kFloat32, {6});
    const Status next = session.AllreduceAsync("w", flat, flat, {.op = ReduceOp::kSum}).Wait();
    ASSERT_TRUE(next.ok()) << next.message();
    EXPECT_EQ(data, std::vector<float>(6, static_cast<float>(session.size())));
    EXPECT_TRUE(session.status().ok());
  });
  for (const std::string& message : messages) {
    EXPECT_EQ(message, messages[0]);
    EXPECT_NE(message.find("[3, 2]"), std::string::npos) << message;
  }
}

TEST(Session, RefusesWhatOnlyThisRankCanSee) {
  RunSessions(1, [](Session& session) {
    float value = 0;
    const TensorView one(&value, DataType::kFloat32, {1});
    const auto code = [&](const Handle& handle) { return handle.Wait().code(); };
    EXPECT_EQ(code(session.AllreduceAsync("x", one, {nullptr, DataType::kFloat32, {1}})),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.AllreduceAsync("x", one, {&value, DataType::kInt32, {1}})),
              StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.AllreduceAsync("", one, one)), StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.BroadcastAsync("x", one, 1)), StatusCode::kInvalidArgument);
    EXPECT_EQ(code(session.BroadcastAsync("x", {&value, static_cast<DataType>(99), {1}}, 0)),
              StatusCode::kInvalidArgument);
  });
}

}  // namespace
}  // namespace ronde
