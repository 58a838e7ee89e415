#include <gtest/gtest.h>

#include "tests/collectives/device/hierarchical/plan_shapes.h"
#include "tests/collectives/device/hierarchical/plan_timing.h"

namespace ronde {
namespace {

// One rail: 4 MiB a rank, in chunks of 128 KiB. The host's part in an 8-GPU node is the same.
DevicePlanShape Rail(int hosts, NetForm form) {
  DevicePlanShape shape = EvenShape(hosts, 1, 1 << 20, 128 << 10);
  if (hosts > 2) shape.net = form;
  return shape;
}

TEST(PlanOverlap, TheWireIsBusyWhileEverythingElseHappens) {
  for (const int hosts : {2, 3, 4}) {
    for (const NetForm form : {NetForm::kDirect, NetForm::kRing}) {
      const PlanTime time = TimeOf(Rail(hosts, form), {});
      EXPECT_LT(time.total_us, 1.15 * time.wire_us) << hosts << " hosts";
      EXPECT_GT(time.total_us, time.wire_us);
      EXPECT_GT(time.one_by_one_us, 1.25 * time.total_us) << hosts << " hosts";
    }
  }
}

TEST(PlanOverlap, SlowCopiesAndSumsHideBehindEachOther) {
  // The wire, the host and each of the copies take about as long.
  const PlanRates rates = {.stream = 1'500, .host = 3'000};
  const PlanTime time = TimeOf(Rail(2, NetForm::kPairwise), rates);
  EXPECT_LT(time.total_us, 1.35 * time.wire_us);
  EXPECT_GT(time.one_by_one_us, 2.5 * time.total_us);
}

TEST(PlanOverlap, CompressionShortensWhatTheWireBounds) {
  DevicePlanShape shape = Rail(4, NetForm::kDirect);
  const double plain = TimeOf(shape, {}).total_us;
  shape.wire = WireFormat::kBfloat16;
  EXPECT_LT(TimeOf(shape, {}).total_us, 0.6 * plain);
}

TEST(PlanOverlap, OneChunkOverlapsNothing) {
  DevicePlanShape shape = Rail(2, NetForm::kPairwise);
  shape.chunk_bytes = 8 << 20;
  const PlanTime time = TimeOf(shape, {});
  EXPECT_GT(time.total_us, 1.25 * time.wire_us);
}

}  // namespace
}  // namespace ronde
