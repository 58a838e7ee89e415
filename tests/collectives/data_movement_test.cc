// Broadcast, allgather, barrier and what the others refuse, on one host (shared memory) and on
// several (messages).
#include <atomic>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/barrier/barrier.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reducescatter/reducescatter.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

Config SmallChunks() {
  Config config;
  EXPECT_TRUE(config.Set(Setting::kChunkBytes, "4K", SettingOrigin::kProgram).ok());
  return config;
}

struct Place {
  int ranks;
  bool one_host;
};

std::string NameOf(const testing::TestParamInfo<Place>& info) {
  return StrCat(info.param.ranks, info.param.one_host ? "OnOneHost" : "OnManyHosts");
}

class DataMovement : public testing::TestWithParam<Place> {
 protected:
  static int ranks() { return GetParam().ranks; }

  void Run(const std::function<void(CollectiveContext&)>& body) const {
    RunRanksOptions options;
    for (int rank = 0; rank < ranks(); ++rank) {
      options.host_ids.push_back(GetParam().one_host ? "here" : StrCat("host", rank));
    }
    RunRanks(
        ranks(),
        [&](Transport& transport) {
          auto context = CollectiveContext::Create(transport, SmallChunks());
          ASSERT_TRUE(context.ok()) << context.status().message();
          body(*context.value());
        },
        options);
  }
};

std::vector<std::uint8_t> Pattern(std::size_t size, int source) {
  std::vector<std::uint8_t> data(size);
  for (std::size_t i = 0; i < size; ++i) {
    data[i] = static_cast<std::uint8_t>(i * 7 + static_cast<std::size_t>(source) * 31 + 1);
  }
  return data;
}

TEST_P(DataMovement, BroadcastBringsTheRootsBytes) {
  Run([](CollectiveContext& context) {
    for (int root = 0; root < context.size(); ++root) {
      for (const std::size_t size : {0, 1, 4096, 10007}) {
        auto data = Pattern(size, context.rank());
        const Status status =
            Broadcast(context, {.data = data.data(), .size_bytes = size, .root = root});
        ASSERT_TRUE(status.ok()) << status.message();
        ASSERT_EQ(data, Pattern(size, root));
      }
    }
  });
}

TEST_P(DataMovement, BroadcastRefusesARootOutsideTheGroup) {
  Run([](CollectiveContext& context) {
    int value = 0;
    for (const int root : {-1, context.size()}) {
      EXPECT_EQ(
          Broadcast(context, {.data = &value, .size_bytes = sizeof(value), .root = root}).code(),
          StatusCode::kInvalidArgument);
    }
  });
}

void CheckAllgather(CollectiveContext& context, const std::vector<std::int64_t>& sizes,
                    bool in_place) {
  std::vector<std::uint8_t> expected;
  std::size_t own_begin = 0;
  for (int rank = 0; rank < context.size(); ++rank) {
    if (rank == context.rank()) own_begin = expected.size();
    const auto block = Pattern(static_cast<std::size_t>(sizes[rank]), rank);
    expected.insert(expected.end(), block.begin(), block.end());
  }
  auto input = Pattern(static_cast<std::size_t>(sizes[context.rank()]), context.rank());
  std::vector<std::uint8_t> output(expected.size());
  if (in_place) std::copy(input.begin(), input.end(), output.begin() + own_begin);
  const void* from = in_place ? output.data() + own_begin : input.data();
  const Status status =
      Allgather(context, {.input = from, .output = output.data(), .rank_bytes = sizes});
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(output, expected);
}

TEST_P(DataMovement, AllgatherConcatenatesBlocksOfAnySize) {
  Run([](CollectiveContext& context) {
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(context.size()));
    CheckAllgather(context, sizes, false);
    std::iota(sizes.begin(), sizes.end(), 0);
    CheckAllgather(context, sizes, true);
    for (std::size_t rank = 0; rank < sizes.size(); ++rank) {
      sizes[rank] = rank % 2 == 0 ? 9001 : 0;
    }
    CheckAllgather(context, sizes, false);
    CheckAllgather(context, sizes, true);
  });
}

TEST_P(DataMovement, AllgatherRefusesWrongSizes) {
  Run([](CollectiveContext& context) {
    const std::vector<std::int64_t> too_many(static_cast<std::size_t>(context.size()) + 1);
    EXPECT_EQ(Allgather(context, {.rank_bytes = too_many}).code(), StatusCode::kInvalidArgument);
    std::vector<std::int64_t> negative(static_cast<std::size_t>(context.size()));
    negative.back() = -1;
    EXPECT_EQ(Allgather(context, {.rank_bytes = negative}).code(), StatusCode::kInvalidArgument);
  });
}

TEST_P(DataMovement, ReducescatterRefusesWhatItCannotReduce) {
  Run([](CollectiveContext& context) {
    const std::vector<std::int64_t> too_many(static_cast<std::size_t>(context.size()) + 1);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(context.size()));
    const auto code = [&](const ReducescatterArguments& arguments) {
      return Reducescatter(context, arguments).code();
    };
    EXPECT_EQ(code({.rank_counts = too_many}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code({.rank_counts = counts, .op = ReduceOp::kAdasum}), StatusCode::kInvalidArgument);
    EXPECT_EQ(code({.rank_counts = counts, .dtype = DataType::kInt32, .prescale = 2}),
              StatusCode::kInvalidArgument);
    counts.back() = -1;
    EXPECT_EQ(code({.rank_counts = counts}), StatusCode::kInvalidArgument);
  });
}

TEST_P(DataMovement, AlltoallRefusesWrongSizes) {
  Run([](CollectiveContext& context) {
    const auto ranks = static_cast<std::size_t>(context.size());
    const std::vector<std::int64_t> too_many(ranks * ranks + 1);
    EXPECT_EQ(Alltoall(context, {.block_bytes = too_many}).code(), StatusCode::kInvalidArgument);
    std::vector<std::int64_t> negative(ranks * ranks);
    negative.back() = -1;
    EXPECT_EQ(Alltoall(context, {.block_bytes = negative}).code(), StatusCode::kInvalidArgument);
  });
}

TEST_P(DataMovement, BarrierHoldsUntilAllHaveCome) {
  std::atomic<int> arrived{0};
  Run([&](CollectiveContext& context) {
    for (int round = 1; round <= 50; ++round) {
      ++arrived;
      const Status status = Barrier(context);
      ASSERT_TRUE(status.ok()) << status.message();
      ASSERT_GE(arrived.load(), round * context.size());
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Places, DataMovement,
                         testing::Values(Place{1, true}, Place{2, true}, Place{3, true},
                                         Place{5, true}, Place{8, true}, Place{2, false},
                                         Place{3, false}, Place{4, false}, Place{5, false},
                                         Place{7, false}),
                         NameOf);

TEST(CollectiveContext, KeepsScratchBetweenCalls) {
  RunRanks(1, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    std::byte* const first = context.value()->Scratch(1000);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
    EXPECT_EQ(context.value()->Scratch(500), first);
    EXPECT_EQ(context.value()->Scratch(1000), first);
  });
}

TEST(CollectiveContext, HasAChannelOnlyWhereLocalRanksShareMemory) {
  RunRanksOnHosts({"a", "a", "b"}, [](Transport& transport) {
    auto context = CollectiveContext::Create(transport, Config());
    ASSERT_TRUE(context.ok());
    EXPECT_EQ(context.value()->shared_channel() != nullptr, transport.rank() < 2);
  });
}

}  // namespace
}  // namespace ronde
