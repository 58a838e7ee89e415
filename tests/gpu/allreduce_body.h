#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bench/collectives/device_runner.h"
#include "bench/device/device_array.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"

namespace ronde::bench {

/// What tests of allreduce on devices share: on a simulated one they run everywhere, and on a GPU
/// where one is, its ranks as threads or as processes.

/// One call; all fields are equal on all ranks.
struct AllreduceCase {
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  std::int64_t count = 0;
  std::int64_t skew = 0;  ///< elements before the first, in input and output
  bool in_place = false;
  bool mapped = false;  ///< in memory that peers reach

  [[nodiscard]] std::string Text() const {
    return StrCat(ronde::Name(dtype), " ", ronde::Name(op), " x", count, " skew ", skew,
                  in_place ? ", in place" : "", mapped ? ", mapped" : "");
  }
};

/// Memory for a case, on the device.
struct AllreduceBuffers {
  std::shared_ptr<std::byte> input;
  std::shared_ptr<std::byte> output;
};

inline Result<std::shared_ptr<std::byte>> AllocateFor(DeviceRunner& runner, bool mapped,
                                                      std::size_t size_bytes) {
  return mapped ? runner.AllocateRegistered(size_bytes) : runner.device()->Allocate(size_bytes);
}

/// `ranks` inputs reduced by the host, by the rules that every algorithm of fixed order keeps.
inline std::vector<std::byte> ReducedByHost(const AllreduceCase& test, int ranks,
                                            std::uint32_t seed) {
  std::vector<std::vector<std::byte>> inputs;
  std::vector<const void*> pointers;
  for (int rank = 0; rank < ranks; ++rank) {
    inputs.push_back(
        RandomElements(test.dtype, test.count, seed + static_cast<std::uint32_t>(rank)));
    pointers.push_back(inputs.back().data());
  }
  std::vector<std::byte> result(inputs[0].size());
  Reduce(test.op, test.dtype, pointers, result.data(), test.count,
         ScalingFor(test.op, test.dtype, 1, 1, ranks));
  return result;
}

/// The call of `test` in `buffers`.
inline CollectiveCall CallOf(const AllreduceCase& test, const AllreduceBuffers& buffers,
                             const DeviceRunner& runner, int ranks) {
  const std::size_t element = SizeOf(test.dtype);
  const std::size_t skew_bytes = static_cast<std::size_t>(test.skew) * element;
  CollectiveCall call;
  call.layout = LayoutOf(Collective::kAllreduce,
                         std::max<std::int64_t>(test.count, 1) * static_cast<std::int64_t>(element),
                         test.dtype, ranks);
  call.layout.count = call.layout.input_count = call.layout.output_count = test.count;
  call.dtype = test.dtype;
  call.op = test.op;
  call.in_place = test.in_place;
  call.input = (test.in_place ? buffers.output : buffers.input).get() + skew_bytes;
  call.output = buffers.output.get() + skew_bytes;
  call.input_place = runner.Find(call.input, call.InputBytes());
  call.output_place = runner.Find(call.output, call.OutputBytes());
  return call;
}

/// Runs `test` `times` times with other values each time, without a barrier in between: every rank
/// has the bits that the host would have, and nothing beside the output is written.
inline void ExpectHostsBits(DeviceRunner& runner, int rank, int ranks, const AllreduceCase& test,
                            int times) {
  BenchDevice& device = *runner.device();
  const std::size_t element = SizeOf(test.dtype);
  // Elements behind the last one, which nobody may touch.
  const std::size_t bytes = static_cast<std::size_t>(test.count + test.skew + 4) * element;
  AllreduceBuffers buffers;
  for (std::shared_ptr<std::byte>* buffer : {&buffers.input, &buffers.output}) {
    auto memory = AllocateFor(runner, test.mapped, bytes);
    ASSERT_TRUE(memory.ok()) << memory.status().ToString();
    *buffer = std::move(memory).value();
  }
  const CollectiveCall call = CallOf(test, buffers, runner, ranks);
  const std::vector<std::byte> untouched(bytes, std::byte{0xff});
  for (int time = 0; time < times; ++time) {
    const auto seed = static_cast<std::uint32_t>(100 * time + 7);
    const auto mine =
        RandomElements(test.dtype, test.count, seed + static_cast<std::uint32_t>(rank));
    ASSERT_TRUE(device.Copy(buffers.output.get(), untouched.data(), bytes).ok());
    ASSERT_TRUE(device.Copy(const_cast<void*>(call.input), mine.data(), mine.size()).ok());
    Status status = runner.Run(call);
    if (status.ok()) status = runner.Finish();
    ASSERT_TRUE(status.ok()) << test.Text() << ": " << status.ToString();
    std::vector<std::byte> got(bytes);
    ASSERT_TRUE(device.Copy(got.data(), buffers.output.get(), bytes).ok());
    std::vector<std::byte> expected = untouched;
    const std::vector<std::byte> reduced = ReducedByHost(test, ranks, seed);
    std::copy(reduced.begin(), reduced.end(),
              expected.begin() + static_cast<std::ptrdiff_t>(test.skew * element));
    ASSERT_EQ(CountDifferent(got.data(), expected.data(),
                             static_cast<std::int64_t>(bytes / element), element),
              0)
        << test.Text() << " on rank " << rank << " of " << ranks << ", call " << time;
  }
}

/// Every type and operator at sizes around what kernels change their ways at.
inline std::vector<AllreduceCase> ConformanceCases(std::int64_t largest_count) {
  std::vector<AllreduceCase> cases;
  const std::vector<std::int64_t> counts = {0, 1, 7, 1000, 4099, largest_count};
  for (const bool mapped : {false, true}) {
    for (const std::int64_t count : counts) {
      for (const DataType dtype : {DataType::kFloat32, DataType::kBFloat16, DataType::kFloat16}) {
        cases.push_back({dtype, ReduceOp::kAverage, count, 0, false, mapped});
        cases.push_back({dtype, ReduceOp::kSum, count, 3, true, mapped});
      }
    }
    for (int dtype = 0; dtype < kDataTypeCount; ++dtype) {
      for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin, ReduceOp::kMax,
                                ReduceOp::kProduct}) {
        cases.push_back({static_cast<DataType>(dtype), op, 1031, 1, false, mapped});
      }
    }
  }
  return cases;
}

inline void ExpectConformance(DeviceRunner& runner, int rank, int ranks,
                              std::int64_t largest_count) {
  for (const AllreduceCase& test : ConformanceCases(largest_count)) {
    ASSERT_NO_FATAL_FAILURE(ExpectHostsBits(runner, rank, ranks, test, 3));
  }
}

}  // namespace ronde::bench
