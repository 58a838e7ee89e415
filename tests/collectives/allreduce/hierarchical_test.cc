// The hierarchical allreduce on pretended hosts: every form, against the same suite as all others.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/allreduce/hierarchical/plan.h"
#include "collectives/selector.h"
#include "tests/conformance/allreduce_conformance.h"
#include "tests/conformance/allreduce_values.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using Hosts = std::vector<std::string>;
using testing::HasSubstr;

struct Choice {
  Setting setting;
  std::string value;
};

Config ConfigWith(const std::vector<Choice>& choices, const std::string& chunk_bytes = "4K") {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kChunkBytes, chunk_bytes, SettingOrigin::kProgram).ok());
  for (const Choice& choice : choices) {
    EXPECT_TRUE(config.Set(choice.setting, choice.value, SettingOrigin::kFlag).ok());
  }
  return config;
}

const AllreduceAlgorithm& TheAlgorithm() { return *FindAllreduceAlgorithm("hierarchical"); }

/// Calls `body(context)` on one rank for each of `hosts`.
template <typename Body>
void OnHosts(const Hosts& hosts, const Config& config, const Body& body) {
  RunRanksOnHosts(hosts, [&](Transport& transport) {
    auto context = CollectiveContext::Create(transport, config);
    ASSERT_TRUE(context.ok()) << context.status().ToString();
    const Status status = body(*context.value());
    EXPECT_TRUE(status.ok()) << status.message();
    // The others would wait for a rank that has given up.
    if (!status.ok()) transport.Abort(status);
  });
}

Status CheckCases(CollectiveContext& context, const std::vector<std::int64_t>& counts,
                  bool registered) {
  for (AllreduceCase test : AllreduceCases(counts)) {
    test.registered = registered;
    if (!TheAlgorithm().Reduces(test.op)) continue;
    RONDE_RETURN_IF_ERROR(CheckAllreduce(context, TheAlgorithm(), test));
  }
  return Status::Ok();
}

Status CheckOffsets(CollectiveContext& context, bool registered) {
  for (const DataType dtype :
       {DataType::kFloat16, DataType::kBFloat16, DataType::kFloat32, DataType::kFloat64}) {
    RONDE_RETURN_IF_ERROR(CheckOffsetIndependence(context, TheAlgorithm(), dtype, registered));
  }
  return Status::Ok();
}

struct Layout {
  std::string name;
  Hosts hosts;
};

class HierarchicalOn : public testing::TestWithParam<Layout> {};

INSTANTIATE_TEST_SUITE_P(Hosts, HierarchicalOn,
                         testing::Values(Layout{"2and2", {"a", "a", "b", "b"}},
                                         Layout{"3and1", {"a", "a", "a", "b"}},
                                         Layout{"1and1", {"a", "b"}},
                                         Layout{"1and1and1", {"a", "b", "c"}},
                                         Layout{"2and2and2", {"a", "a", "b", "b", "c", "c"}},
                                         Layout{"4times1", {"a", "b", "c", "d"}},
                                         Layout{"Alternating", {"a", "b", "a", "b"}},
                                         Layout{"1and3and2", {"a", "b", "b", "b", "c", "c"}}),
                         [](const auto& layout) { return layout.param.name; });

#if defined(__SANITIZE_THREAD__)
constexpr std::int64_t kLarge = 3001;
#else
constexpr std::int64_t kLarge = 9001;
#endif

TEST_P(HierarchicalOn, Conforms) {
  const auto ranks = static_cast<std::int64_t>(GetParam().hosts.size());
  OnHosts(GetParam().hosts, ConfigWith({}), [ranks](CollectiveContext& context) {
    return CheckCases(context, {0, 1, ranks - 1, ranks, 17, 1000, kLarge}, false);
  });
}

