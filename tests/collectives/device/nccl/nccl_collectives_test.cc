#include "collectives/device/nccl/nccl_collectives.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/shared/block_layout.h"
#include "core/device/device_buffer.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"
#include "tests/collectives/device/nccl/fake_nccl.h"
#include "tests/collectives/device/nccl/reduced_values.h"
#include "tests/conformance/allreduce_values.h"
#include "tests/support/run_ranks.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A rank with a device, whose work begins at random times.
class Rank {
 public:
  Rank(FakeNccl& nccl, Transport& transport)
      : device_({.delay_seed = static_cast<std::uint64_t>(transport.rank()) + 1,
                 .longest_delay_us = 20}),
        kernels_(CreateDeviceKernels(device_).value()),
        stream_(Stream::Create(device_, StreamPriority::kHigh).value()),
        communicator_(NcclCommunicator::Create(&nccl, transport, 0, Deadline::After(20)).value()) {}

  int rank() const { return communicator_->rank(); }
  int size() const { return communicator_->size(); }
  NcclCall call() { return {*communicator_, *kernels_, stream_.view(), Deadline::After(20)}; }
  // Device memory with these bytes, on the stream.
  DeviceBuffer Put(const Bytes& bytes) {
    DeviceBuffer buffer =
        DeviceBuffer::Create(device_, std::max<std::size_t>(bytes.size(), 1)).value();
    EXPECT_TRUE(
        device_.Copy(buffer.data(), bytes.data(), bytes.size(), stream_.view().native).ok());
    Wait();  // `bytes` goes
    return buffer;
  }
  Bytes Get(const void* data, std::size_t size_bytes) {
    Bytes bytes(size_bytes);
    EXPECT_TRUE(device_.Copy(bytes.data(), data, size_bytes, stream_.view().native).ok());
    Wait();
    return bytes;
  }
  void Wait() { EXPECT_TRUE(device_.Synchronize(stream_.view().native, Deadline::After(20)).ok()); }

 private:
  SimulatedDevice device_;
  std::unique_ptr<DeviceKernels> kernels_;
  Stream stream_;
  std::unique_ptr<NcclCommunicator> communicator_;
};

void RunOnRanks(int ranks, FakeNccl& nccl, const std::function<void(Rank&)>& body) {
  RunRanks(ranks, [&](Transport& transport) {
    Rank rank(nccl, transport);
    body(rank);
  });
  EXPECT_THAT(nccl.violations(), IsEmpty());
  EXPECT_EQ(nccl.live(), 0);
  EXPECT_EQ(nccl.live_ops(), 0);
}

class NcclRanks : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, NcclRanks, ::testing::Values(1, 2, 3, 5, 8));

TEST_P(NcclRanks, AllreduceReducesEveryTypeByEveryOperator) {
  FakeNccl nccl;
  RunOnRanks(GetParam(), nccl, [](Rank& rank) {
    bool in_place = false;
    for (const Case& test : AllCases()) {
      const std::int64_t count = 37;
      const std::vector<Bytes> inputs = InputsOf(test.dtype, count, rank.size());
      const Bytes& own = inputs[static_cast<std::size_t>(rank.rank())];
      const DeviceBuffer input = rank.Put(own);
      const DeviceBuffer output = rank.Put(Bytes(own.size(), std::byte{0xAB}));
      in_place = !in_place;
      void* const target = in_place ? input.data() : output.data();
      const Status status = NcclAllreduce(rank.call(), {.input = input.data(),
                                                        .output = target,
                                                        .count = count,
                                                        .dtype = test.dtype,
                                                        .op = test.op,
                                                        .prescale = test.prescale,
                                                        .postscale = test.postscale});
      ASSERT_TRUE(status.ok()) << status.message();
      ExpectReduced(test, inputs, rank.Get(target, own.size()), 0, count);
      EXPECT_TRUE(in_place || rank.Get(input.data(), own.size()) == own);
    }
  });
}

TEST_P(NcclRanks, AllreduceTakesEverySizeAndNothingForNone) {
  FakeNccl nccl;
  RunOnRanks(GetParam(), nccl, [](Rank& rank) {
    for (const std::int64_t count : {0, 1, 3, 10007}) {
      const Case test = {DataType::kBFloat16, ReduceOp::kAverage};
      const std::vector<Bytes> inputs = InputsOf(test.dtype, count, rank.size());
      const Bytes& own = inputs[static_cast<std::size_t>(rank.rank())];
      const DeviceBuffer data = rank.Put(own);
      ASSERT_TRUE(NcclAllreduce(rank.call(), {.input = data.data(),
                                              .output = data.data(),
                                              .count = count,
                                              .dtype = test.dtype,
                                              .op = test.op})
                      .ok());
      ExpectReduced(test, inputs, rank.Get(data.data(), own.size()), 0, count);
    }
  });
  EXPECT_EQ(nccl.calls("AllReduce"), 3 * GetParam());
}

