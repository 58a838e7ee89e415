// Every form of the collectives that move data, where a rank never arrives.
#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reducescatter/reducescatter.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using testing::HasSubstr;

// Beyond what goes through slots in one step where memory is registered.
constexpr std::int64_t kBlockBytes = 256 << 10;

struct Buffers {
  std::byte* input;
  std::byte* output;
  MemoryPlace input_place;
  MemoryPlace output_place;
  std::vector<std::int64_t> blocks;  // one per pair of ranks
};

std::span<const std::int64_t> Row(const CollectiveContext& context, const Buffers& buffers) {
  return std::span(buffers.blocks).first(static_cast<std::size_t>(context.size()));
}

Status RunAllgather(CollectiveContext& context, const Buffers& buffers) {
  return Allgather(context, {.input = buffers.input,
                             .output = buffers.output,
                             .rank_bytes = Row(context, buffers),
                             .output_place = buffers.output_place});
}

// From the rank that never arrives: a root may send to it and be done.
Status RunBroadcast(CollectiveContext& context, const Buffers& buffers) {
  return Broadcast(context, {.data = buffers.output,
                             .size_bytes = static_cast<std::size_t>(kBlockBytes),
                             .root = 1,
                             .place = buffers.output_place});
}

Status RunReducescatter(CollectiveContext& context, const Buffers& buffers) {
  return Reducescatter(context, {.input = buffers.input,
                                 .output = buffers.output,
                                 .rank_counts = Row(context, buffers),
                                 .dtype = DataType::kUInt8,
                                 .input_place = buffers.input_place});
}

Status RunAlltoall(CollectiveContext& context, const Buffers& buffers) {
  return Alltoall(context, {.input = buffers.input,
                            .output = buffers.output,
                            .block_bytes = buffers.blocks,
                            .input_place = buffers.input_place});
}

struct Form {
  const char* name;
  Status (*run)(CollectiveContext&, const Buffers&);
  bool one_host;
  bool registered;
};

// Counts down when it goes out of scope, also by a failed assertion: nobody then waits in vain.
class CountDown {
 public:
  explicit CountDown(std::atomic<int>& count) : count_(count) {}
  CountDown(const CountDown&) = delete;
  CountDown& operator=(const CountDown&) = delete;
  ~CountDown() { Now(); }
  void Now() {
    if (!counted_) --count_;
    counted_ = true;
  }

 private:
  std::atomic<int>& count_;
  bool counted_ = false;
};

void WaitForZero(const std::atomic<int>& count) {
  while (count.load() > 0) std::this_thread::yield();
}

Result<std::unique_ptr<CollectiveContext>> MakeContext(Transport& transport,
                                                       const std::string& timeout_s) {
  Config config;
  RONDE_RETURN_IF_ERROR(config.Set(Setting::kTimeoutS, timeout_s, SettingOrigin::kProgram));
  return CollectiveContext::Create(transport, config);
}

class MovementFailures : public testing::TestWithParam<Form> {
 protected:
  // Runs `late` on rank 1, and on the other ranks the collective, whose status goes to `check`.
  static void RunWithoutRankOne(int ranks, const std::string& timeout_s,
                                const std::function<void(Transport&)>& late,
                                const std::function<void(const Status&)>& check);
};

void MovementFailures::RunWithoutRankOne(int ranks, const std::string& timeout_s,
                                         const std::function<void(Transport&)>& late,
                                         const std::function<void(const Status&)>& check) {
  const Form form = GetParam();
  RunRanksOptions options;
  for (int rank = 0; rank < ranks; ++rank) {
    options.host_ids.push_back(form.one_host ? "here" : StrCat("host", rank));
  }
  std::atomic<int> setting_up{ranks};
  std::atomic<int> running{ranks};
  RunRanks(
      ranks,
      [&](Transport& transport) {
        CountDown set_up(setting_up);
        CountDown ran(running);
        // So that all have started when the short deadlines begin.
        ASSERT_TRUE(MakeContext(transport, "30").ok());
        auto context = MakeContext(transport, timeout_s);
        ASSERT_TRUE(context.ok()) << context.status().message();
        RegisteredMemory& registered = context.value()->registered();
        const auto size_bytes = static_cast<std::size_t>(ranks * kBlockBytes);
        auto memory = registered.Allocate(context.value()->communicator().local().transport(),
                                          2 * size_bytes, Deadline::After(30));
        ASSERT_TRUE(memory.ok()) << memory.status().message();
        Buffers buffers = {.input = memory.value().get(),
                           .output = memory.value().get() + size_bytes};
        buffers.blocks.assign(static_cast<std::size_t>(ranks * ranks), kBlockBytes);
        if (form.registered) {
          buffers.input_place = registered.Find(buffers.input, size_bytes);
          buffers.output_place = registered.Find(buffers.output, size_bytes);
        }
        set_up.Now();
        if (transport.rank() != 1) return check(form.run(*context.value(), buffers));
        WaitForZero(setting_up);
        late(transport);
        ran.Now();
        WaitForZero(running);
      },
      options);
}

TEST_P(MovementFailures, TimeoutNamesTheLateRank) {
  // Where messages go from rank to rank, a third rank may wait for one that waits itself.
  RunWithoutRankOne(
      GetParam().one_host ? 3 : 2, "0.3", [](Transport&) {},
      [](const Status& status) {
        EXPECT_EQ(status.code(), StatusCode::kTimeout) << status.ToString();
        EXPECT_THAT(status.message(), HasSubstr("rank 1"));
      });
}

TEST_P(MovementFailures, AbortWakesWaitingRanksWithItsCause) {
  const auto started = std::chrono::steady_clock::now();
  RunWithoutRankOne(
      3, "30", [](Transport& transport) { transport.Abort(Status::Aborted("out of cheese")); },
      [](const Status& status) {
        EXPECT_EQ(status.code(), StatusCode::kAborted) << status.ToString();
        EXPECT_THAT(status.message(), HasSubstr("out of cheese"));
      });
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(10));
}

INSTANTIATE_TEST_SUITE_P(Forms, MovementFailures,
                         testing::Values(Form{"PushAllgather", RunAllgather, true, true},
                                         Form{"SharedMemoryAllgather", RunAllgather, true, false},
                                         Form{"RingAllgather", RunAllgather, false, false},
                                         Form{"PushBroadcast", RunBroadcast, true, true},
                                         Form{"SharedMemoryBroadcast", RunBroadcast, true, false},
                                         Form{"BinomialTreeBroadcast", RunBroadcast, false, false},
                                         Form{"PullReducescatter", RunReducescatter, true, true},
                                         Form{"SharedMemoryReducescatter", RunReducescatter, true,
                                              false},
                                         Form{"RingReducescatter", RunReducescatter, false, false},
                                         Form{"PullAlltoall", RunAlltoall, true, true},
                                         Form{"SharedMemoryAlltoall", RunAlltoall, true, false},
                                         Form{"PairwiseAlltoall", RunAlltoall, false, false}),
                         [](const auto& form) { return std::string(form.param.name); });

}  // namespace
}  // namespace ronde
