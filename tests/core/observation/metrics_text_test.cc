#include "core/observation/metrics_text.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/observation/metrics.h"
#include "tests/core/observation/prometheus_text.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

// A snapshot that has something of everything.
MetricsSnapshot Busy() {
  Metrics metrics(0, 4);
  Request request;
  request.kind = OperationKind::kModelAverage;
  request.name = "x";
  request.shape = {256};
  const Request* const batch = &request;
  metrics.OnList({.cached = 1, .locked = true}, 4000);
  metrics.OnAgreed(request, 1000, 4000);
  metrics.OnBatchBegin({&batch, 1}, 1024, 5000);
  metrics.OnPhase("odd \"name\" \\ of\ntwo lines", 5000, 6000);
  metrics.OnBatchEnd(7000);
  metrics.OnCompleted(request, Status::Ok(), 1000, 7500);
  metrics.OnCompleted(request, Status::Mismatch("m"), 0, 0);
  metrics.OnStraggler(3, "x", 1'500'000'000);
  MetricsSnapshot snapshot = metrics.Snapshot();
  snapshot.in_flight = 1;
  snapshot.bytes_on_wire = std::uint64_t{1} << 60;
  snapshot.seconds_outstanding = 0.1;
  return snapshot;
}

TEST(PrometheusText, FollowsTheFormat) {
  const PrometheusFamilies families(PrometheusText(Busy()));
  EXPECT_EQ(families.families().at("ronde_completion_seconds").type, "histogram");
  EXPECT_EQ(families.families().at("ronde_operations_in_flight").type, "gauge");
  EXPECT_GT(families.families().size(), 15U);
}

TEST(PrometheusText, FollowsTheFormatWhereNothingHasHappened) {
  const PrometheusFamilies families(PrometheusText(MetricsSnapshot()));
  EXPECT_EQ(families.Value("ronde_lists_total"), 0);
  EXPECT_EQ(families.Value("ronde_batch_tensors_count"), 0);
}

TEST(PrometheusText, TellsWhatTheSnapshotHas) {
  const PrometheusFamilies families(PrometheusText(Busy()));
  const PrometheusFamilies::Labels average = {{"rank", "0"}, {"kind", "model_average"}};
  EXPECT_EQ(families.Value("ronde_info", {{"size", "4"}}), 1);
  EXPECT_EQ(families.Value("ronde_operations_total", average), 1);
  EXPECT_EQ(families.Value("ronde_payload_bytes_total", average), 1024);
  EXPECT_EQ(families.Value("ronde_failures_total", {{"code", "MISMATCH"}}), 1);
  EXPECT_EQ(families.Value("ronde_failures_total", {{"code", "TIMEOUT"}}), 0);
  EXPECT_EQ(families.Value("ronde_operations_in_flight"), 1);
  EXPECT_EQ(families.Value("ronde_negotiation_seconds_sum", average), 3e-6);
  EXPECT_EQ(families.Value("ronde_negotiation_seconds_bucket", {{"le", "2.048e-06"}}), 0);
  EXPECT_EQ(families.Value("ronde_negotiation_seconds_bucket", {{"le", "4.096e-06"}}), 1);
  EXPECT_EQ(families.Value("ronde_queue_seconds_sum", average), 1e-6);
  EXPECT_EQ(families.Value("ronde_execution_seconds_sum", average), 2e-6);
  EXPECT_EQ(families.Value("ronde_completion_seconds_sum", average), 6.5e-6);
  EXPECT_EQ(families.Value("ronde_cache_hits_total"), 1);
  EXPECT_EQ(families.Value("ronde_locked_lists_total"), 1);
  EXPECT_EQ(families.Value("ronde_straggler_waits_total", {{"straggler", "3"}}), 1);
  EXPECT_EQ(families.Value("ronde_straggler_wait_seconds_total", {{"straggler", "3"}}), 1.5);
  EXPECT_EQ(families.Value("ronde_outstanding_seconds_total"), 0.1);
}

TEST(PrometheusText, KeepsCountersExact) {
  EXPECT_THAT(PrometheusText(Busy()), HasSubstr("ronde_wire_bytes_total{rank=\"0\"} "
                                                "1152921504606846976\n"));
}

TEST(PrometheusText, EscapesLabels) {
  EXPECT_EQ(EscapeLabelValue("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
  EXPECT_EQ(PrometheusFamilies(PrometheusText(Busy()))
                .Value("ronde_phase_seconds_total", {{"phase", "odd \"name\" \\ of\ntwo lines"}}),
            1e-6);
}

TEST(PrometheusText, BoundsOfTensorsAreWholeNumbers) {
  EXPECT_THAT(PrometheusText(MetricsSnapshot()),
              HasSubstr("ronde_batch_tensors_bucket{rank=\"0\",le=\"64\"} 0\n"));
}

}  // namespace
}  // namespace ronde
