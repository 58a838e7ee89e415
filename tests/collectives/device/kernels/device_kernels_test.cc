#include "collectives/device/kernels/device_kernels.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collectives/device/kernels/convert_host.h"
#include "collectives/device/kernels/reduce_inputs.h"
#include "collectives/reduce_kernels.h"
#include "core/device/simulated_device.h"
#include "core/device/stream.h"
#include "tests/collectives/device/kernels/peer_words.h"
#include "tests/collectives/device/kernels/threaded_space.h"
#include "tests/conformance/allreduce_values.h"

namespace ronde {
namespace {

constexpr std::byte kFill{0xa5};

// Elements that begin `skew` elements behind a multiple of 64 bytes, with guards on both sides.
class Array {
 public:
  Array(DataType dtype, std::int64_t count, int skew)
      : size_bytes_(static_cast<std::size_t>(count) * SizeOf(dtype)),
        memory_(size_bytes_ + 256 + 16 * SizeOf(dtype), kFill) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
    data_ = memory_.data() + 64 + (64 - address % 64) % 64 +
            static_cast<std::size_t>(skew) * SizeOf(dtype);
  }
  Array(DataType dtype, const std::vector<std::byte>& values, int skew)
      : Array(dtype, static_cast<std::int64_t>(values.size() / SizeOf(dtype)), skew) {
    std::copy(values.begin(), values.end(), data_);
  }
  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] std::vector<std::byte> values() const { return {data_, data_ + size_bytes_}; }
  [[nodiscard]] bool guarded() const { return data_[-1] == kFill && data_[size_bytes_] == kFill; }

 private:
  std::size_t size_bytes_;
  std::vector<std::byte> memory_;
  std::byte* data_;
};

std::vector<std::byte> Expected(ReduceOp op, DataType dtype,
                                const std::vector<std::vector<std::byte>>& inputs,
                                const Scaling& scaling) {
  std::vector<const void*> pointers;
  for (const auto& input : inputs) pointers.push_back(input.data());
  std::vector<std::byte> output(inputs[0].size());
  Reduce(op, dtype, pointers, output.data(),
         static_cast<std::int64_t>(output.size() / SizeOf(dtype)), scaling);
  return output;
}

std::vector<std::vector<std::byte>> MakeInputs(DataType dtype, std::int64_t count, int inputs) {
  std::vector<std::vector<std::byte>> made;
  for (int k = 0; k < inputs; ++k) made.push_back(MakeInput(dtype, count, 17, k));
  return made;
}

Scaling SomeScaling(DataType dtype) {
  return IsFloatingPoint(dtype) ? Scaling{.prescale = 0.7, .postscale = 1.3}
                                : Scaling{.divisor = 3};
}

// Ranks of one process, each with a stream of one simulated device.
class Ranks {
 public:
  enum class Way { kOneShot, kTwoShot, kTwoShotInPlace };

  explicit Ranks(int ranks) : words_(ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      streams_.push_back(std::move(Stream::Create(device_, StreamPriority::kHigh)).value());
    }
    kernels_ = std::move(CreateDeviceKernels(device_)).value();
  }

  [[nodiscard]] int size() const { return static_cast<int>(streams_.size()); }

  // `skews`: how far inputs and outputs are off; where they differ, vectors cannot be used.
  void Check(Way way, ReduceOp op, DataType dtype, std::int64_t count, const Scaling& scaling,
             std::array<int, 2> skews, int blocks) {
    const auto values = MakeInputs(dtype, count, size());
    std::vector<Array> inputs;
    std::vector<Array> outputs;
    PeerReduction call = {
        .dtype = dtype, .op = op, .scaling = scaling, .count = count, .blocks = blocks};
    for (std::size_t rank = 0; rank < values.size(); ++rank) {
      inputs.emplace_back(dtype, values[rank], skews[0]);
      outputs.emplace_back(dtype, count, skews[1]);
      call.inputs[rank] = inputs.back().data();
      const bool in_place = way == Way::kTwoShotInPlace;
      call.outputs[rank] = in_place ? inputs.back().data() : outputs.back().data();
    }
    for (int rank = 0; rank < size(); ++rank) {
      call.sync = words_.Of(rank);
      call.closing_barrier = true;
      const StreamView stream = streams_[static_cast<std::size_t>(rank)].view();
      ASSERT_TRUE(
          (way == Way::kOneShot ? kernels_->OneShot(stream, call) : kernels_->TwoShot(stream, call))
              .ok());
    }
    Synchronize();
    const auto expected = Expected(op, dtype, values, scaling);
    for (std::size_t rank = 0; rank < values.size(); ++rank) {
      const Array& result = way == Way::kTwoShotInPlace ? inputs[rank] : outputs[rank];
      ASSERT_TRUE(result.values() == expected && result.guarded())
          << Name(dtype) << " " << Name(op) << " count " << count << " rank " << rank << " of "
          << size() << " skews " << skews[0] << "," << skews[1] << " way " << static_cast<int>(way);
      if (way != Way::kTwoShotInPlace) {
        ASSERT_TRUE(inputs[rank].values() == values[rank]);
      }
    }
  }

  void Synchronize() {
    for (Stream& stream : streams_) {
      ASSERT_TRUE(device_.Synchronize(stream.view().native, Deadline::After(30)).ok());
    }
  }

 private:
  SimulatedDevice device_;
  PeerWords words_;
  std::vector<Stream> streams_;
  std::unique_ptr<DeviceKernels> kernels_;
};

