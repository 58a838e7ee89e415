#include "tensor_fusion/fused_executor.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "tensor_fusion/widen.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

ReadyOperation Operation(OperationKind kind, void* input, void* output, Shape shape,
                         DataType dtype = DataType::kFloat32, ReduceOp op = ReduceOp::kSum) {
  ReadyOperation operation;
  Request& request = operation.response->request;
  request.kind = kind;
  request.name = "x";
  request.dtype = dtype;
  request.op = op;
  request.shape = shape;
  operation.entry.request = request;
  operation.entry.input = TensorView(input, dtype, shape);
  operation.entry.output = TensorView(output, dtype, shape);
  return operation;
}

// Runs `body(context, executor)` on `size` ranks.
void RunExecutors(int size, std::size_t threshold_bytes,
                  const std::function<void(CollectiveContext&, FusedExecutor&)>& body,
                  const char* algorithm = "auto") {
  RunRanks(size, [&](Transport& transport) {
    Config config;
    ASSERT_TRUE(config.Set(Setting::kAllreduceAlgorithm, algorithm, SettingOrigin::kProgram).ok());
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().message();
    auto selector = Selector::Create(config);
    ASSERT_TRUE(selector.ok()) << selector.status().message();
    FusedExecutor executor(*context.value(), std::move(selector).value(), threshold_bytes);
    body(*context.value(), executor);
  });
}

// One that leaves it to the executor to bring tensors together.
constexpr const char* kPacked = "recursive_doubling";

class FusedExecutorOnRanks : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, FusedExecutorOnRanks, ::testing::Values(1, 2, 3, 4));

TEST_P(FusedExecutorOnRanks, ReducesFusedAndSingleTensorsAlike) {
  const int size = GetParam();
  for (const std::size_t threshold_bytes :
       {std::size_t{0}, std::size_t{512}, std::size_t{1 << 20}}) {
    RunExecutors(size, threshold_bytes, [&](CollectiveContext& context, FusedExecutor& executor) {
      std::vector<std::vector<float>> inputs;
      std::vector<std::vector<float>> outputs;
      for (const std::size_t count : {1UL, 0UL, 17UL, 1000UL, 3UL, 16UL}) {
        inputs.emplace_back(count, static_cast<float>(context.rank() + 1 + inputs.size()));
        outputs.emplace_back(count);
      }
      std::vector<ReadyOperation> operations;
      std::vector<Handle> handles;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        operations.push_back(Operation(OperationKind::kAllreduce, inputs[i].data(),
                                       outputs[i].data(),
                                       {static_cast<std::int64_t>(inputs[i].size())}));
        handles.push_back(operations.back().entry.handle);
      }
      const Status status = executor.Execute(operations);
      ASSERT_TRUE(status.ok()) << status.message();
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        EXPECT_TRUE(handles[i].Poll());
        const auto n = static_cast<float>(context.size());
        const float sum = n * (n + 1) / 2 + n * static_cast<float>(i);
        EXPECT_EQ(outputs[i], std::vector<float>(inputs[i].size(), sum)) << i;
        const float mine = static_cast<float>(context.rank() + 1 + i);
        EXPECT_EQ(inputs[i], std::vector<float>(inputs[i].size(), mine)) << "input was written";
      }
      EXPECT_EQ(executor.bytes_on_wire() > 0, size > 1);
    });
  }
}

// Tensors of these many floats at multiples of 64 bytes of one buffer, each filled with its value;
// a last line of the buffer belongs to nobody.
class FlatGradients {
 public:
  static constexpr std::array<std::int64_t, 4> kCounts = {10, 16, 1, 48};

