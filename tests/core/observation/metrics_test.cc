#include "core/observation/metrics.h"

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::int64_t kMs = 1'000'000;

Request Make(OperationKind kind, std::int64_t count) {
  Request request;
  request.kind = kind;
  request.name = "x";
  request.dtype = DataType::kFloat32;
  request.shape = {count};
  return request;
}

// What an engine tells of one operation that travels alone.
void RunAlone(Metrics& metrics, const Request& request, std::int64_t start_ns) {
  const Request* const batch = &request;
  metrics.OnList({.negotiated = 1, .queue_depth = 1}, start_ns + 2 * kMs);
  metrics.OnAgreed(request, start_ns, start_ns + 2 * kMs);
  metrics.OnBatchBegin({&batch, 1}, 256, start_ns + 3 * kMs);
  metrics.OnPhase("PACK", start_ns + 3 * kMs, start_ns + 4 * kMs);
  metrics.OnPhase("ring", start_ns + 4 * kMs, start_ns + 8 * kMs);
  metrics.OnBatchEnd(start_ns + 8 * kMs);
  metrics.OnCompleted(request, Status::Ok(), start_ns, start_ns + 9 * kMs);
}

TEST(Metrics, CountsNothingBeforeAnythingHappens) {
  const MetricsSnapshot snapshot = Metrics(1, 4).Snapshot();
  EXPECT_EQ(snapshot.rank, 1);
  EXPECT_EQ(snapshot.size, 4);
  EXPECT_TRUE(snapshot.operations.empty());
  EXPECT_TRUE(snapshot.phases.empty());
  EXPECT_TRUE(snapshot.stragglers.empty());
}

TEST(Metrics, TellsCallsBytesAndTimesByKind) {
  Metrics metrics(0, 2);
  for (int i = 1; i <= 3; ++i) {
    RunAlone(metrics, Make(OperationKind::kAllreduce, 100), i * 20 * kMs);
  }
  RunAlone(metrics, Make(OperationKind::kBroadcast, 7), 100 * kMs);
  const MetricsSnapshot snapshot = metrics.Snapshot();
  ASSERT_EQ(snapshot.operations.size(), 2U);
  const OperationMetrics& allreduce = snapshot.operations[0];
  EXPECT_EQ(allreduce.kind, OperationKind::kAllreduce);
  EXPECT_EQ(allreduce.calls, 3U);
  EXPECT_EQ(allreduce.payload_bytes, 1200U);
  EXPECT_NEAR(allreduce.negotiation_s.Mean(), 2e-3, 1e-12);
  EXPECT_NEAR(allreduce.queue_s.Mean(), 1e-3, 1e-12);
  EXPECT_NEAR(allreduce.execution_s.Mean(), 5e-3, 1e-12);
  EXPECT_NEAR(allreduce.completion_s.Mean(), 9e-3, 1e-12);
  EXPECT_NEAR(allreduce.completion_s.Quantile(0.5), 9e-3, 9e-3 / 4);
  EXPECT_EQ(snapshot.operations[1].kind, OperationKind::kBroadcast);
  EXPECT_EQ(snapshot.operations[1].payload_bytes, 28U);
}

TEST(Metrics, CountsNoBytesOfWhatMovesNone) {
  Metrics metrics(0, 2);
  RunAlone(metrics, Make(OperationKind::kBarrier, 100), kMs);
  RunAlone(metrics, Make(OperationKind::kAllocate, 100), kMs);
  for (const OperationMetrics& operation : metrics.Snapshot().operations) {
    EXPECT_EQ(operation.calls, 1U);
    EXPECT_EQ(operation.payload_bytes, 0U);
  }
}

TEST(Metrics, TellsPhasesWithTheBytesOfTheirBatches) {
  Metrics metrics(0, 2);
  const Request request = Make(OperationKind::kAllreduce, 100);
  RunAlone(metrics, request, kMs);
  const std::array<const Request*, 2> batch = {&request, &request};
  metrics.OnBatchBegin(batch, 1024, 0);
  metrics.OnPhase("ring", 0, kMs);  // in two pieces
  metrics.OnPhase("ring", kMs, 2 * kMs);
  metrics.OnBatchEnd(2 * kMs);
  const std::vector<PhaseMetrics> phases = metrics.Snapshot().phases;
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].name, "PACK");
  EXPECT_EQ(phases[0].payload_bytes, 400U);
  EXPECT_EQ(phases[1].name, "ring");
  EXPECT_EQ(phases[1].calls, 3U);
  EXPECT_NEAR(phases[1].seconds, 6e-3, 1e-12);
  EXPECT_EQ(phases[1].payload_bytes, 400U + 800U);
}

TEST(Metrics, GathersPhasesBeyondItsPlacesAsOther) {
  Metrics metrics(0, 2);
  for (int i = 0; i < 100; ++i) metrics.OnPhase(StrCat("phase ", i), 0, kMs);
  const std::vector<PhaseMetrics> phases = metrics.Snapshot().phases;
  EXPECT_EQ(phases.front().name, "phase 0");
  EXPECT_EQ(phases.back().name, "other");
  EXPECT_EQ(phases.size() - 1 + phases.back().calls, 100U);
}