TEST_P(HierarchicalOn, GivesBitsThatDependNeitherOnOffsetsNorOnTheForm) {
  for (const char* hierarchy : {"auto", "leader"}) {
    OnHosts(GetParam().hosts, ConfigWith({{Setting::kHierarchy, hierarchy}}),
            [](CollectiveContext& context) { return CheckOffsets(context, false); });
  }
}

TEST_P(HierarchicalOn, ConformsWithEveryAlgorithmBetweenHosts) {
  for (const char* net : {"net=direct", "net=ring", "net=recursive_doubling"}) {
    OnHosts(GetParam().hosts, ConfigWith({{Setting::kAllreduceAlgorithm, net}}),
            [](CollectiveContext& context) {
              return CheckCases(context, {1, 17, 3001}, false);
            });
  }
}

TEST(Hierarchical, ConformsInRegisteredMemory) {
  for (const Hosts& hosts : {Hosts{"a", "a", "b", "b"}, Hosts{"a", "a", "a", "b", "b", "b"}}) {
    OnHosts(hosts, ConfigWith({}), [](CollectiveContext& context) {
      RONDE_RETURN_IF_ERROR(CheckCases(context, {0, 1, 17, 3001}, true));
      return CheckOffsets(context, true);
    });
  }
}

TEST(Hierarchical, ConformsOnMoreHostsThanTalkDirectly) {
  Hosts hosts;
  for (int host = 0; host < 18; ++host) hosts.push_back(std::to_string(host));
  hosts.push_back("17");  // and an uneven one
  OnHosts(hosts, ConfigWith({}), [](CollectiveContext& context) {
    return CheckCases(context, {1, 333}, false);
  });
}

TEST(Hierarchical, ConformsInProcessSetsThatSpanHosts) {
  for (const std::vector<std::int64_t>& members :
       {std::vector<std::int64_t>{0, 1, 2, 3}, {0, 2, 3}, {1, 2, 3, 4}}) {
    OnHosts(
        {"a", "a", "b", "b", "c"}, ConfigWith({{Setting::kHierarchy, "leader"}}),
        [&members](CollectiveContext& world) -> Status {
          const bool in = std::find(members.begin(), members.end(), world.rank()) != members.end();
          RONDE_ASSIGN_OR_RETURN(
              auto group, world.transport().Split(in ? 1 : 0, world.rank(), world.NewDeadline()));
          if (!in) return Status::Ok();
          RONDE_ASSIGN_OR_RETURN(auto set,
                                 CollectiveContext::CreateWithin(world, std::move(group), members));
          return CheckCases(*set, {0, 1, 17, 1000}, false);
        });
  }
}

TEST(Hierarchical, SubgroupsAreTheRanksOfAHostAndTheRailAcrossHosts) {
  OnHosts({"a", "a", "b", "b", "b"}, ConfigWith({}), [](CollectiveContext& context) {
    const int local_rank = context.rank() < 2 ? context.rank() : context.rank() - 2;
    EXPECT_EQ(context.local_context().size(), context.rank() < 2 ? 2 : 3);
    EXPECT_EQ(context.local_context().rank(), local_rank);
    EXPECT_TRUE(context.local_context().communicator().single_host());
    EXPECT_EQ(context.local_context().shared_channel(), context.shared_channel());
    EXPECT_NE(context.shared_channel(), nullptr);
    EXPECT_EQ(context.cross_context().size(), local_rank < 2 ? 2 : 1);
    EXPECT_EQ(context.leaders(), local_rank == 0 ? &context.cross_context() : nullptr);
    EXPECT_TRUE(context.hosts_share_memory());
    EXPECT_FALSE(context.local_context().is_process_set());
    return Status::Ok();
  });
}

using Values = std::vector<float>;