  explicit FlatGradients(int rank) {
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      std::fill_n(data(i), kCounts[i], static_cast<float>(rank + 1) + static_cast<float>(i));
    }
  }

  // The reductions, in memory's order; `lends` says whether the padding belongs to the tensors.
  std::vector<ReadyOperation> Operations(bool lends) {
    std::vector<ReadyOperation> operations;
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      operations.push_back(Operation(OperationKind::kAllreduce, data(i), data(i), {kCounts[i]}));
      const std::size_t size_bytes = operations.back().entry.output.size_bytes();
      const std::size_t padding = PackedSize(size_bytes) - size_bytes;
      operations.back().entry.input.padding_bytes = lends ? padding : 0;
      operations.back().entry.output.padding_bytes = lends ? padding : 0;
    }
    return operations;
  }

  // Sums over `ranks` ranks, and `between` wherever there is no tensor.
  void ExpectSums(int ranks, float between) {
    std::vector<float> expected(values_.size(), between);
    const auto n = static_cast<float>(ranks);
    for (std::size_t i = 0; i < kCounts.size(); ++i) {
      const float sum = n * (n + 1) / 2 + n * static_cast<float>(i);
      std::fill_n(expected.begin() + (data(i) - values_.data()), kCounts[i], sum);
    }
    std::fill_n(expected.end() - 16, 16, kBetween);
    EXPECT_EQ(values_, expected);
  }

  static constexpr float kBetween = 0.5F;  // what the padding holds at first

 private:
  float* data(std::size_t tensor) {
    constexpr std::array<std::size_t, 4> kLines = {0, 1, 2, 3};  // of 16 floats
    return values_.data() + 16 * kLines[tensor];
  }

  std::vector<float> values_ = std::vector<float>(16 * 7, kBetween);
};

TEST_P(FusedExecutorOnRanks, ReducesABatchThatLiesAsPackedInItsPlace) {
  RunExecutors(
      GetParam(), 1024,
      [](CollectiveContext& context, FusedExecutor& executor) {
        FlatGradients gradients(context.rank());
        std::vector<ReadyOperation> operations = gradients.Operations(/*lends=*/true);
        const Status status = executor.Execute(operations);
        ASSERT_TRUE(status.ok()) << status.message();
        EXPECT_EQ(executor.bytes_packed(), 0U);
        const auto ranks = static_cast<float>(context.size());
        gradients.ExpectSums(context.size(), ranks * FlatGradients::kBetween);
      },
      kPacked);
}

TEST_P(FusedExecutorOnRanks, NeverTouchesPaddingThatIsNotLent) {
  RunExecutors(
      GetParam(), 1024,
      [](CollectiveContext& context, FusedExecutor& executor) {
        FlatGradients gradients(context.rank());
        std::vector<ReadyOperation> operations = gradients.Operations(/*lends=*/false);
        const Status status = executor.Execute(operations);
        ASSERT_TRUE(status.ok()) << status.message();
        EXPECT_EQ(executor.bytes_packed() > 0, context.size() > 1);  // alone, nothing is fused
        gradients.ExpectSums(context.size(), FlatGradients::kBetween);
      },
      kPacked);
}

TEST_P(FusedExecutorOnRanks, MayPackOnOneRankWhatLiesAsPackedOnAnother) {
  RunExecutors(
      GetParam(), 1024,
      [](CollectiveContext& context, FusedExecutor& executor) {
        const bool lends = context.rank() % 2 == 0;
        FlatGradients gradients(context.rank());
        std::vector<ReadyOperation> operations = gradients.Operations(lends);
        const Status status = executor.Execute(operations);
        ASSERT_TRUE(status.ok()) << status.message();
        EXPECT_EQ(executor.bytes_packed() == 0, lends);
        // A rank that packs contributes zeros as padding.
        const int lenders = (context.size() + 1) / 2;
        gradients.ExpectSums(context.size(),
                             FlatGradients::kBetween * static_cast<float>(lends ? lenders : 1));
      },
      kPacked);
}

TEST_P(FusedExecutorOnRanks, PacksNothingWhereTheAlgorithmGathers) {
  for (const bool lends : {false, true}) {
    RunExecutors(
        GetParam(), 1024,
        [lends](CollectiveContext& context, FusedExecutor& executor) {
          FlatGradients gradients(context.rank());
          std::vector<ReadyOperation> operations = gradients.Operations(lends);
          const Status status = executor.Execute(operations);
          ASSERT_TRUE(status.ok()) << status.message();
          EXPECT_EQ(executor.bytes_packed(), 0U);
          gradients.ExpectSums(context.size(), FlatGradients::kBetween);
        },
        "shared_memory");
  }
}

