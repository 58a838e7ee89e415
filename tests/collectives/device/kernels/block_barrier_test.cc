#include "collectives/device/kernels/block_barrier.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/collectives/device/kernels/peer_words.h"
#include "tests/collectives/device/kernels/threaded_space.h"

namespace ronde::kernels {
namespace {

// Every thread of every block shows a number in its own word of a half, the halves being used in
// turn; after the barrier it reads the words that its twins of all ranks have written. Where a
// barrier let a block through too early, numbers are wrong, and ThreadSanitizer sees a race.
struct ShowKernel {
  PeerSync sync;
  std::uint64_t* wrong;                   // [blocks][threads]
  std::uint64_t* halves[kMaxPeers] = {};  // of each rank: a word for each thread of each block
  std::uint64_t value = 0;

  template <typename Space>
  void operator()(Space& space) const {
    const int first = space.block() * space.threads();
    halves[sync.rank][first + space.thread()] = value + static_cast<std::uint64_t>(sync.rank);
    BlockBarrier<Space> barrier(space, sync);
    if (!barrier.Wait()) return;
    for (int peer = 0; peer < sync.ranks; ++peer) {
      for (int i = 0; i < space.threads(); ++i) {
        const std::uint64_t seen = halves[peer][first + i];
        if (seen != value + static_cast<std::uint64_t>(peer)) {
          ++wrong[first + space.thread()];
        }
      }
    }
    barrier.Finish();
  }
};

class BlockBarrierRounds : public testing::TestWithParam<int> {};

TEST_P(BlockBarrierRounds, ShowWhatPeersWroteBeforeAndSparesWhatTheyStillRead) {
  constexpr int kRounds = 40;
  constexpr int kBlocks = 2;
  constexpr int kThreads = 3;
  const int ranks = GetParam();
  PeerWords words(ranks);
  std::vector<std::vector<std::uint64_t>> halves(
      static_cast<std::size_t>(ranks), std::vector<std::uint64_t>(2 * kBlocks * kThreads));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      std::vector<std::uint64_t> wrong(kBlocks * kThreads);
      ShowKernel kernel = {.sync = words.Of(rank), .wrong = wrong.data()};
      for (int round = 0; round < kRounds; ++round) {
        kernel.value = static_cast<std::uint64_t>(round * 100);
        for (int peer = 0; peer < ranks; ++peer) {
          kernel.halves[peer] =
              halves[static_cast<std::size_t>(peer)].data() + round % 2 * kBlocks * kThreads;
        }
        // A launch of fewer blocks must protect the halves of one of more.
        const int blocks = round % 3 == 1 ? 1 : kBlocks;
        RunThreaded(blocks, kThreads, kernel, static_cast<std::uint64_t>(rank + 1));
      }
      EXPECT_EQ(wrong, std::vector<std::uint64_t>(kBlocks * kThreads)) << "rank " << rank;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int rank = 0; rank < ranks; ++rank) {
    EXPECT_EQ(words.Fault(rank).kind, 0U);
    EXPECT_EQ(words.Round(rank, 0), 40U);
    EXPECT_EQ(words.Round(rank, 1), 27U) << "launched in two of three rounds";
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, BlockBarrierRounds, testing::Range(2, 9));

struct WaitKernel {
  PeerSync sync;
  int* passed;

  template <typename Space>
  void operator()(Space& space) const {
    BlockBarrier<Space> barrier(space, sync);
    if (!barrier.Wait()) return;
    barrier.Finish();
    if (space.thread() == 0) std::atomic_ref(*passed).fetch_add(1);
  }
};

TEST(BlockBarrier, NamesThePeerThatIsMissingAndLetsNothingElseThrough) {
  PeerWords words(3, /*timeout_ns=*/20'000'000);
  int passed = 0;
  // Rank 1 never comes.
  std::thread other([&] { RunThreaded(2, 2, WaitKernel{words.Of(2), &passed}); });
  RunThreaded(2, 2, WaitKernel{words.Of(0), &passed});
  other.join();
  for (const int rank : {0, 2}) {
    const FaultRecord fault = words.Fault(rank);
    EXPECT_EQ(fault.kind, static_cast<std::uint64_t>(DeviceFaultKind::kTimeout));
    EXPECT_EQ(fault.peer, 1U);
    EXPECT_EQ(fault.expected, 1U);
    EXPECT_EQ(fault.seen, 0U);
  }
  // It comes too late: later launches return at once and touch nothing.
  RunThreaded(2, 2, WaitKernel{words.Of(1), &passed});
  EXPECT_EQ(passed, 2) << "rank 1 itself finds both others there";
  const auto begin = std::chrono::steady_clock::now();
  RunThreaded(2, 2, WaitKernel{words.Of(0), &passed});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_EQ(passed, 2);
  EXPECT_EQ(words.Round(0, 0), 0U);
}

TEST(BlockBarrier, EndsSoonAfterAnAbort) {
  PeerWords words(2, /*timeout_ns=*/1'000'000'000'000);
  int passed = 0;
  std::thread waiting([&] { RunThreaded(3, 2, WaitKernel{words.Of(0), &passed}); });
  words.Abort(0);
  waiting.join();
  EXPECT_EQ(passed, 0);
  EXPECT_EQ(words.Fault(0).kind, static_cast<std::uint64_t>(DeviceFaultKind::kAborted));
}

TEST(BlockBarrier, OfOneRankPasses) {
  PeerWords words(1, /*timeout_ns=*/0);
  int passed = 0;
  RunThreaded(2, 2, WaitKernel{words.Of(0), &passed});
  EXPECT_EQ(passed, 2);
}

TEST(FindFault, PrefersATimeoutToAnAbort) {
  std::vector<FaultRecord> faults(kMaxPeerBlocks);
  EXPECT_EQ(FindFault(faults.data()).kind, 0U);
  faults[3] = {static_cast<std::uint64_t>(DeviceFaultKind::kAborted), 3};
  EXPECT_EQ(FindFault(faults.data()).block, 3U);
  faults[9] = {static_cast<std::uint64_t>(DeviceFaultKind::kTimeout), 9, 2};
  EXPECT_EQ(FindFault(faults.data()).block, 9U);
}

}  // namespace
}  // namespace ronde::kernels
