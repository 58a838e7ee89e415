// What the conformance suite cannot see of forms that go host by host: which runs where, how many
// bytes cross hosts, and what compression does to a reduction.
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/allgather/allgather.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reducescatter/reducescatter.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using HostIds = std::vector<std::string>;

const HostIds kTwoAndTwo = {"a", "a", "b", "b"};
const HostIds kThreeAndOne = {"a", "a", "a", "b"};
const HostIds kTwoTwoAndOne = {"a", "a", "b", "b", "c"};
const HostIds kMixed = {"a", "b", "a", "b"};

// Calls `body(context)` on every rank.
template <typename Body>
void OnHosts(const HostIds& ids, const std::string& hierarchy, const std::string& compression,
             const Body& body) {
  RunRanksOnHosts(ids, [&](Transport& transport) {
    Config config;
    const auto set = [&](Setting setting, const std::string& value) {
      ASSERT_TRUE(config.Set(setting, value, SettingOrigin::kProgram).ok());
    };
    set(Setting::kHierarchy, hierarchy);
    set(Setting::kWireCompression, compression);
    set(Setting::kChunkBytes, "16K");
    set(Setting::kTimeoutS, "30");
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    body(*context.value());
  });
}

struct Forms {
  std::string allgather;
  std::string small_broadcast;
  std::string large_broadcast;
  std::string reducescatter;
};

Forms FormsOn(const HostIds& ids, const std::string& hierarchy) {
  Forms forms;
  OnHosts(ids, hierarchy, "none", [&](CollectiveContext& context) {
    if (context.rank() != 0) return;
    const std::vector<std::int64_t> blocks(ids.size(), 1000);
    forms.allgather = AllgatherAlgorithm(context, {.rank_bytes = blocks});
    forms.small_broadcast = BroadcastAlgorithm(context, {.size_bytes = 100});
    forms.large_broadcast = BroadcastAlgorithm(context, {.size_bytes = 1 << 20});
    forms.reducescatter = ReducescatterAlgorithm(context, {.rank_counts = blocks});
  });
  return forms;
}

void ExpectForms(const Forms& forms, const Forms& expected) {
  EXPECT_EQ(forms.allgather, expected.allgather);
  EXPECT_EQ(forms.small_broadcast, expected.small_broadcast);
  EXPECT_EQ(forms.large_broadcast, expected.large_broadcast);
  EXPECT_EQ(forms.reducescatter, expected.reducescatter);
}

TEST(HierarchicalMovement, FormsFollowHostsAndSetting) {
  const Forms rails = {"hierarchical_rails", "hierarchical_tree", "hierarchical_chain",
                       "hierarchical"};
  const Forms leader = {"hierarchical_leader", "hierarchical_tree", "hierarchical_chain",
                        "hierarchical"};
  const Forms flat = {"ring", "binomial_tree", "binomial_tree", "ring"};
  ExpectForms(FormsOn(kTwoAndTwo, "auto"), rails);
  ExpectForms(FormsOn(kTwoAndTwo, "rails"), rails);
  ExpectForms(FormsOn(kTwoAndTwo, "leader"), leader);
  ExpectForms(FormsOn(kThreeAndOne, "auto"), leader);
  ExpectForms(FormsOn(kTwoTwoAndOne, "auto"), leader);
  ExpectForms(FormsOn(kTwoAndTwo, "flat"), flat);
  ExpectForms(FormsOn({"a", "b"}, "auto"), flat);
  // Of a host whose ranks do not follow one another, blocks do not lie together.
  ExpectForms(FormsOn(kMixed, "auto"), {"ring", "hierarchical_tree", "hierarchical_chain", "ring"});
}

// What all ranks together send as messages in `collective`.
template <typename Collective>
std::uint64_t BytesBetweenHosts(const HostIds& ids, const std::string& hierarchy,
                                const std::string& compression, const Collective& collective) {
  std::atomic<std::uint64_t> sum{0};
  OnHosts(ids, hierarchy, compression, [&](CollectiveContext& context) {
    const std::uint64_t before = context.transport().bytes_sent();
    const Status status = collective(context);
    EXPECT_TRUE(status.ok()) << status.message();
    sum += context.transport().bytes_sent() - before;
  });
  return sum;
}

struct Layout {
  std::string name;
  HostIds ids;
  std::string hierarchy;
  std::uint64_t other_hosts;
};

class BytesOfHierarchicalMovement : public testing::TestWithParam<Layout> {};