using Way = Ranks::Way;

class DeviceAllreduce : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  DataType dtype() const { return static_cast<DataType>(std::get<0>(GetParam())); }
  ReduceOp op() const { return static_cast<ReduceOp>(std::get<1>(GetParam())); }
};

TEST_P(DeviceAllreduce, HasTheBitsOfReduce) {
  for (const int size : {2, 3, 8}) {
    Ranks ranks(size);
    for (const std::int64_t count : {0, 1, 2, 7, 33, 1025, 3001}) {
      for (const Way way : {Way::kOneShot, Way::kTwoShot, Way::kTwoShotInPlace}) {
        ranks.Check(way, op(), dtype(), count, {}, {0, 0}, 2);
        ranks.Check(way, op(), dtype(), count, SomeScaling(dtype()), {1, 1}, 1);
        if (HasFatalFailure()) return;
      }
    }
    ranks.Check(Way::kTwoShot, op(), dtype(), 515, {}, {1, 2}, 2);
    ranks.Check(Way::kOneShot, op(), dtype(), 515, {}, {3, 0}, 2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DeviceAllreduce,
                         testing::Combine(testing::Range(0, kDataTypeCount),
                                          testing::Range(0, kElementwiseOpCount)));

class DeviceAllreduceOf : public testing::TestWithParam<int> {};

TEST_P(DeviceAllreduceOf, AgreesWithReduceForEveryNumberOfRanksAndBlocks) {
  Ranks ranks(GetParam());
  for (const DataType dtype : {DataType::kFloat32, DataType::kBFloat16}) {
    for (const int blocks : {1, 3, 4}) {
      ranks.Check(Way::kOneShot, ReduceOp::kSum, dtype, 2222, SomeScaling(dtype), {0, 0}, blocks);
      ranks.Check(Way::kTwoShot, ReduceOp::kSum, dtype, 2222, SomeScaling(dtype), {5, 5}, blocks);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, DeviceAllreduceOf, testing::Values(1, 4, 5, 6, 7, 9, 16));

class ReduceInputsOf : public testing::TestWithParam<std::tuple<int, int>> {
 protected:
  DataType dtype() const { return static_cast<DataType>(std::get<0>(GetParam())); }
  ReduceOp op() const { return static_cast<ReduceOp>(std::get<1>(GetParam())); }

  // Over the input of number `over`, or to an output of its own.
  void Check(int inputs, std::int64_t count, const Scaling& scaling, std::array<int, 2> skews,
             std::optional<int> over = std::nullopt) {
    const auto values = MakeInputs(dtype(), count, inputs);
    InputReduction call = {
        .dtype = dtype(), .op = op(), .scaling = scaling, .count = count, .input_count = inputs};
    std::vector<Array> arrays;
    for (std::size_t k = 0; k < values.size(); ++k) {
      arrays.emplace_back(dtype(), values[k], skews[0]);
      call.inputs[k] = arrays.back().data();
    }
    const Array own(dtype(), count, skews[1]);
    const Array& output = over.has_value() ? arrays[static_cast<std::size_t>(*over)] : own;
    call.output = output.data();
    ASSERT_TRUE(kernels_->ReduceInputs({&device_, nullptr}, call).ok());
    ASSERT_TRUE(device_.Synchronize(nullptr, Deadline::After(30)).ok());
    ASSERT_TRUE(output.values() == Expected(op(), dtype(), values, scaling) && output.guarded())
        << Name(dtype()) << " " << Name(op()) << " count " << count << " inputs " << inputs
        << " skews " << skews[0] << "," << skews[1];
  }

  SimulatedDevice device_;
  std::unique_ptr<DeviceKernels> kernels_ = std::move(CreateDeviceKernels(device_)).value();
};

TEST_P(ReduceInputsOf, HasTheBitsOfReduce) {
  for (const int inputs : {1, 2, 3, 4, 5, 8, 16}) {
    for (const std::int64_t count : {0, 1, 15, 17, 1000, 4099}) {
      Check(inputs, count, {}, {0, 0});
      Check(inputs, count, SomeScaling(dtype()), {3, 3});
      Check(inputs, count, SomeScaling(dtype()), {1, 2});
      if (HasFatalFailure()) return;
    }
    Check(inputs, 1000, SomeScaling(dtype()), {1, 1}, inputs / 2);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ReduceInputsOf,
                         testing::Combine(testing::Range(0, kDataTypeCount),
                                          testing::Range(0, kElementwiseOpCount)));

// With several threads a block, which the simulated device has not.
TEST(ReduceInputsKernel, DealsVectorsOutToAllThreads) {
  using Kernel =
      kernels::ReduceInputsKernel<kernels::BFloat<kernels::HostConvert>, kernels::Sum, 2>;
  constexpr std::int64_t kCount = 1999;
  const auto values = MakeInputs(DataType::kBFloat16, kCount, 2);
  const Array a(DataType::kBFloat16, values[0], 5);
  const Array b(DataType::kBFloat16, values[1], 5);
  const Array output(DataType::kBFloat16, kCount, 5);
  Kernel kernel = {};
  kernel.operands.inputs[0] = a.data();
  kernel.operands.inputs[1] = b.data();
  kernel.operands.outputs[0] = output.data();
  kernel.operands.input_count = 2;
  kernel.operands.output_count = 1;
  kernel.operands.alike = true;
  kernel.count = kCount;
  RunThreaded(2, 3, kernel);
  EXPECT_EQ(output.values(), Expected(ReduceOp::kSum, DataType::kBFloat16, values, {}));
  EXPECT_TRUE(output.guarded());
}

TEST(DeviceKernels, ScaleAsTheHostDoes) {
  SimulatedDevice device;
  auto kernels = std::move(CreateDeviceKernels(device)).value();
  for (const DataType dtype : {DataType::kFloat16, DataType::kFloat32, DataType::kFloat64}) {
    const auto values = MakeInput(dtype, 1001, 3, 0);
    for (const double factor : {1.0, 0.3}) {
      std::vector<std::byte> expected(values.size());
      Scale(dtype, values.data(), expected.data(), 1001, factor);
      const Array input(dtype, values, 1);
      ASSERT_TRUE(
          kernels->Scale({&device, nullptr}, dtype, input.data(), input.data(), 1001, factor).ok());
      ASSERT_TRUE(device.Synchronize(nullptr, Deadline::After(30)).ok());
      EXPECT_EQ(input.values(), expected) << Name(dtype) << " times " << factor;
    }
  }
}

TEST(DeviceKernels, RefuseWhatTheyHaveNot) {
  SimulatedDevice device;
  auto kernels = std::move(CreateDeviceKernels(device)).value();
  const StreamView stream = {&device, nullptr};
  PeerReduction call = {.count = 1, .blocks = 0};
  EXPECT_EQ(kernels->OneShot(stream, call).code(), StatusCode::kInvalidArgument);
  call.blocks = kMaxPeerBlocks + 1;
  EXPECT_EQ(kernels->TwoShot(stream, call).code(), StatusCode::kInvalidArgument);
  call = {.op = ReduceOp::kAdasum, .count = 1, .blocks = 1};
  EXPECT_EQ(kernels->TwoShot(stream, call).code(), StatusCode::kInvalidArgument);
  InputReduction inputs = {.count = 1, .input_count = kMaxPeers + 1};
  EXPECT_EQ(kernels->ReduceInputs(stream, inputs).code(), StatusCode::kInvalidArgument);
}

// One-shot from staging halves in turn, without a closing barrier, and two-shot in place: many
// rounds of other values, on streams that begin their work at random times.
TEST(DeviceAllreduceRounds, NeedNoClosingBarrierWhereHalvesAlternate) {
  constexpr int kRanks = 3;
  constexpr int kRounds = 60;
  constexpr std::int64_t kCount = 300;
  SimulatedDevice device({.delay_seed = 5, .longest_delay_us = 60});
  auto kernels = std::move(CreateDeviceKernels(device)).value();
  PeerWords words(kRanks);
  std::vector<Stream> streams;
  using Floats = std::vector<float>;
  std::vector<Floats> sources(kRanks * kRounds, Floats(kCount));
  std::vector<Floats> results(kRanks * kRounds, Floats(kCount));
  std::vector<Floats> halves(kRanks * 2, Floats(kCount));
  for (int rank = 0; rank < kRanks; ++rank) {
    streams.push_back(std::move(Stream::Create(device, StreamPriority::kHigh)).value());
  }
  const std::size_t bytes = kCount * sizeof(float);
  for (int round = 0; round < kRounds; ++round) {
    PeerReduction call = {.count = kCount, .blocks = 1 + round % 3};
    for (int rank = 0; rank < kRanks; ++rank) {
      call.inputs[rank] = halves[static_cast<std::size_t>(2 * rank + round % 2)].data();
    }
    for (int rank = 0; rank < kRanks; ++rank) {
      const auto number = static_cast<std::size_t>(kRanks * round + rank);
      sources[number].assign(kCount, static_cast<float>(number));
      const StreamView stream = streams[static_cast<std::size_t>(rank)].view();
      void* const half = const_cast<void*>(call.inputs[rank]);
      ASSERT_TRUE(device.Copy(half, sources[number].data(), bytes, stream.native).ok());
      call.sync = words.Of(rank);
      call.outputs[rank] = results[number].data();
      ASSERT_TRUE(kernels->OneShot(stream, call).ok());
    }
  }
  for (Stream& stream : streams) {
    ASSERT_TRUE(device.Synchronize(stream.view().native, Deadline::After(60)).ok());
  }
  for (int i = 0; i < kRanks * kRounds; ++i) {
    const auto expected = static_cast<float>(i / kRanks * kRanks * kRanks + 3);
    ASSERT_EQ(results[static_cast<std::size_t>(i)], Floats(kCount, expected)) << i;
  }
}

TEST(DeviceBarrier, HoldsStreamsUpUntilAllHaveGotThere) {
  constexpr int kRanks = 3;
  SimulatedDevice device({.delay_seed = 9, .longest_delay_us = 100});
  auto kernels = std::move(CreateDeviceKernels(device)).value();
  PeerWords words(kRanks);
  std::vector<Stream> streams;
  const std::vector<int> ones(kRanks, 1);
  std::vector<int> written(kRanks);
  std::vector<std::vector<int>> seen(kRanks, std::vector<int>(kRanks));
  for (std::size_t rank = 0; rank < kRanks; ++rank) {
    const StreamView stream =
        streams.emplace_back(std::move(Stream::Create(device, StreamPriority::kHigh)).value())
            .view();
    ASSERT_TRUE(device.Copy(&written[rank], &ones[rank], sizeof(int), stream.native).ok());
    ASSERT_TRUE(kernels->Barrier(stream, words.Of(static_cast<int>(rank))).ok());
    ASSERT_TRUE(
        device.Copy(seen[rank].data(), written.data(), kRanks * sizeof(int), stream.native).ok());
  }
  for (Stream& stream : streams) {
    ASSERT_TRUE(device.Synchronize(stream.view().native, Deadline::After(30)).ok());
  }
  EXPECT_EQ(seen, std::vector<std::vector<int>>(kRanks, ones));
}

TEST(DeviceAllreduceFaults, LeaveTheOutputAloneAndNameThePeer) {
  SimulatedDevice device;
  auto kernels = std::move(CreateDeviceKernels(device)).value();
  PeerWords words(2, /*timeout_ns=*/20'000'000);
  std::vector<float> values(100, 1);
  std::vector<float> output(100, -1);
  PeerReduction call = {.count = 100, .sync = words.Of(0), .blocks = 2};
  call.inputs[0] = call.inputs[1] = values.data();
  call.outputs[0] = call.outputs[1] = output.data();
  for (int times = 0; times < 2; ++times) {
    ASSERT_TRUE(kernels->TwoShot({&device, nullptr}, call).ok());
    ASSERT_TRUE(kernels->OneShot({&device, nullptr}, call).ok());
    ASSERT_TRUE(device.Synchronize(nullptr, Deadline::After(20)).ok());
    EXPECT_EQ(words.Fault(0).kind, static_cast<std::uint64_t>(DeviceFaultKind::kTimeout));
    EXPECT_EQ(words.Fault(0).peer, 1U);
    EXPECT_EQ(output, std::vector<float>(100, -1));
  }
}

}  // namespace
}  // namespace ronde