Values InputOf(std::int64_t count, int rank) {
  Values values(static_cast<std::size_t>(count));
  const std::vector<std::byte> bytes = MakeInput(DataType::kFloat32, count, 5, rank);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Result<Values> Reduced(CollectiveContext& context, const AllreduceAlgorithm& algorithm,
                       const Values& input, ReduceOp op = ReduceOp::kSum) {
  Values output(input.size());
  RONDE_RETURN_IF_ERROR(algorithm.Run(context, {.input = input.data(),
                                                .output = output.data(),
                                                .count = static_cast<std::int64_t>(input.size()),
                                                .op = op}));
  return output;
}

TEST(Hierarchical, AddsAsATreeOverAllRanksWhereHostsHaveTheNextPowerOfTwo) {
  for (const Hosts& hosts :
       {Hosts{"a", "a", "b", "b"}, Hosts{"a", "a", "b", "b", "c", "c"}, Hosts{"a", "b", "c"}}) {
    OnHosts(hosts, ConfigWith({}), [](CollectiveContext& context) -> Status {
      EXPECT_EQ(TheAlgorithm().OrderIn(context), ReductionOrder::kTree);
      const AllreduceAlgorithm& tree = *FindAllreduceAlgorithm("recursive_doubling");
      for (const std::int64_t count : {1, 1000, 9001}) {
        const Values input = InputOf(count, context.rank());
        RONDE_ASSIGN_OR_RETURN(const Values expected, Reduced(context, tree, input));
        RONDE_ASSIGN_OR_RETURN(const Values got, Reduced(context, TheAlgorithm(), input));
        EXPECT_EQ(got, expected);
      }
      return Status::Ok();
    });
  }
  for (const Hosts& hosts : {Hosts{"a", "b", "a", "b"}, Hosts{"a", "a", "a", "b", "b", "b"}}) {
    OnHosts(hosts, ConfigWith({}), [](CollectiveContext& context) {
      EXPECT_EQ(TheAlgorithm().OrderIn(context), ReductionOrder::kFixed);
      return Status::Ok();
    });
  }
}

// What a format may add to each of `hosts` partial sums of at most `largest`, and to the result.
double WireError(const std::string& wire, double largest, double hosts) {
  const double unit = wire == "int8" ? 1 / 253.0 : wire == "fp16" ? 0x1p-11 : 0x1p-8;
  return unit * largest * 2 * hosts + 1e-5;
}

Status CheckCompressed(CollectiveContext& context, const std::string& wire, std::int64_t count) {
  const Values input = InputOf(count, context.rank());
  RONDE_ASSIGN_OR_RETURN(const Values got, Reduced(context, TheAlgorithm(), input));
  // Bit for bit the same everywhere: the largest and the least of all ranks are one.
  const AllreduceAlgorithm& exact = *FindAllreduceAlgorithm("recursive_doubling");
  RONDE_ASSIGN_OR_RETURN(const Values least, Reduced(context, exact, got, ReduceOp::kMin));
  RONDE_ASSIGN_OR_RETURN(const Values most, Reduced(context, exact, got, ReduceOp::kMax));
  if (std::memcmp(least.data(), most.data(), least.size() * sizeof(float)) != 0) {
    return Status::Internal("ranks differ under " + wire);
  }
  RONDE_ASSIGN_OR_RETURN(const Values sum, Reduced(context, exact, input));
  const double bound = WireError(wire, 1.5 * context.size(), context.communicator().host_count());
  double worst = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - sum[i]));
  }
  EXPECT_LE(worst, bound) << wire << " " << count;
  EXPECT_TRUE(worst > 0 || count < 10) << "nothing was compressed under " << wire;
  return Status::Ok();
}

TEST_P(HierarchicalOn, CompressedSumsAreTheSameOnAllRanksAndWithinTheBound) {
  for (const char* net : {"auto", "net=direct", "net=ring"}) {
    for (const char* wire : {"fp16", "bf16", "int8"}) {
      const Config config =
          ConfigWith({{Setting::kWireCompression, wire}, {Setting::kAllreduceAlgorithm, net}});
      OnHosts(GetParam().hosts, config, [wire](CollectiveContext& context) -> Status {
        for (const std::int64_t count : {1, 17, 1000, 9001}) {
          RONDE_RETURN_IF_ERROR(CheckCompressed(context, wire, count));
        }
        return Status::Ok();
      });
    }
  }
}