TEST_P(FusedExecutorOnRanks, RunsEveryKindInOneList) {
  RunExecutors(GetParam(), 1024, [](CollectiveContext& context, FusedExecutor& executor) {
    const int size = context.size();
    const int rank = context.rank();
    double reduced = rank;
    std::int64_t from_last = rank;
    std::vector<std::int32_t> rows(static_cast<std::size_t>(2 * rank), rank);  // rank x 2
    std::vector<double> parameters(5, rank);

    std::vector<ReadyOperation> operations;
    operations.push_back(Operation(OperationKind::kAllreduce, &reduced, &reduced, {},
                                   DataType::kFloat64, ReduceOp::kMax));
    operations.push_back(
        Operation(OperationKind::kBroadcast, &from_last, &from_last, {1}, DataType::kInt64));
    operations.back().response->request.root = size - 1;
    operations.push_back(
        Operation(OperationKind::kAllgather, rows.data(), nullptr, {rank, 2}, DataType::kInt32));
    operations.back().response->rank_extents.resize(static_cast<std::size_t>(size));
    std::iota(operations.back().response->rank_extents.begin(),
              operations.back().response->rank_extents.end(), 0);
    const Handle gather = operations.back().entry.handle;
    operations.push_back(Operation(OperationKind::kBarrier, nullptr, nullptr, {0}));
    operations.push_back(Operation(OperationKind::kModelAverage, parameters.data(),
                                   parameters.data(), {5}, DataType::kFloat64));
    const Status status = executor.Execute(operations);
    ASSERT_TRUE(status.ok()) << status.message();

    EXPECT_EQ(reduced, size - 1);
    EXPECT_EQ(from_last, size - 1);
    EXPECT_EQ(parameters, std::vector<double>(5, (size - 1) / 2.0));
    EXPECT_EQ(gather.result().gathered_shape, (Shape{size * (size - 1) / 2, 2}));
    std::vector<std::int32_t> expected;
    for (int r = 0; r < size; ++r)
      expected.insert(expected.end(), static_cast<std::size_t>(2 * r), r);
    ASSERT_EQ(gather.result().gathered.size(), expected.size() * sizeof(std::int32_t));
    if (expected.empty()) return;
    EXPECT_EQ(std::memcmp(gather.result().gathered.data(), expected.data(),
                          gather.result().gathered.size()),
              0);
  });
}

TEST_P(FusedExecutorOnRanks, SumsNarrowModelAveragesInFloat32) {
  // bfloat16 counts in steps of 2 at 256: a 16-bit sum of 256 and ones would stay at 256.
  RunExecutors(GetParam(), 1024, [](CollectiveContext& context, FusedExecutor& executor) {
    constexpr std::uint16_t k256 = 0x4380;
    constexpr std::uint16_t kThree = 0x4040;
    const std::size_t count = (1 << 20) + 3;  // more than one staged piece
    std::vector<std::uint16_t> parameters(count, context.rank() == 0 ? k256 : kThree);
    std::vector<ReadyOperation> operations;
    operations.push_back(Operation(OperationKind::kModelAverage, parameters.data(),
                                   parameters.data(), {static_cast<std::int64_t>(count)},
                                   DataType::kBFloat16));
    const Status status = executor.Execute(operations);
    ASSERT_TRUE(status.ok()) << status.message();
    const float mean = (256.0F + 3.0F * static_cast<float>(context.size() - 1)) /
                       static_cast<float>(context.size());
    std::uint16_t expected = 0;
    Narrow(DataType::kBFloat16, &mean, &expected, 1);
    EXPECT_EQ(parameters, std::vector<std::uint16_t>(count, expected));
  });
}

}  // namespace
}  // namespace ronde
