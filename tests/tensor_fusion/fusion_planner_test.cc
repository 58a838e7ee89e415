#include "tensor_fusion/fusion_planner.h"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tensor_fusion/pack.h"

namespace ronde {
namespace {

using ::testing::ElementsAre;

ReadyOperation Operation(OperationKind kind, std::int64_t count,
                         DataType dtype = DataType::kFloat32, ReduceOp op = ReduceOp::kSum) {
  ReadyOperation operation;
  operation.response->request.kind = kind;
  operation.response->request.dtype = dtype;
  operation.response->request.op = op;
  operation.response->request.shape = {count};
  return operation;
}

ReadyOperation Allreduce(std::int64_t count, DataType dtype = DataType::kFloat32,
                         ReduceOp op = ReduceOp::kSum) {
  return Operation(OperationKind::kAllreduce, count, dtype, op);
}

std::vector<std::vector<std::uint32_t>> Plan(const std::vector<ReadyOperation>& operations,
                                             std::size_t threshold_bytes) {
  FusionPlanner planner(threshold_bytes);
  std::vector<std::vector<std::uint32_t>> batches;
  for (const FusionBatch& batch : planner.Plan(operations)) {
    batches.emplace_back(batch.members.begin(), batch.members.end());
  }
  return batches;
}

using Batch = std::vector<std::uint32_t>;

TEST(FusionPlanner, PlansNothingForNoOperations) { EXPECT_TRUE(Plan({}, 1024).empty()); }

TEST(FusionPlanner, FusesUpToTheThreshold) {
  // 64 bytes each; three fit.
  EXPECT_THAT(Plan({Allreduce(16), Allreduce(16), Allreduce(16), Allreduce(16)}, 192),
              ElementsAre(Batch{0, 1, 2}, Batch{3}));
}

TEST(FusionPlanner, SendsATensorAboveTheThresholdAlone) {
  EXPECT_THAT(Plan({Allreduce(16), Allreduce(1000), Allreduce(16)}, 1024),
              ElementsAre(Batch{0, 2}, Batch{1}));
}

TEST(FusionPlanner, FusesNothingWithThresholdZero) {
  EXPECT_THAT(Plan({Allreduce(1), Allreduce(1)}, 0), ElementsAre(Batch{0}, Batch{1}));
}

TEST(FusionPlanner, KeepsDtypesOperatorsAndScalesApart) {
  ReadyOperation prescaled = Allreduce(1);
  prescaled.response->request.prescale = 0.5;
  ReadyOperation postscaled = Allreduce(1);
  postscaled.response->request.postscale = 0.5;
  EXPECT_THAT(Plan({Allreduce(1), Allreduce(1, DataType::kFloat64),
                    Allreduce(1, DataType::kFloat32, ReduceOp::kMax), prescaled, postscaled,
                    Allreduce(1), Allreduce(1, DataType::kFloat64)},
                   1024),
              ElementsAre(Batch{0, 5}, Batch{1, 6}, Batch{2}, Batch{3}, Batch{4}));
}

TEST(FusionPlanner, SendsEverythingButAllreducesAlone) {
  EXPECT_THAT(
      Plan({Operation(OperationKind::kModelAverage, 1), Allreduce(1),
            Operation(OperationKind::kModelAverage, 1), Operation(OperationKind::kBroadcast, 1),
            Operation(OperationKind::kAllgather, 1), Operation(OperationKind::kBarrier, 0),
            Allreduce(1)},
           1024),
      ElementsAre(Batch{0}, Batch{1, 6}, Batch{2}, Batch{3}, Batch{4}, Batch{5}));
}

TEST(FusionPlanner, SendsTensorsWhoseOperatorNeedsThemWholeAlone) {
  const auto adasum = Allreduce(1, DataType::kFloat32, ReduceOp::kAdasum);
  EXPECT_THAT(Plan({adasum, adasum, Allreduce(1), adasum, Allreduce(1)}, 1024),
              ElementsAre(Batch{0}, Batch{1}, Batch{2, 4}, Batch{3}));
}

TEST(FusionPlanner, CountsThePaddingOfSmallTensors) {
  FusionPlanner planner(1024);
  const std::vector<ReadyOperation> operations = {Allreduce(1), Allreduce(17), Allreduce(0)};
  const auto batches = planner.Plan(operations);
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].packed_bytes, 64U + 128U);
}

