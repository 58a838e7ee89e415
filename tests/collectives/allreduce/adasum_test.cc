#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/kernels/reduce_call.h"
#include "collectives/selector.h"
#include "core/base/strcat.h"
#include "tests/conformance/adasum_reference.h"
#include "tests/conformance/allreduce_values.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using Buffer = std::vector<std::byte>;

constexpr DataType kTypes[] = {DataType::kFloat16, DataType::kBFloat16, DataType::kFloat32,
                               DataType::kFloat64};

const AllreduceAlgorithm& Algorithm() { return *FindAllreduceAlgorithm("adasum"); }

// Two of three elements are positive on all ranks, so that vectors are far from orthogonal.
Buffer Input(DataType dtype, std::int64_t count, int rank) {
  Buffer data = MakeInput(dtype, count, 7, rank);
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % 3 != 0) data[(i + 1) * SizeOf(dtype) - 1] &= std::byte{0x7f};
  }
  return data;
}

std::vector<Buffer> Inputs(DataType dtype, std::int64_t count, int ranks) {
  std::vector<Buffer> inputs;
  for (int rank = 0; rank < ranks; ++rank) inputs.push_back(Input(dtype, count, rank));
  return inputs;
}

struct Case {
  DataType dtype = DataType::kFloat32;
  bool in_place = false;
  double prescale = 1;
  double postscale = 1;
  std::string chunk_bytes = "256K";
  std::vector<std::string> host_ids = {};
  std::size_t skipped = 0;  // bytes before the buffers, whose elements they leave aligned
  bool registered = false;
};

// An input and an output buffer, in registered memory where the case says so.
std::shared_ptr<std::byte> Allocate(CollectiveContext& context, const Case& test,
                                    std::size_t size_bytes) {
  if (!test.registered) {
    return {new std::byte[size_bytes + 1], std::default_delete<std::byte[]>()};
  }
  auto memory = context.registered().Allocate(context.communicator().local().transport(),
                                              size_bytes, context.NewDeadline());
  EXPECT_TRUE(memory.ok()) << memory.status().ToString();
  return std::move(memory).value();
}

Buffer RunOn(CollectiveContext& context, const Buffer& own, const Case& test) {
  const std::size_t size_bytes = test.skipped + own.size();
  const auto input_memory = Allocate(context, test, size_bytes);
  const auto output_memory = test.in_place ? input_memory : Allocate(context, test, size_bytes);
  std::byte* const input = input_memory.get() + test.skipped;
  std::byte* const output = output_memory.get() + test.skipped;
  std::copy(own.begin(), own.end(), input);
  const Status status =
      Algorithm().Run(context, {.input = input,
                                .output = output,
                                .count = static_cast<std::int64_t>(own.size() / SizeOf(test.dtype)),
                                .dtype = test.dtype,
                                .op = ReduceOp::kAdasum,
                                .prescale = test.prescale,
                                .postscale = test.postscale,
                                .input_place = context.registered().Find(input, own.size()),
                                .output_place = context.registered().Find(output, own.size())});
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(test.in_place || std::equal(own.begin(), own.end(), input)) << "overwritten";
  return {output, output + own.size()};
}

// What rank 0 gets when rank r puts in inputs[r]; fails unless all ranks get the same bits.
Buffer Adasum(const std::vector<Buffer>& inputs, const Case& test = {}) {
  std::vector<Buffer> results(inputs.size());
  const auto body = [&](Transport& transport) {
    Config config;
    ASSERT_TRUE(config.Set(Setting::kChunkBytes, test.chunk_bytes, SettingOrigin::kProgram).ok());
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    results[transport.rank()] = RunOn(*context.value(), inputs[transport.rank()], test);
  };
  RunRanks(static_cast<int>(inputs.size()), body, {test.host_ids});
  for (std::size_t rank = 1; rank < results.size(); ++rank) {
    EXPECT_EQ(results[rank] == results[0], true) << "rank " << rank << " has other bits";
  }
  return results[0];
}

Buffer Bytes(const std::vector<float>& values) {
  Buffer data(values.size() * sizeof(float));
  std::memcpy(data.data(), values.data(), data.size());
  return data;
}

std::vector<float> Floats(const Buffer& data) {
  std::vector<float> values(data.size() / sizeof(float));
  std::memcpy(values.data(), data.data(), data.size());
  return values;
}

class AdasumRanks : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, AdasumRanks, testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 9, 16));

