#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
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

// `Store` and `Load` convert one element; small integers are exact in every dtype.
void Store(DataType dtype, void* data, std::size_t i, double value) {
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
      static_cast<std::int32_t*>(data)[i] = static_cast<std::int32_t>(value);
      return;
    case DataType::kInt64:
      static_cast<std::int64_t*>(data)[i] = static_cast<std::int64_t>(value);
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
INSTANTIATE_TEST_SUITE_P(Ranks, SessionAllreduce, ::testing::Values(1, 2, 3, 4, 5));

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

using Bits = std::vector<std::byte>;

// Tensors of both kinds of memory and of both widths, every kind with small and large ones.
constexpr std::size_t kMixedTensors = 20;
bool IsRegistered(std::size_t i) { return i % 4 < 2; }
DataType TypeOf(std::size_t i) { return i % 2 == 0 ? DataType::kFloat32 : DataType::kBFloat16; }
std::size_t CountOf(std::size_t i) { return 600 * i + 1; }
std::size_t BytesOf(std::size_t i) { return CountOf(i) * SizeOf(TypeOf(i)); }
// Up to the next element of the wider type.
std::size_t PlaceBytesOf(std::size_t i) { return (BytesOf(i) + 3) / 4 * 4; }

// One rank's memory for them. In registered memory they lie one behind the other, so that most
// begin amid a cache line.
class MixedMemory {
 public:
  explicit MixedMemory(Session& session) {
    std::size_t registered_bytes = 0;
    for (std::size_t i = 0; i < kMixedTensors; ++i) {
      if (IsRegistered(i)) registered_bytes += PlaceBytesOf(i);
    }
    auto registered = session.Allocate(registered_bytes);
    EXPECT_TRUE(registered.ok()) << registered.status().message();
    registered_ = std::move(registered).value();
    std::byte* next = registered_.get();
    for (std::size_t i = 0; i < kMixedTensors; ++i) {
      ordinary_.emplace_back(IsRegistered(i) ? 0 : BytesOf(i));
      data_.push_back(IsRegistered(i) ? next : ordinary_.back().data());
      if (IsRegistered(i)) next += PlaceBytesOf(i);
    }
  }

  // The same at every call.
  void Fill(int rank) {
    std::mt19937 random(100 + static_cast<unsigned>(rank));
    std::uniform_real_distribution<double> values(-1, 1);
    for (std::size_t i = 0; i < kMixedTensors; ++i) {
      for (std::size_t k = 0; k < CountOf(i); ++k) Store(TypeOf(i), data_[i], k, values(random));
    }
  }
  [[nodiscard]] TensorView View(std::size_t i) const {
    return {data_[i], TypeOf(i), {static_cast<std::int64_t>(CountOf(i))}};
  }
  [[nodiscard]] Bits Copy() const {
    Bits bits;
    for (std::size_t i = 0; i < kMixedTensors; ++i) {
      bits.insert(bits.end(), data_[i], data_[i] + BytesOf(i));
    }
    return bits;
  }

 private:
  std::shared_ptr<std::byte> registered_;
  std::vector<Bits> ordinary_;
  std::vector<std::byte*> data_;
};

// Averages the same values several times. Every rank submits in its own random order, so that
// batches form differently in every round. What all ranks got, by round; ranks that differ fail.
std::vector<Bits> AverageInRandomOrder(int ranks, const Config& config, unsigned seed,
                                       const std::vector<std::string>& host_ids) {
  constexpr std::size_t kRounds = 4;
  std::vector<std::vector<Bits>> of_ranks(static_cast<std::size_t>(ranks));
  const auto body = [&](Session& session) {
    std::mt19937 mine(seed + static_cast<unsigned>(session.rank()));
    MixedMemory memory(session);
    std::vector<std::size_t> order(kMixedTensors);
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t round = 0; round < kRounds; ++round) {
      memory.Fill(session.rank());
      std::shuffle(order.begin(), order.end(), mine);
      std::vector<Handle> handles;
      for (const std::size_t i : order) {
        handles.push_back(
            session.AllreduceAsync(StrCat("t", i), memory.View(i), memory.View(i), {}));
      }
      for (const Handle& handle : handles) {
        const Status status = handle.Wait();
        ASSERT_TRUE(status.ok()) << status.message();
      }
      of_ranks[static_cast<std::size_t>(session.rank())].push_back(memory.Copy());
    }
  };
  RunSessions(ranks, body, config, {.host_ids = host_ids});
  for (std::size_t rank = 1; rank < of_ranks.size(); ++rank) {
    EXPECT_TRUE(of_ranks[rank] == of_ranks[0]) << "rank " << rank << " has other bits than rank 0";
  }
  return of_ranks[0];
}

// On one host, and on two where some ranks share memory.
std::vector<std::vector<std::string>> HostsOf(int ranks) {
  std::vector<std::string> two_hosts(static_cast<std::size_t>(ranks), "a");
  two_hosts.back() = "b";
  return {{}, two_hosts};
}

TEST_P(SessionAllreduce, GivesAllRanksTheSameBitsHoweverTensorsWereFused) {
  for (const auto& host_ids : HostsOf(GetParam())) {
    for (const char* threshold_bytes : {"0", "4K", "1M"}) {
      SCOPED_TRACE(StrCat(threshold_bytes, host_ids.empty() ? ", one host" : ", two hosts"));
      AverageInRandomOrder(GetParam(), WithThreshold(threshold_bytes), 1, host_ids);
    }
  }
}

// At three and more ranks sums depend on their order: with --reproducible fusion must not show.
TEST_P(SessionAllreduce, GivesTheSameBitsInEveryRunIfReproducible) {
  for (const auto& host_ids : HostsOf(GetParam())) {
    Bits alone;
    unsigned seed = 0;
    for (const char* threshold_bytes : {"0", "4K", "1M"}) {
      SCOPED_TRACE(StrCat(threshold_bytes, host_ids.empty() ? ", one host" : ", two hosts"));
      Config config = WithThreshold(threshold_bytes);
      EXPECT_TRUE(config.Set(Setting::kReproducible, "on", SettingOrigin::kProgram).ok());
      seed += 100;
      for (const Bits& bits : AverageInRandomOrder(GetParam(), config, seed, host_ids)) {
        if (alone.empty()) alone = bits;
        EXPECT_TRUE(bits == alone);
      }
    }
  }
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