TEST_P(NcclRanks, AllreduceOfPiecesIsOneGroup) {
  FakeNccl nccl;
  RunOnRanks(GetParam(), nccl, [](Rank& rank) {
    const Case test = {DataType::kFloat16, ReduceOp::kAverage};
    const std::vector<Bytes> inputs = InputsOf(test.dtype, 96, rank.size());
    const Bytes& own = inputs[static_cast<std::size_t>(rank.rank())];
    const DeviceBuffer first = rank.Put(Bytes(own.begin(), own.begin() + 50));
    const DeviceBuffer second = rank.Put(Bytes(own.begin() + 64, own.end()));
    const std::vector<AllreducePiece> pieces = {{first.data(), first.data(), 0, 50},
                                                {second.data(), second.data(), 64, 0},
                                                {second.data(), second.data(), 64, 128}};
    ASSERT_TRUE(NcclAllreduce(rank.call(),
                              {.count = 96, .dtype = test.dtype, .op = test.op, .pieces = pieces})
                    .ok());
    ExpectReduced(test, inputs, rank.Get(first.data(), 50), 0, 25);
    ExpectReduced(test, inputs, rank.Get(second.data(), 128), 32, 64);
  });
  EXPECT_EQ(nccl.groups(), GetParam());
}

TEST_P(NcclRanks, ReducescatterTakesBlocksOfAnySize) {
  FakeNccl nccl;
  const auto ranks = static_cast<std::size_t>(GetParam());
  RunOnRanks(GetParam(), nccl, [&](Rank& rank) {
    std::vector<std::int64_t> uneven(ranks);
    for (std::size_t r = 0; r < ranks; ++r) uneven[r] = r % 3 == 1 ? 0 : 7 * (1 + std::int64_t(r));
    const std::vector<std::vector<std::int64_t>> all_counts = {
        std::vector<std::int64_t>(ranks, 13), uneven, std::vector<std::int64_t>(ranks, 0)};
    bool in_place = false;
    for (const Case& test : AllCases()) {
      for (const std::vector<std::int64_t>& counts : all_counts) {
        const BlockLayout blocks(counts, SizeOf(test.dtype));
        const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
        const std::vector<Bytes> inputs = InputsOf(test.dtype, total, rank.size());
        const Bytes& own = inputs[static_cast<std::size_t>(rank.rank())];
        const DeviceBuffer input = rank.Put(own);
        const DeviceBuffer output = rank.Put(Bytes(blocks.size(rank.rank())));
        in_place = !in_place;
        std::byte* const target =
            in_place ? input.data() + blocks.begin(rank.rank()) : output.data();
        const Status status = NcclReducescatter(rank.call(), {.input = input.data(),
                                                              .output = target,
                                                              .rank_counts = counts,
                                                              .dtype = test.dtype,
                                                              .op = test.op,
                                                              .prescale = test.prescale,
                                                              .postscale = test.postscale});
        ASSERT_TRUE(status.ok()) << status.message();
        const auto begin =
            static_cast<std::int64_t>(blocks.begin(rank.rank()) / SizeOf(test.dtype));
        ExpectReduced(test, inputs, rank.Get(target, blocks.size(rank.rank())), begin,
                      counts[static_cast<std::size_t>(rank.rank())]);
      }
    }
  });
  EXPECT_GT(nccl.calls("ReduceScatter"), 0);
  EXPECT_EQ(nccl.calls("Reduce") > 0, GetParam() > 1);
}

TEST_P(NcclRanks, BroadcastReachesAllRanksFromEveryRoot) {
  FakeNccl nccl;
  RunOnRanks(GetParam(), nccl, [](Rank& rank) {
    for (int root = 0; root < rank.size(); ++root) {
      for (const std::int64_t size : {0, 1, 1003}) {
        const Bytes expected = MakeInput(DataType::kUInt8, size, 9, root);
        const DeviceBuffer data = rank.Put(rank.rank() == root ? expected : Bytes(expected.size()));
        ASSERT_TRUE(
            NcclBroadcast(rank.call(),
                          {.data = data.data(), .size_bytes = expected.size(), .root = root})
                .ok());
        EXPECT_EQ(rank.Get(data.data(), expected.size()), expected);
      }
    }
  });
}

TEST_P(NcclRanks, AllgatherTakesBlocksOfAnySize) {
  FakeNccl nccl;
  const auto ranks = static_cast<std::size_t>(GetParam());
  RunOnRanks(GetParam(), nccl, [&](Rank& rank) {
    std::vector<std::int64_t> uneven(ranks);
    for (std::size_t r = 0; r < ranks; ++r) uneven[r] = r % 2 == 1 ? 0 : 100 + std::int64_t(r);
    for (const bool in_place : {false, true}) {
      for (const auto& sizes :
           {std::vector<std::int64_t>(ranks, 33), uneven, std::vector<std::int64_t>(ranks, 0)}) {
        const BlockLayout blocks(sizes);
        Bytes expected;
        std::vector<Bytes> inputs;
        for (std::size_t r = 0; r < ranks; ++r) {
          inputs.push_back(MakeInput(DataType::kUInt8, sizes[r], 11, static_cast<int>(r)));
          expected.insert(expected.end(), inputs[r].begin(), inputs[r].end());
        }
        const auto own = static_cast<std::size_t>(rank.rank());
        Bytes start(expected.size());
        std::copy(inputs[own].begin(), inputs[own].end(),
                  start.begin() + static_cast<std::ptrdiff_t>(blocks.begin(rank.rank())));
        const DeviceBuffer output = rank.Put(in_place ? start : Bytes(expected.size()));
        const DeviceBuffer input = rank.Put(inputs[own]);
        const void* const source =
            in_place ? output.data() + blocks.begin(rank.rank()) : input.data();
        ASSERT_TRUE(NcclAllgather(rank.call(),
                                  {.input = source, .output = output.data(), .rank_bytes = sizes})
                        .ok());
        EXPECT_EQ(rank.Get(output.data(), expected.size()), expected);
      }
    }
  });
  EXPECT_EQ(nccl.calls("AllGather") > 0, true);
  EXPECT_EQ(nccl.calls("Broadcast") > 0, GetParam() > 1);
}