TEST_P(AdasumRanks, AgreesWithASerialReference) {
  for (const DataType dtype : kTypes) {
    // Gathered whole; one segment more; several chunks of 4 KiB on any number of ranks.
    for (const std::int64_t count : {0, 1, 3, 257, 9001, 40007}) {
      const std::vector<Buffer> inputs = Inputs(dtype, count, GetParam());
      Case test = {.dtype = dtype, .in_place = count % 2 == 0, .chunk_bytes = "4K"};
      EXPECT_EQ(AdasumReference(dtype, inputs, 1, 1).Check(Adasum(inputs, test).data()), "")
          << count << " " << Name(dtype);
    }
  }
}

TEST_P(AdasumRanks, ScalesInputsAndResult) {
  for (const DataType dtype : kTypes) {
    const std::vector<Buffer> inputs = Inputs(dtype, 20001, GetParam());
    const Case test = {.dtype = dtype, .in_place = true, .prescale = 0.3, .postscale = -1.5};
    const AdasumReference reference(dtype, inputs, 0.3, -1.5);
    EXPECT_EQ(reference.Check(Adasum(inputs, test).data()), "") << Name(dtype);
  }
}

TEST_P(AdasumRanks, BitsDependOnNothingButTheInputs) {
  for (const std::int64_t count : {1001, 33333}) {
    const std::vector<Buffer> inputs = Inputs(DataType::kFloat32, count, GetParam());
    const Buffer expected = Adasum(inputs);
    EXPECT_EQ(Adasum(inputs, {.chunk_bytes = "4K"}) == expected, true) << "chunks";
    EXPECT_EQ(Adasum(inputs, {.in_place = true, .skipped = 4}) == expected, true) << "places";
    EXPECT_EQ(Adasum(inputs, {.registered = true}) == expected, true) << "registered";
    EXPECT_EQ(Adasum(inputs, {.in_place = true, .skipped = 4, .registered = true}) == expected,
              true)
        << "registered in place";
    std::vector<std::string> hosts;
    for (int rank = 0; rank < GetParam(); ++rank) hosts.push_back(rank % 3 == 0 ? "a" : "b");
    EXPECT_EQ(Adasum(inputs, {.host_ids = hosts}) == expected, true) << "hosts";
  }
}

TEST(Adasum, FourRanksAreTwoPairsOfPairs) {
  for (const std::int64_t count : {1001, 33333}) {
    const std::vector<Buffer> inputs = Inputs(DataType::kFloat32, count, 4);
    const std::vector<Buffer> pairs = {Adasum({inputs[0], inputs[1]}),
                                       Adasum({inputs[2], inputs[3]})};
    EXPECT_EQ(Adasum(inputs) == Adasum(pairs), true) << count;
  }
}

TEST(Adasum, AddsWhatIsOrthogonal) {
  std::vector<float> a(30000);
  std::vector<float> b(a.size());
  std::vector<float> sum(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum[i] = static_cast<float>(i % 97) - 40;
    (i % 2 == 0 ? a : b)[i] = sum[i];
  }
  EXPECT_EQ(Floats(Adasum({Bytes(a), Bytes(b)})), sum);
}

TEST(Adasum, AveragesWhatIsParallel) {
  const Buffer same = Input(DataType::kFloat32, 30000, 0);
  for (const int ranks : {2, 3, 8}) {
    const std::vector<Buffer> inputs(static_cast<std::size_t>(ranks), same);
    EXPECT_EQ(Adasum(inputs) == same, true) << ranks << " ranks";
  }
  // Of parallel vectors of different lengths, too, it is the average.
  EXPECT_EQ(Floats(Adasum({Bytes({1, 2}), Bytes({3, 6})})), (std::vector<float>{2, 4}));
}

TEST(Adasum, AVectorOfZerosChangesNothing) {
  for (const std::int64_t count : {100, 30000}) {
    const Buffer zeros(static_cast<std::size_t>(count) * sizeof(float));
    const Buffer some = Input(DataType::kFloat32, count, 3);
    EXPECT_EQ(Adasum({zeros, some}) == some, true);
    EXPECT_EQ(Adasum({some, zeros, zeros}) == some, true);
    EXPECT_EQ(Adasum({zeros, zeros}) == zeros, true);
  }
}

TEST(Adasum, ANumberThatIsNotFiniteReachesTheResult) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::vector<float>& other : {std::vector<float>{1, 2, 3}, {0, 0, 0}}) {
      const std::vector<float> result = Floats(Adasum({Bytes({4, bad, 5}), Bytes(other)}));
      EXPECT_FALSE(std::isfinite(result[1])) << bad;
    }
  }
}