TEST(Metrics, TellsHowFullBatchesAre) {
  std::int64_t threshold_bytes = 1024;
  Metrics metrics(0, 2, [&] { return threshold_bytes; });
  const Request single = Make(OperationKind::kAllreduce, 10);
  Request group = Make(OperationKind::kAllreduce, 10);
  group.group_counts = {3, 3, 4};
  const std::array<const Request*, 2> batch = {&single, &group};
  metrics.OnBatchBegin(batch, 512, 0);
  metrics.OnBatchEnd(0);
  threshold_bytes = 2048;  // as an autotuner changes it
  metrics.OnBatchBegin(batch, 512, 0);
  metrics.OnBatchEnd(0);
  const MetricsSnapshot snapshot = metrics.Snapshot();
  EXPECT_EQ(snapshot.batch_tensors.count, 2U);
  EXPECT_EQ(snapshot.batch_tensors.sum, 8);
  EXPECT_EQ(snapshot.fusion_fill.count, 2U);
  EXPECT_DOUBLE_EQ(snapshot.fusion_fill.sum, 0.75);
}

TEST(Metrics, TellsNoFillWhereNothingIsFused) {
  std::int64_t threshold_bytes = 1024;
  Metrics metrics(0, 2, [&] { return threshold_bytes; });
  RunAlone(metrics, Make(OperationKind::kAllgather, 10), kMs);
  threshold_bytes = 0;
  RunAlone(metrics, Make(OperationKind::kAllreduce, 10), kMs);
  EXPECT_EQ(metrics.Snapshot().fusion_fill.count, 0U);
  EXPECT_EQ(metrics.Snapshot().batch_tensors.count, 2U);
}

TEST(Metrics, LeavesOutWhatThisRankStandsInForWithoutHavingAsked) {
  Metrics metrics(0, 2);
  const Request request = Make(OperationKind::kAllreduce, 10);
  metrics.OnAgreed(request, kStandsIn, kMs);
  metrics.OnCompleted(request, Status::Ok(), kStandsIn, kMs);
  EXPECT_TRUE(metrics.Snapshot().operations.empty());
}

TEST(Metrics, CountsListsAndWhatTheCacheKnew) {
  Metrics metrics(0, 2);
  metrics.OnList({.number = 1, .cached = 3, .negotiated = 2}, 0);
  metrics.OnList({.number = 2, .cached = 5, .locked = true}, 0);
  const MetricsSnapshot snapshot = metrics.Snapshot();
  EXPECT_EQ(snapshot.lists, 2U);
  EXPECT_EQ(snapshot.locked_lists, 1U);
  EXPECT_EQ(snapshot.cache_hits, 8U);
  EXPECT_EQ(snapshot.cache_misses, 2U);
}

TEST(Metrics, CountsFailuresByCodeAndNotAsCalls) {
  Metrics metrics(0, 2);
  const Request request = Make(OperationKind::kAllreduce, 10);
  metrics.OnCompleted(request, Status::Mismatch("shapes"), 0, kMs);
  const MetricsSnapshot snapshot = metrics.Snapshot();
  EXPECT_TRUE(snapshot.operations.empty());
  for (const FailureMetrics& failure : snapshot.failures) {
    EXPECT_EQ(failure.operations, failure.code == StatusCode::kMismatch ? 1U : 0U);
  }
}

TEST(Metrics, NamesStragglersOnRankZero) {
  Metrics metrics(0, 3);
  metrics.OnStraggler(2, "x", kMs);
  metrics.OnStraggler(2, "y", 3 * kMs);
  metrics.OnStraggler(7, "no such rank", kMs);
  metrics.OnStraggler(-1, "no such rank", kMs);
  const std::vector<StragglerMetrics> stragglers = metrics.Snapshot().stragglers;
  ASSERT_EQ(stragglers.size(), 1U);
  EXPECT_EQ(stragglers[0].rank, 2);
  EXPECT_EQ(stragglers[0].times, 2U);
  EXPECT_NEAR(stragglers[0].wait_s, 4e-3, 1e-12);
}

TEST(Metrics, TakesTimesThatRunBackwardsAsNone) {
  Metrics metrics(0, 2);
  const Request request = Make(OperationKind::kAllreduce, 10);
  metrics.OnAgreed(request, 10 * kMs, 0);
  metrics.OnPhase("ring", 10 * kMs, 0);
  metrics.OnStraggler(1, "x", -kMs);
  EXPECT_EQ(metrics.Snapshot().operations[0].negotiation_s.sum, 0);
  EXPECT_EQ(metrics.Snapshot().phases[0].seconds, 0);
  EXPECT_EQ(metrics.Snapshot().stragglers[0].wait_s, 0);
}

// For TSan.
TEST(Metrics, CanBeReadWhileTheEngineGoesOn) {
  Metrics metrics(0, 2);
  std::atomic<bool> done{false};
  std::thread engine([&] {
    for (int i = 0; i < 20'000; ++i) {
      RunAlone(metrics, Make(static_cast<OperationKind>(i % 8), 10), (i + 1) * kMs);
      metrics.OnPhase(StrCat("phase ", i % 40), 0, 1);
    }
    done = true;
  });
  std::uint64_t last_lists = 0;
  while (!done) {
    const MetricsSnapshot snapshot = metrics.Snapshot();
    EXPECT_GE(snapshot.lists, last_lists);
    last_lists = snapshot.lists;
  }
  engine.join();
  EXPECT_EQ(metrics.Snapshot().lists, 20'000U);
}

}  // namespace
}  // namespace ronde
