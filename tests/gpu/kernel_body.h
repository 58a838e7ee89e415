#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bench/device/device_array.h"
#include "collectives/device/kernels/device_kernels.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"
#include "tensor_fusion/device/pack_kernels.h"

namespace ronde::bench {

/// Kernels of one device beside the host, at sizes and addresses where they change their ways.

/// Reductions have the host's bits, in every type, by every operator.
inline void ExpectReductionsMatchHost(BenchDevice& device) {
  auto kernels = CreateDeviceKernels(device.device());
  ASSERT_TRUE(kernels.ok()) << kernels.status().ToString();
  for (int type = 0; type < kDataTypeCount; ++type) {
    const auto dtype = static_cast<DataType>(type);
    const auto element = static_cast<std::int64_t>(SizeOf(dtype));
    for (const ReduceOp op : {ReduceOp::kSum, ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kProduct}) {
      for (const int inputs : {1, 2, 3, 8}) {
        for (const std::int64_t count : {1, 1023, 40001}) {
          const std::int64_t skew = count % 7;
          InputReduction call;
          call.dtype = dtype;
          call.op = op;
          call.count = count;
          call.input_count = inputs;
          if (IsFloatingPoint(dtype)) call.scaling = {0.5, 0.25, 1};
          std::vector<DeviceArray> arrays;
          std::vector<const void*> on_host;
          for (int i = 0; i < inputs; ++i) {
            arrays.push_back(
                DeviceArray::Random(device, dtype, count + skew, static_cast<std::uint32_t>(i + 1))
                    .value());
            call.inputs[i] = arrays.back().on_device() + skew * element;
            on_host.push_back(arrays.back().on_host() + skew * element);
          }
          const auto bytes = static_cast<std::size_t>((count + skew) * element);
          DeviceArray output = DeviceArray::Poisoned(device, bytes).value();
          call.output = output.on_device() + skew * element;
          ASSERT_TRUE(kernels.value()->ReduceInputs(device.stream(), call).ok());
          const std::vector<std::byte> got = output.Download(device).value();
          std::vector<std::byte> expected(bytes, std::byte{0xff});
          Reduce(op, dtype, on_host, expected.data() + skew * element, count, call.scaling);
          ASSERT_EQ(CountDifferent(got.data(), expected.data(), count + skew, SizeOf(dtype)), 0)
              << ronde::Name(dtype) << " " << ronde::Name(op) << " of " << inputs << " inputs x"
              << count;
        }
      }
    }
  }
}

/// What a format and a layout of tensors give when they are packed, and unpacked again.
struct Packed {
  std::vector<std::byte> buffer;
  std::vector<std::byte> tensors;
};

inline Packed PackOn(BenchDevice& device, const std::vector<std::int64_t>& counts,
                     std::int64_t skew, const PackFormat& format) {
  const std::size_t element = SizeOf(format.tensor_dtype);
  std::size_t total = 0;
  std::size_t buffer_bytes = 0;
  std::vector<std::pair<std::size_t, std::size_t>> places;  // offset, bytes
  for (const std::int64_t count : counts) {
    const std::size_t bytes = static_cast<std::size_t>(count) * element;
    places.push_back({total + static_cast<std::size_t>(skew) * element, bytes});
    total = (places.back().first + bytes + 63) / 64 * 64;
    buffer_bytes += PackedSize(static_cast<std::size_t>(count) * SizeOf(format.packed_dtype));
  }
  DeviceArray inputs = DeviceArray::Random(device, format.tensor_dtype,
                                           static_cast<std::int64_t>(total / element), 1)
                           .value();
  DeviceArray outputs = DeviceArray::Poisoned(device, total).value();
  DeviceArray buffer = DeviceArray::Poisoned(device, buffer_bytes).value();
  std::vector<PackedTensor> tensors;
  for (const auto& [offset, bytes] : places) {
    tensors.push_back({inputs.on_device() + offset, outputs.on_device() + offset, bytes});
  }
  auto kernels = CreatePackKernels(device.device());
  EXPECT_TRUE(kernels.ok()) << kernels.status().ToString();
  EXPECT_TRUE(kernels.value()->Pack(device.stream(), tensors, buffer.on_device(), format).ok());
  EXPECT_TRUE(kernels.value()->Unpack(device.stream(), tensors, buffer.on_device(), format).ok());
  return {buffer.Download(device).value(), outputs.Download(device).value()};
}

/// The bytes of a simulated device, whose kernels are compared with the host's pack elsewhere: for
/// all formats, with hundreds of tensors, at any address.
inline void ExpectPackingMatchesSimulation(BenchDevice& device) {
  const auto reference = BenchDevice::Open(DeviceChoice::kSimulated, 0);
  ASSERT_TRUE(reference.ok());
  std::vector<std::int64_t> counts = {1, 0, 3, 64, 4096, 100003};
  for (int i = 0; i < 400; ++i) counts.push_back(1 + i * 37 % 513);
  const DataType types[] = {DataType::kFloat32, DataType::kFloat16, DataType::kBFloat16};
  for (const DataType from : types) {
    for (const DataType to : types) {
      if (from != to && from != DataType::kFloat32 && to != DataType::kFloat32) continue;
      for (const double scale : {1.0, 1.0 / 3}) {
        for (const std::int64_t skew : {0, 1, 2}) {
          const PackFormat format = {from, to, scale};
          const Packed got = PackOn(device, counts, skew, format);
          const Packed expected = PackOn(*reference.value(), counts, skew, format);
          const std::string what =
              StrCat(ronde::Name(from), " as ", ronde::Name(to), " times ", scale, ", skew ", skew);
          ASSERT_EQ(CountDifferent(got.buffer.data(), expected.buffer.data(),
                                   static_cast<std::int64_t>(expected.buffer.size()), 1),
                    0)
              << what;
          ASSERT_EQ(CountDifferent(got.tensors.data(), expected.tensors.data(),
                                   static_cast<std::int64_t>(expected.tensors.size()), 1),
                    0)
              << what << ", unpacked";
        }
      }
    }
  }
}

}  // namespace ronde::bench
