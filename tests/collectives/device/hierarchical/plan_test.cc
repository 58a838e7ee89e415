#include "collectives/device/hierarchical/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "tests/collectives/device/hierarchical/plan_shapes.h"

namespace ronde {
namespace {

const PlanStep& StepOf(const DevicePlan& plan, int number) {
  return plan.steps[static_cast<std::size_t>(number)];
}

bool IsStream(PlanEngine engine) {
  return engine != PlanEngine::kHost && engine != PlanEngine::kWire;
}

// By step: which steps are certainly done before it starts.
std::vector<std::vector<bool>> Before(const DevicePlan& plan) {
  const std::size_t count = plan.steps.size();
  std::vector<std::vector<bool>> before(count, std::vector<bool>(count));
  std::map<PlanEngine, int> last_of_stream;
  const auto add = [&](std::size_t step, int other) {
    const auto& its = before[static_cast<std::size_t>(other)];
    for (std::size_t i = 0; i < step; ++i) before[step][i] = before[step][i] || its[i];
    before[step][static_cast<std::size_t>(other)] = true;
  };
  for (std::size_t step = 0; step < count; ++step) {
    for (const int other : plan.steps[step].after) add(step, other);
    const PlanEngine engine = plan.steps[step].engine;
    if (!IsStream(engine)) continue;
    const auto last = last_of_stream.find(engine);
    if (last != last_of_stream.end()) add(step, last->second);
    last_of_stream[engine] = static_cast<int>(step);
  }
  return before;
}

struct Access {
  int step;
  bool writes;
  PlanPlace place;
};

std::vector<Access> AccessesOf(const DevicePlan& plan) {
  std::vector<Access> accesses;
  for (int step = 0; step < static_cast<int>(plan.steps.size()); ++step) {
    for (const PlanPlace& place : StepOf(plan, step).reads)
      accesses.push_back({step, false, place});
    for (const PlanPlace& place : StepOf(plan, step).writes)
      accesses.push_back({step, true, place});
  }
  return accesses;
}

bool Overlap(const PlanPlace& a, const PlanPlace& b) {
  return a.space == b.space && a.slot == b.slot && a.begin < b.end() && b.begin < a.end();
}

// The ranks that are worth looking at: all of the first host and the first of every other.
std::vector<DevicePlan> PlansOf(const DevicePlanShape& shape) {
  std::vector<DevicePlan> plans;
  for (int host = 0; host < shape.hosts(); ++host) {
    const int ranks = host == 0 ? shape.ranks_per_host.front() : 1;
    for (int local = 0; local < ranks; ++local) plans.push_back(MakeDevicePlan(shape, host, local));
  }
  return plans;
}

class PlanTest : public testing::TestWithParam<PlanCase> {};
INSTANTIATE_TEST_SUITE_P(Topologies, PlanTest, testing::ValuesIn(PlanCases()),
                         [](const auto& instance) { return instance.param.name; });

TEST_P(PlanTest, ShapeIsAccepted) {
  EXPECT_TRUE(CheckDevicePlanShape(GetParam().shape).ok());
  EXPECT_FALSE(Describe(GetParam().shape).empty());
}

TEST_P(PlanTest, StepsWaitForEarlierOnesOnly) {
  for (const DevicePlan& plan : PlansOf(GetParam().shape)) {
    for (int step = 0; step < static_cast<int>(plan.steps.size()); ++step) {
      for (const int other : StepOf(plan, step).after) ASSERT_LT(other, step) << ToString(plan);
    }
  }
}

TEST_P(PlanTest, PlacesLieWithinTheirMemory) {
  for (const DevicePlan& plan : PlansOf(GetParam().shape)) {
    for (const Access& access : AccessesOf(plan)) {
      const bool tensor = access.place.space == PlanSpace::kTensor;
      ASSERT_LE(access.place.end(), tensor ? plan.tensor_bytes : plan.slot_bytes)
          << ToString(StepOf(plan, access.step));
      if (tensor) continue;
      ASSERT_LT(access.place.slot, plan.slots);
      ASSERT_EQ(access.place.space, plan.slot_space);
    }
  }
}

// No slot is used again before its reader is done, and nothing is read before it is there.
TEST_P(PlanTest, WhoeverTouchesTheSameBytesIsInOrder) {
  for (const DevicePlan& plan : PlansOf(GetParam().shape)) {
    const auto before = Before(plan);
    const std::vector<Access> accesses = AccessesOf(plan);
    for (std::size_t i = 0; i < accesses.size(); ++i) {
      for (std::size_t j = i + 1; j < accesses.size(); ++j) {
        const Access& a = accesses[i];
        const Access& b = accesses[j];
        if (a.step == b.step || (!a.writes && !b.writes) || !Overlap(a.place, b.place)) continue;
        ASSERT_TRUE(before[static_cast<std::size_t>(b.step)][static_cast<std::size_t>(a.step)])
            << "#" << a.step << " and #" << b.step << " of\n"
            << ToString(plan);
      }
    }
  }
}

// What ranks of a host touch in each other's tensors between entering and leaving is disjoint, and
// covers all of them: shards have one owner.
TEST_P(PlanTest, EveryByteHasOneOwnerOnEachHost) {
  const DevicePlanShape& shape = GetParam().shape;
  for (int host = 0; host < shape.hosts(); ++host) {
    const std::size_t bytes = MakeDevicePlan(shape, host, 0).tensor_bytes;
    std::vector<int> owners(bytes);
    for (int local = 0; local < shape.ranks_per_host[static_cast<std::size_t>(host)]; ++local) {
      for (const PlanStep& step : MakeDevicePlan(shape, host, local).steps) {
        if (step.kind != PlanStepKind::kReduceLocal) continue;
        for (std::size_t i = step.writes[0].begin; i < step.writes[0].end(); ++i) ++owners[i];
      }
    }
    EXPECT_TRUE(std::all_of(owners.begin(), owners.end(), [](int n) { return n == 1; }));
  }
}

TEST_P(PlanTest, BothEndsOfALinkSeeTheSameMessages) {
  const DevicePlanShape& shape = GetParam().shape;
  std::map<std::pair<int, int>, std::vector<std::size_t>> sent;
  std::map<std::pair<int, int>, std::vector<std::size_t>> received;
  for (int host = 0; host < shape.hosts(); ++host) {
    for (const PlanStep& step : MakeDevicePlan(shape, host, 0).steps) {
      if (step.kind == PlanStepKind::kSend) {
        sent[{host, step.peer}].push_back(step.reads[0].size_bytes);
      } else if (step.kind == PlanStepKind::kReceive) {
        received[{step.peer, host}].push_back(step.writes[0].size_bytes);
      }
    }
  }
  EXPECT_EQ(sent, received);
}

TEST_P(PlanTest, ScalesCompleteSumsOnce) {
  for (const DevicePlan& plan : PlansOf(GetParam().shape)) {
    std::map<std::pair<std::size_t, int>, int> scaled;  // by place and chunk
    for (const PlanStep& step : plan.steps) {
      if (step.complete) ++scaled[{step.writes[0].begin, step.chunk}];
    }
    for (const auto& [place, times] : scaled) EXPECT_EQ(times, 1);
  }
}

std::size_t SentByRail(const DevicePlanShape& shape) {
  std::size_t bytes = 0;
  for (int host = 0; host < shape.hosts(); ++host) {
    bytes += WireBytesSent(MakeDevicePlan(shape, host, 0));
  }
  return bytes;
}

TEST(PlanBytes, EveryRailSendsTwiceItsShareButAnNth) {
  for (const int hosts : {2, 3, 4, 16}) {
    for (const NetForm form : {NetForm::kDirect, NetForm::kRing}) {
      // Whole pieces for all: 64 bytes times hosts times ranks.
      DevicePlanShape shape = EvenShape(hosts, 8, 16 * 8 * hosts * 40, 64 * hosts * 10);
      shape.net = form;
      const std::size_t share = static_cast<std::size_t>(shape.count) * 4 / 8;
      const auto n = static_cast<std::size_t>(hosts);
      for (int host = 0; host < hosts; ++host) {
        EXPECT_EQ(WireBytesSent(MakeDevicePlan(shape, host, 3)), 2 * (n - 1) * share / n);
      }
      // And whatever the count, the hosts together.
      shape.count += 5;
      EXPECT_EQ(SentByRail(shape) % (2 * (n - 1)), 0U);
    }
  }
}

TEST(PlanBytes, TwoHostsSwapTheirShares) {
  const DevicePlanShape shape = EvenShape(2, 8, 8 * 16 * 100, 1024);
  EXPECT_EQ(WireBytesSent(MakeDevicePlan(shape, 1, 7)), 16U * 100 * 4);
}

TEST(PlanBytes, CompressionSendsWhatTheFormatTakes) {
  DevicePlanShape shape = EvenShape(4, 8, 8 * 4 * 1024, 16 << 10);
  shape.net = NetForm::kDirect;
  const std::size_t plain = WireBytesSent(MakeDevicePlan(shape, 0, 0));
  shape.wire = WireFormat::kBfloat16;
  EXPECT_EQ(WireBytesSent(MakeDevicePlan(shape, 0, 0)) * 2, plain);
  shape.wire = WireFormat::kInt8;
  const std::size_t values = plain / 4;
  EXPECT_EQ(WireBytesSent(MakeDevicePlan(shape, 0, 0)), values + values / 256 * 4);
}

TEST(PlanBytes, FollowersOfALeaderSendNothing) {
  DevicePlanShape shape = EvenShape(2, 4, 1000, 1024);
  shape.ranks_per_host = {4, 2};
  EXPECT_EQ(CarriersOf(shape), 1);
  EXPECT_EQ(WireBytesSent(MakeDevicePlan(shape, 0, 1)), 0U);
  EXPECT_EQ(MakeDevicePlan(shape, 0, 1).steps.size(), 2U);
  EXPECT_EQ(WireBytesSent(MakeDevicePlan(shape, 0, 0)), 4000U);
}

TEST(PlanCheck, RefusesWhatCannotBe) {
  DevicePlanShape shape = EvenShape(3, 2, 100, 1024);
  shape.net = NetForm::kPairwise;
  EXPECT_EQ(CheckDevicePlanShape(shape).code(), StatusCode::kInternal);
  shape.net = NetForm::kNamed;
  EXPECT_EQ(CheckDevicePlanShape(shape).code(), StatusCode::kInternal);
  shape.net = NetForm::kDirect;
  shape.gpu_direct = true;
  shape.wire = WireFormat::kInt8;
  EXPECT_EQ(CheckDevicePlanShape(shape).code(), StatusCode::kInternal);
  shape.gpu_direct = false;
  shape.dtype = DataType::kFloat64;
  EXPECT_EQ(CheckDevicePlanShape(shape).code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace ronde