TEST(FusionPlanner, CountsThePaddingOfAGroupsMembers) {
  ReadyOperation group = Allreduce(3);
  group.response->request.group_counts = {1, 0, 2};
  FusionPlanner planner(1024);
  EXPECT_EQ(planner.Plan(std::vector<ReadyOperation>{group})[0].packed_bytes, 128U);
}

TEST(FusionPlanner, PlansEveryOperationOnceInOrderAndWithinTheThreshold) {
  std::mt19937 random(1);
  FusionPlanner planner(4096);
  for (int round = 0; round < 200; ++round) {
    std::vector<ReadyOperation> operations;
    for (std::size_t i = random() % 50; i > 0; --i) {
      operations.push_back(Operation(
          random() % 8 == 0 ? OperationKind::kBroadcast : OperationKind::kAllreduce,
          static_cast<std::int64_t>(random() % 1500), static_cast<DataType>(random() % 3)));
    }
    std::vector<int> seen(operations.size());
    std::int64_t last_first = -1;
    for (const FusionBatch& batch : planner.Plan(operations)) {
      ASSERT_FALSE(batch.members.empty());
      EXPECT_GT(batch.members.front(), last_first);
      last_first = batch.members.front();
      std::size_t packed_bytes = 0;
      std::int64_t last = -1;
      for (const std::uint32_t member : batch.members) {
        const Request& request = operations[member].response->request;
        EXPECT_GT(member, last);
        last = member;
        ++seen[member];
        EXPECT_EQ(request.dtype, operations[batch.members.front()].response->request.dtype);
        packed_bytes +=
            PackedSize(static_cast<std::size_t>(request.shape[0]) * SizeOf(request.dtype));
      }
      EXPECT_EQ(packed_bytes, batch.packed_bytes);
      EXPECT_TRUE(batch.members.size() == 1 || packed_bytes <= PackedSize(4096));
    }
    for (const int times : seen) EXPECT_EQ(times, 1);
  }
}

TEST(FusionPlanner, KeepsProcessSetsApart) {
  std::vector<ReadyOperation> operations(4, ReadyOperation());
  for (std::size_t i = 0; i < operations.size(); ++i) {
    operations[i] = Allreduce(16);
    operations[i].response->request.process_set = i % 2 == 0 ? 0 : 3;
  }
  EXPECT_THAT(Plan(operations, 1024), ElementsAre(Batch{0, 2}, Batch{1, 3}));
}

TEST(FusionPlanner, KeepsHostAndDeviceMemoryApart) {
  std::vector<ReadyOperation> operations(4, ReadyOperation());
  for (std::size_t i = 0; i < operations.size(); ++i) {
    operations[i] = Allreduce(16);
    operations[i].response->request.on_device = i % 2 == 1;
  }
  EXPECT_THAT(Plan(operations, 1024), ElementsAre(Batch{0, 2}, Batch{1, 3}));
}

// What a rank in some of the sets plans is what a rank in all of them plans, less the rest.
TEST(FusionPlanner, PlansTheSameWhateverElseARankSees) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<ReadyOperation> all(random() % 60);
    for (ReadyOperation& operation : all) {
      operation = Operation(
          random() % 8 == 0 ? OperationKind::kBroadcast : OperationKind::kAllreduce,
          static_cast<std::int64_t>(random() % 1500), static_cast<DataType>(random() % 2));
      operation.response->request.process_set = static_cast<int>(random() % 4);
    }
    const unsigned seen_sets = static_cast<unsigned>(random() % 16);
    std::vector<ReadyOperation> seen;
    Batch position_of(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      position_of[i] = static_cast<std::uint32_t>(seen.size());
      if ((seen_sets >> all[i].response->request.process_set & 1U) != 0) seen.push_back(all[i]);
    }
    std::vector<Batch> expected;
    for (const Batch& batch : Plan(all, 4096)) {
      if ((seen_sets >> all[batch.front()].response->request.process_set & 1U) == 0) continue;
      Batch& restricted = expected.emplace_back();
      for (const std::uint32_t member : batch) restricted.push_back(position_of[member]);
    }
    EXPECT_EQ(Plan(seen, 4096), expected) << "round " << round;
  }
}

}  // namespace
}  // namespace ronde