TEST(Hierarchical, CompressionLeavesOtherTypesAndOperatorsAlone) {
  OnHosts({"a", "a", "b", "b"}, ConfigWith({{Setting::kWireCompression, "int8"}}),
          [](CollectiveContext& context) -> Status {
            for (AllreduceCase test : AllreduceCases({1000})) {
              const bool adds = test.op == ReduceOp::kSum || test.op == ReduceOp::kAverage;
              if (!TheAlgorithm().Reduces(test.op)) continue;
              if (test.dtype == DataType::kFloat32 && adds) continue;
              RONDE_RETURN_IF_ERROR(CheckAllreduce(context, TheAlgorithm(), test));
            }
            return Status::Ok();
          });
}

TEST(Hierarchical, SendsEachByteOnceForAHostAndLessWhenCompressed) {
  const auto sent = [](const char* wire) {
    std::uint64_t bytes = 0;
    OnHosts({"a", "a", "b", "b"}, ConfigWith({{Setting::kWireCompression, wire}}, "256K"),
            [&](CollectiveContext& context) -> Status {
              const Values input = InputOf(1 << 20, context.rank());
              const std::uint64_t before = context.transport().bytes_sent();
              RONDE_RETURN_IF_ERROR(Reduced(context, TheAlgorithm(), input).status());
              if (context.rank() == 0) bytes = context.transport().bytes_sent() - before;
              return Status::Ok();
            });
    return bytes;
  };
  const std::uint64_t half = (std::uint64_t{4} << 20) / 2;  // of a host's two ranks
  EXPECT_EQ(sent("none"), half);
  EXPECT_EQ(sent("bf16"), half / 2);
  EXPECT_LE(static_cast<double>(sent("int8")), static_cast<double>(half) / 3.9);
}

TEST(Hierarchical, RailsOnUnevenHostsAreOneErrorOnAllRanks) {
  RunRanksOnHosts({"a", "a", "a", "b"}, [](Transport& transport) {
    const auto context =
        CollectiveContext::Create(transport, ConfigWith({{Setting::kHierarchy, "rails"}}));
    ASSERT_FALSE(context.ok());
    EXPECT_EQ(context.status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(context.status().message(),
                HasSubstr("--hierarchy rails needs equally many ranks on every host"));
  });
}

TEST(Hierarchical, ARankThatIsMissingEndsInATimeoutForAllOthers) {
  for (const int missing : {0, 3}) {
    for (const std::int64_t count : {1, 100'000}) {
      RunRanksOnHosts({"a", "a", "b", "b"}, [=](Transport& transport) {
        auto context =
            CollectiveContext::Create(transport, ConfigWith({{Setting::kTimeoutS, "0.3"}}));
        ASSERT_TRUE(context.ok()) << context.status().ToString();
        if (transport.rank() == missing) return;
        const Values input = InputOf(count, transport.rank());
        const auto output = Reduced(*context.value(), TheAlgorithm(), input);
        ASSERT_FALSE(output.ok());
        EXPECT_EQ(output.status().code(), StatusCode::kTimeout) << output.status().message();
      });
    }
  }
}

TEST(Hierarchical, PartsSayHowACallRuns) {
  OnHosts({"a", "a", "b", "b"}, ConfigWith({}, "256K"), [](CollectiveContext& context) {
    const auto parts = [&context](std::int64_t count) {
      return TheAlgorithm().Parts(context, {.count = count});
    };
    EXPECT_EQ(parts(1), "leader, local in flag lines, net pairwise, 1 chunk");
    EXPECT_THAT(parts(1 << 20), HasSubstr("rails of 2, local in slots, net pairwise"));
    return Status::Ok();
  });
}

}  // namespace
}  // namespace ronde
