// Ranks are threads of this process; on a machine with one GPU they are streams of it.
#include "bench/device/captured_graph.h"
#include "tests/gpu/allreduce_body.h"
#include "tests/gpu/fault_body.h"
#include "tests/gpu/gpu.h"
#include "tests/gpu/ranks_body.h"

namespace ronde::bench {
namespace {

class RanksAsStreams : public GpuTest {};

TEST_F(RanksAsStreams, AllreduceHasTheHostsBits) {
  for (const int ranks : {1, 2, 3, 4}) {
    RunOnDevices(ranks, DeviceChoice::kCuda, {}, [](RankOnDevice& rank) {
      ExpectConformance(rank.runner, rank.rank(), rank.size(), (1 << 20) + 3);
    });
  }
}

TEST_F(RanksAsStreams, AMissingPeerIsNamed) {
  RunFault(DeviceChoice::kCuda, With(Setting::kTimeoutS, "2"), ExpectMissingPeerIsNamed);
}

TEST_F(RanksAsStreams, AnAbortEndsTheWait) {
  RunFault(DeviceChoice::kCuda, {}, ExpectAbortEndsTheWait);
}

// Recorded once, run often, each time with other values.
void ExpectGraphRunsAgain(RankOnDevice& rank, std::int64_t count) {
  const AllreduceCase test = {DataType::kFloat32, ReduceOp::kAverage, count, 0, false, true};
  // Sets up what is kept.
  ASSERT_NO_FATAL_FAILURE(ExpectHostsBits(rank.runner, rank.rank(), rank.size(), test, 2));
  AllreduceBuffers buffers;
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
  for (std::shared_ptr<std::byte>* buffer : {&buffers.input, &buffers.output}) {
    *buffer = rank.runner.AllocateRegistered(bytes).value();
  }
  const CollectiveCall call = CallOf(test, buffers, rank.runner, rank.size());
  const auto graph =
      CapturedGraph::Capture(rank.channel().stream(), [&] { return rank.runner.Run(call); });
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  EXPECT_GE(graph.value()->kernels(), 1);
  for (std::uint32_t replay = 0; replay < 5; ++replay) {
    const auto mine =
        RandomElements(test.dtype, count, 50 * replay + static_cast<std::uint32_t>(rank.rank()));
    ASSERT_TRUE(rank.device().Copy(buffers.input.get(), mine.data(), bytes).ok());
    ASSERT_TRUE(graph.value()->Replay(rank.channel().stream()).ok());
    const Status status = rank.runner.Finish();
    ASSERT_TRUE(status.ok()) << status.ToString();
    std::vector<std::byte> got(bytes);
    ASSERT_TRUE(rank.device().Copy(got.data(), buffers.output.get(), bytes).ok());
    const auto expected = ReducedByHost(test, rank.size(), 50 * replay);
    ASSERT_EQ(CountDifferent(got.data(), expected.data(), count, sizeof(float)), 0)
        << "replay " << replay;
  }
}

TEST_F(RanksAsStreams, ACapturedAllreduceRunsAgainWithOtherValues) {
  for (const std::int64_t count : {1000, 1 << 20}) {  // in one shot, and in two
    RunOnDevices(2, DeviceChoice::kCuda, With(Setting::kAllreduceAlgorithm, "cuda_ipc"),
                 [count](RankOnDevice& rank) { ExpectGraphRunsAgain(rank, count); });
  }
}

}  // namespace
}  // namespace ronde::bench
