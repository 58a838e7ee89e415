#include "tensor_fusion/block_operations.h"

#include <cstdint>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

// So much that collectives use registered memory where they are told of it.
constexpr std::int64_t kCount = 500'000;

// Runs `body(context, blocks)` on two ranks.
void RunTwo(const std::function<void(CollectiveContext&, BlockOperations&)>& body) {
  RunRanks(2, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok()) << context.status().message();
    BlockOperations blocks(*context.value());
    body(*context.value(), blocks);
  });
}

struct Buffers {
  std::vector<float> input = std::vector<float>(kCount, 1);
  std::vector<float> output = std::vector<float>(2 * kCount);
};

ReadyOperation Operation(OperationKind kind, Buffers& buffers, Shape shape,
                         std::vector<std::int64_t> extents) {
  ReadyOperation operation;
  Request& request = operation.response->request;
  request.kind = kind;
  request.name = "x";
  request.shape = shape;
  operation.response->rank_extents = std::move(extents);
  operation.entry.input = TensorView(buffers.input.data(), DataType::kFloat32, std::move(shape));
  operation.entry.output = TensorView(buffers.output.data(), DataType::kFloat32, {2 * kCount});
  return operation;
}

TEST(BlockOperations, RefusesAResponseThatDoesNotFitThisRank) {
  RunTwo([](CollectiveContext&, BlockOperations& blocks) {
    Buffers buffers;
    const auto gather = [&](Shape shape, std::vector<std::int64_t> extents, bool into) {
      ReadyOperation operation =
          Operation(OperationKind::kAllgather, buffers, std::move(shape), std::move(extents));
      operation.response->request.into_output = into;
      return blocks.Gather(operation).code();
    };
    const StatusCode defect = StatusCode::kInternal;
    EXPECT_EQ(gather({2}, {2}, false), defect) << "a rank too few";
    EXPECT_EQ(gather({2}, {3, 3}, false), defect) << "not this rank's rows";
    EXPECT_EQ(gather({}, {1, 1}, false), defect) << "no rows";
    EXPECT_EQ(gather({2}, {2, 2}, true), StatusCode::kOk);
    const auto exchange = [&](Shape shape, std::vector<std::int64_t> splits,
                              std::vector<std::int64_t> extents) {
      ReadyOperation operation =
          Operation(OperationKind::kAlltoall, buffers, std::move(shape), std::move(extents));
      operation.response->request.splits = std::move(splits);
      return blocks.Exchange(operation).code();
    };
    EXPECT_EQ(exchange({3}, {1, 2}, {1, 2}), defect);
    EXPECT_EQ(exchange({3}, {1, 2}, {2, 1, 2, 1}), defect) << "not this rank's splits";
    EXPECT_EQ(exchange({3}, {1, 2}, {1, 2, 1, 2}), StatusCode::kOk);
    ReadyOperation scatter = Operation(OperationKind::kReducescatter, buffers, {}, {});
    EXPECT_EQ(blocks.ReduceAndScatter(scatter).code(), defect);
  });
}

TEST(BlockOperations, RefusesUnequalRowsForAGivenOutput) {
  RunTwo([](CollectiveContext& context, BlockOperations& blocks) {
    Buffers buffers;
    ReadyOperation operation =
        Operation(OperationKind::kAllgather, buffers, {context.rank() + 1}, {1, 2});
    operation.response->request.into_output = true;
    EXPECT_EQ(blocks.Gather(operation).code(), StatusCode::kInternal);
  });
}

// A place where there is no memory can only be noticed by a collective that was told of it.
TEST(BlockOperations, TellsTheCollectivesWhereBuffersLie) {
  RunTwo([](CollectiveContext&, BlockOperations& blocks) {
    Buffers buffers;
    const MemoryPlace nowhere = {.block = 77, .offset = 0};
    ReadyOperation gather =
        Operation(OperationKind::kAllgather, buffers, {kCount}, {kCount, kCount});
    gather.response->request.into_output = true;
    gather.response->request.output_place = nowhere;
    EXPECT_EQ(blocks.Gather(gather).code(), StatusCode::kInternal);
    ReadyOperation scatter = Operation(OperationKind::kReducescatter, buffers, {kCount}, {});
    scatter.response->request.input_place = nowhere;
    EXPECT_EQ(blocks.ReduceAndScatter(scatter).code(), StatusCode::kInternal);
    ReadyOperation exchange = Operation(OperationKind::kAlltoall, buffers, {kCount},
                                        {kCount / 2, kCount / 2, kCount / 2, kCount / 2});
    exchange.response->request.splits = {kCount / 2, kCount / 2};
    exchange.response->request.input_place = nowhere;
    EXPECT_EQ(blocks.Exchange(exchange).code(), StatusCode::kInternal);
  });
}

}  // namespace
}  // namespace ronde