#if defined(__x86_64__)
TEST(Adasum, EveryInstructionSetGivesTheSameBits) {
  std::vector<const ReduceKernels*> sets;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c")) {
    sets.push_back(&Avx2ReduceKernels());
  }
  sets.push_back(&BestReduceKernels());
  for (const DataType dtype : kTypes) {
    const std::vector<Buffer> inputs = Inputs(dtype, 3001, 2);
    const AdasumOperand a = {inputs[0].data(), true};
    const AdasumOperand b = {inputs[1].data(), true};
    const auto run = [&](const ReduceKernels& set, AdasumSums* sums) {
      const AdasumKernels& kernels = set.adasum[static_cast<int>(dtype)];
      *sums = kernels.sums(a, b, 0, 3001);
      Buffer out(inputs[0].size());
      kernels.combine(a, 0.3, b, 0.7, {out.data(), true}, 0, 3001);
      return out;
    };
    AdasumSums expected;
    const Buffer out = run(BaselineReduceKernels(), &expected);
    for (const ReduceKernels* set : sets) {
      AdasumSums sums;
      EXPECT_EQ(run(*set, &sums) == out, true) << set->instruction_set << " " << Name(dtype);
      EXPECT_EQ(std::memcmp(&sums, &expected, sizeof(sums)), 0) << set->instruction_set;
    }
  }
}
#endif

TEST(Adasum, RoundsSixteenBitTypesOnce) {
  // (1 + 2^-10, then zeros) with itself four times: any rounding in between would show.
  Buffer a(4);
  const std::uint16_t element = 0x3c01;
  std::memcpy(a.data(), &element, sizeof(element));
  EXPECT_EQ(Adasum({a, a, a, a, a}, {.dtype = DataType::kFloat16}) == a, true);
}

// Runs `body` on `ranks` ranks with a context and the status of an Adasum of `dtype`.
void RunWith(int ranks, DataType dtype, const std::string& timeout_s, bool rank_one_comes,
             const std::vector<std::string>& host_ids, std::vector<Status>& statuses) {
  std::atomic<int> waiting{rank_one_comes ? 0 : ranks - 1};
  statuses.assign(static_cast<std::size_t>(ranks), Status::Ok());
  const auto body = [&](Transport& transport) {
    Config config;
    ASSERT_TRUE(config.Set(Setting::kTimeoutS, timeout_s, SettingOrigin::kProgram).ok());
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    if (transport.rank() == 1 && !rank_one_comes) {
      while (waiting.load() > 0) std::this_thread::yield();
      return;
    }
    std::vector<double> data(30000, 1);
    statuses[transport.rank()] = Algorithm().Run(*context.value(), {.input = data.data(),
                                                                    .output = data.data(),
                                                                    .count = 30000,
                                                                    .dtype = dtype,
                                                                    .op = ReduceOp::kAdasum});
    --waiting;
  };
  RunRanks(ranks, body, {host_ids});
}

TEST(Adasum, RefusesIntegersInTheSameWordsOnAllRanks) {
  std::vector<Status> statuses;
  RunWith(3, DataType::kInt32, "10", true, {}, statuses);
  for (const Status& status : statuses) {
    EXPECT_EQ(status, Status::InvalidArgument("allreduce: adasum needs a floating-point type, got "
                                              "int32; use average or sum"));
  }
}

TEST(Adasum, TimeoutNamesTheLateRank) {
  for (const std::vector<std::string>& hosts : {std::vector<std::string>{}, {"a", "b", "a"}}) {
    std::vector<Status> statuses;
    RunWith(3, DataType::kFloat32, "0.3", false, hosts, statuses);
    EXPECT_EQ(statuses[0].code(), StatusCode::kTimeout);
    EXPECT_THAT(statuses[0].message(), HasSubstr("rank 1"));
  }
}

TEST(Adasum, OtherAlgorithmsRefuseIt) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    float value = 1;
    for (const AllreduceAlgorithm* algorithm : AllreduceAlgorithms()) {
      EXPECT_EQ(algorithm->Reduces(ReduceOp::kAdasum), algorithm == &Algorithm());
      EXPECT_NE(algorithm->Reduces(ReduceOp::kSum), algorithm == &Algorithm());
      if (algorithm == &Algorithm()) continue;
      const Status status =
          algorithm->Run(*context.value(),
                         {.input = &value, .output = &value, .count = 1, .op = ReduceOp::kAdasum});
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << algorithm->name();
    }
  });
}

TEST(Adasum, IsChosenForItsOperatorAlone) {
  RunRanks(2, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    const auto selector = Selector::Create(Config());
    ASSERT_TRUE(selector.ok());
    const auto chosen = [&](ReduceOp op) {
      const auto algorithm = selector.value().Choose(*context.value(), {.count = 1000, .op = op});
      EXPECT_TRUE(algorithm.ok()) << algorithm.status().ToString();
      return algorithm.ok() ? algorithm.value() : nullptr;
    };
    EXPECT_EQ(chosen(ReduceOp::kAdasum), &Algorithm());
    EXPECT_NE(chosen(ReduceOp::kSum), &Algorithm());
  });
}

}  // namespace
}  // namespace ronde