TEST_P(NcclRanks, AlltoallTakesBlocksOfAnySize) {
  FakeNccl nccl;
  const auto ranks = static_cast<std::size_t>(GetParam());
  RunOnRanks(GetParam(), nccl, [&](Rank& rank) {
    const auto own = static_cast<std::size_t>(rank.rank());
    for (const std::int64_t unit : {0, 1, 19}) {
      std::vector<std::int64_t> sizes(ranks * ranks);
      for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] = unit * std::int64_t(i % 4);
      // Every byte says where it comes from and where it goes.
      const auto block = [&](std::size_t from, std::size_t to) {
        return MakeInput(DataType::kUInt8, sizes[from * ranks + to], from, static_cast<int>(to));
      };
      Bytes sent;
      Bytes expected;
      for (std::size_t peer = 0; peer < ranks; ++peer) {
        const Bytes to = block(own, peer);
        const Bytes from = block(peer, own);
        sent.insert(sent.end(), to.begin(), to.end());
        expected.insert(expected.end(), from.begin(), from.end());
      }
      const DeviceBuffer input = rank.Put(sent);
      const DeviceBuffer output = rank.Put(Bytes(expected.size()));
      ASSERT_TRUE(
          NcclAlltoall(rank.call(),
                       {.input = input.data(), .output = output.data(), .block_bytes = sizes})
              .ok());
      EXPECT_EQ(rank.Get(output.data(), expected.size()), expected);
    }
  });
}

TEST(NcclCollectives, SixteenBitAveragesOverThreeRanksAreNotBiased) {
  FakeNccl nccl;
  RunOnRanks(3, nccl, [](Rank& rank) {
    for (const DataType dtype : {DataType::kFloat16, DataType::kBFloat16}) {
      const std::int64_t count = 4096;
      const std::vector<Bytes> inputs = InputsOf(dtype, count, rank.size());
      const Bytes& own = inputs[static_cast<std::size_t>(rank.rank())];
      const DeviceBuffer data = rank.Put(own);
      ASSERT_TRUE(NcclAllreduce(rank.call(), {.input = data.data(),
                                              .output = data.data(),
                                              .count = count,
                                              .dtype = dtype,
                                              .op = ReduceOp::kAverage})
                      .ok());
      const Bytes output = rank.Get(data.data(), own.size());
      double excess = 0;
      double size = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        double average = 0;
        for (const Bytes& input : inputs) average += FloatAt(dtype, input.data(), i) / 3;
        excess += (FloatAt(dtype, output.data(), i) - average) * (average < 0 ? -1 : 1);
        size += std::fabs(average);
      }
      // 1/3 is half a unit roundoff too large as a bfloat16, and as much too small as a float16.
      EXPECT_LT(std::fabs(excess / size), UnitRoundoff(dtype) / 10) << Name(dtype);
    }
  });
}

TEST(NcclCollectives, RefuseWhatThoseOfHostMemoryRefuse) {
  FakeNccl nccl;
  RunOnRanks(2, nccl, [](Rank& rank) {
    const std::vector<std::int64_t> three = {1, 2, 3};
    const std::vector<std::int64_t> negative = {1, -2};
    float data[4] = {};
    const auto expect = [](const Status& status, const char* text) {
      EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
      EXPECT_THAT(status.message(), HasSubstr(text));
    };
    expect(NcclBroadcast(rank.call(), {data, 4, 2}), "root is 2, outside 0..1");
    expect(NcclAllgather(rank.call(), {data, data, three}), "got 3 block sizes, expected 2");
    expect(NcclAllgather(rank.call(), {data, data, negative}), "below 0");
    expect(NcclAlltoall(rank.call(), {data, data, three}), "expected 4");
    expect(NcclReducescatter(rank.call(), {data, data, negative}), "below 0");
    ReducescatterArguments scaled = {data, data, std::span(three).first(2), DataType::kInt32};
    scaled.prescale = 2;
    expect(NcclReducescatter(rank.call(), scaled), "floating-point");
    AllreduceArguments adasum = {data, data, 4};
    adasum.op = ReduceOp::kAdasum;
    expect(NcclAllreduce(rank.call(), adasum), "adasum");
  });
  EXPECT_EQ(nccl.groups(), 0);
}

}  // namespace
}  // namespace ronde