TEST_P(BytesOfHierarchicalMovement, CrossToEachOtherHostOnce) {
  const auto& [name, ids, hierarchy, other_hosts] = GetParam();
  const auto ranks = ids.size();
  // Uneven blocks, of which one rank has none.
  std::vector<std::int64_t> blocks(ranks, 30'001);
  blocks[1] = 0;
  blocks[2] = 77'777;
  const auto total = static_cast<std::size_t>(std::accumulate(blocks.begin(), blocks.end(), 0L));
  for (const std::size_t size_bytes : {std::size_t{40}, std::size_t{300'000}}) {
    const auto broadcast = [&](CollectiveContext& context) {
      std::vector<std::byte> data(size_bytes);
      return Broadcast(context, {.data = data.data(), .size_bytes = size_bytes, .root = 1});
    };
    EXPECT_EQ(BytesBetweenHosts(ids, hierarchy, "none", broadcast), size_bytes * other_hosts);
  }
  const auto allgather = [&](CollectiveContext& context) {
    const auto own = static_cast<std::size_t>(context.rank());
    const std::vector<std::byte> input(static_cast<std::size_t>(blocks[own]));
    std::vector<std::byte> output(total);
    return Allgather(context,
                     {.input = input.data(), .output = output.data(), .rank_bytes = blocks});
  };
  EXPECT_EQ(BytesBetweenHosts(ids, hierarchy, "none", allgather), total * other_hosts);
  const auto reducescatter = [&](CollectiveContext& context) {
    const auto own = static_cast<std::size_t>(context.rank());
    const std::vector<float> input(total, 1);
    std::vector<float> output(static_cast<std::size_t>(blocks[own]));
    return Reducescatter(context,
                         {.input = input.data(), .output = output.data(), .rank_counts = blocks});
  };
  EXPECT_EQ(BytesBetweenHosts(ids, hierarchy, "none", reducescatter), 4 * total * other_hosts);
  EXPECT_EQ(BytesBetweenHosts(ids, hierarchy, "bf16", reducescatter), 2 * total * other_hosts);
}

INSTANTIATE_TEST_SUITE_P(Layouts, BytesOfHierarchicalMovement,
                         testing::Values(Layout{"TwoAndTwo", kTwoAndTwo, "auto", 1},
                                         Layout{"TwoAndTwoRails", kTwoAndTwo, "rails", 1},
                                         Layout{"TwoAndTwoLeader", kTwoAndTwo, "leader", 1},
                                         Layout{"ThreeAndOne", kThreeAndOne, "auto", 1},
                                         Layout{"TwoTwoAndOne", kTwoTwoAndOne, "auto", 2},
                                         Layout{"TwoTwoAndOneLeader", kTwoTwoAndOne, "leader", 2}),
                         [](const auto& layout) { return layout.param.name; });

// The block of this rank in an average of what every rank fills with `value(rank, index)`.
template <typename Value>
std::vector<float> AveragedBlock(CollectiveContext& context,
                                 const std::vector<std::int64_t>& counts, const Value& value) {
  const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  std::vector<float> input;
  for (std::int64_t i = 0; i < total; ++i) input.push_back(value(context.rank(), i));
  std::vector<float> output(
      static_cast<std::size_t>(counts[static_cast<std::size_t>(context.rank())]));
  const Status status = Reducescatter(context, {.input = input.data(),
                                                .output = output.data(),
                                                .rank_counts = counts,
                                                .op = ReduceOp::kAverage});
  EXPECT_TRUE(status.ok()) << status.message();
  return output;
}

TEST(HierarchicalMovement, Int8ReducescatterStaysWithinTheErrorOfOneEncodingAHost) {
  for (const HostIds& ids : {kTwoAndTwo, kThreeAndOne, kTwoTwoAndOne}) {
    const std::vector<std::int64_t> counts(ids.size(), 1003);
    const auto value = [](int rank, std::int64_t i) {
      return std::sin(static_cast<float>(i * (rank + 1)));
    };
    OnHosts(ids, "auto", "int8", [&](CollectiveContext& context) {
      const std::vector<float> block = AveragedBlock(context, counts, value);
      for (std::size_t i = 0; i < block.size(); ++i) {
        double sum = 0;
        for (int rank = 0; rank < context.size(); ++rank) {
          sum += value(rank, static_cast<std::int64_t>(i) + 1003 * context.rank());
        }
        // No rank's values exceed 1, so no host's sum exceeds its ranks.
        const double ranks = context.size();
        ASSERT_NEAR(block[i], sum / ranks, ranks / 254 / ranks * 1.001 + 1e-6);
      }
    });
  }
}

TEST(HierarchicalMovement, WhatIsNotFiniteSurvivesCompression) {
  const std::vector<std::int64_t> counts(4, 1000);
  for (const char* compression : {"fp16", "bf16", "int8"}) {
    OnHosts(kTwoAndTwo, "auto", compression, [&](CollectiveContext& context) {
      const std::vector<float> block = AveragedBlock(context, counts, [](int rank, auto i) {
        return rank == 3 && i == 500 ? std::numeric_limits<float>::quiet_NaN() : 1.0f;
      });
      EXPECT_EQ(std::isnan(block[500]), context.rank() == 0);
    });
  }
}

}  // namespace
}  // namespace ronde
