#include "bench/collectives/data_pattern.h"

#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/reduce_kernels.h"

namespace ronde::bench {
namespace {

using Bytes = std::vector<std::byte>;

CollectiveCall CallOf(Collective collective, std::int64_t size_bytes, int ranks,
                      DataType dtype = DataType::kFloat32, ReduceOp op = ReduceOp::kSum) {
  CollectiveCall call;
  call.collective = collective;
  call.dtype = dtype;
  call.op = op;
  call.layout = LayoutOf(collective, size_bytes, dtype, ranks);
  return call;
}

std::vector<Bytes> Inputs(const CollectiveCall& call, int ranks) {
  std::vector<Bytes> inputs(static_cast<std::size_t>(ranks), Bytes(call.InputBytes()));
  for (int rank = 0; rank < ranks; ++rank) {
    FillInput(call, inputs[static_cast<std::size_t>(rank)].data(), rank);
  }
  return inputs;
}

// Reduces the inputs of `ranks` ranks with the kernels under benchmark.
Bytes Reduced(const CollectiveCall& call, int ranks) {
  const std::vector<Bytes> inputs = Inputs(call, ranks);
  std::vector<const void*> pointers;
  for (const Bytes& input : inputs) pointers.push_back(input.data());
  Bytes output(call.InputBytes());
  Reduce(call.op, call.dtype, pointers, output.data(), call.layout.input_count,
         ScalingFor(call.op, call.dtype, 1, 1, ranks));
  return output;
}

// What an alltoall gives `rank`, block by block.
Bytes Exchanged(const CollectiveCall& call, int rank, int ranks) {
  const auto block = static_cast<std::size_t>(call.BlockBytes());
  Bytes output;
  for (const Bytes& input : Inputs(call, ranks)) {
    const auto* const from = input.data() + static_cast<std::size_t>(rank) * block;
    output.insert(output.end(), from, from + block);
  }
  return output;
}

TEST(DataPattern, IsExactForEveryTypeAndOperator) {
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    for (const ReduceOp op :
         {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kProduct}) {
      for (const int ranks : {1, 2, 3, 8}) {
        const CollectiveCall call =
            CallOf(Collective::kAllreduce, 80000, ranks, static_cast<DataType>(dtype), op);
        EXPECT_EQ(CountWrong(call, Reduced(call, ranks).data(), 0, ranks), 0)
            << Name(call.dtype) << " " << Name(op) << " " << ranks << " ranks";
      }
    }
  }
}

TEST(DataPattern, CountsEveryWrongElement) {
  const CollectiveCall call = CallOf(Collective::kAllreduce, 80000, 3);
  Bytes output = Reduced(call, 3);
  auto* values = reinterpret_cast<float*>(output.data());
  values[0] += 1;
  values[10000] = -values[10000];
  values[19999] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(CountWrong(call, output.data(), 0, 3), 3);
}

TEST(DataPattern, SeesAnUntouchedBuffer) {
  for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
    for (const Collective collective : {Collective::kAllreduce, Collective::kBroadcast}) {
      const CollectiveCall call = CallOf(collective, 800, 2, static_cast<DataType>(dtype));
      const Bytes untouched(call.OutputBytes(), std::byte{0xff});
      EXPECT_EQ(CountWrong(call, untouched.data(), 0, 2), call.layout.output_count)
          << Name(call.dtype);
    }
  }
}

TEST(DataPattern, ReducescatterExpectsTheOwnBlock) {
  const CollectiveCall call = CallOf(Collective::kReducescatter, 3 << 12, 3);
  const Bytes sums = Reduced(call, 3);
  for (int rank = 0; rank < 3; ++rank) {
    for (int block = 0; block < 3; ++block) {
      const std::int64_t wrong = CountWrong(call, sums.data() + block * call.BlockBytes(), rank, 3);
      EXPECT_EQ(wrong > call.layout.count / 2, block != rank) << wrong;
      EXPECT_EQ(wrong == 0, block == rank) << wrong;
    }
  }
}

TEST(DataPattern, AlltoallSeesBlocksThatAreMeantForAnother) {
  const CollectiveCall call = CallOf(Collective::kAlltoall, 3 << 12, 3);
  EXPECT_EQ(CountWrong(call, Exchanged(call, 1, 3).data(), 1, 3), 0);
  EXPECT_GT(CountWrong(call, Exchanged(call, 2, 3).data(), 1, 3), call.layout.count);
}

TEST(DataPattern, AllgatherSeesBlocksInTheWrongOrder) {
  const CollectiveCall call = CallOf(Collective::kAllgather, 2 << 12, 2);
  const std::vector<Bytes> inputs = Inputs(call, 2);
  Bytes right = inputs[0];
  right.insert(right.end(), inputs[1].begin(), inputs[1].end());
  Bytes swapped = inputs[1];
  swapped.insert(swapped.end(), inputs[0].begin(), inputs[0].end());
  EXPECT_EQ(CountWrong(call, right.data(), 0, 2), 0);
  EXPECT_GT(CountWrong(call, swapped.data(), 0, 2), call.layout.output_count / 2);
}

TEST(DataPattern, BroadcastComesFromTheRootAndSendrecvFromTheRankBefore) {
  CollectiveCall broadcast = CallOf(Collective::kBroadcast, 4096, 3);
  broadcast.root = 2;
  EXPECT_EQ(CountWrong(broadcast, Inputs(broadcast, 3)[2].data(), 0, 3), 0);
  EXPECT_GT(CountWrong(broadcast, Inputs(broadcast, 3)[0].data(), 0, 3), 512);
  const CollectiveCall ring = CallOf(Collective::kSendrecv, 4096, 3);
  EXPECT_EQ(CountWrong(ring, Inputs(ring, 3)[2].data(), 0, 3), 0);
  EXPECT_GT(CountWrong(ring, Inputs(ring, 3)[1].data(), 0, 3), 512);
}

}  // namespace
}  // namespace ronde::bench
