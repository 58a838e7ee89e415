#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "core/base/strcat.h"
#include "core/device/launch.h"
#include "tensor_fusion/device/pack_kernel.h"
#include "tensor_fusion/device/pack_kernels.h"

// From the calls of PackKernels to the arguments of kernels; on the host.

namespace ronde::kernels {

/// Calls call.operator()(format) for the format of these elements. `Convert` has the conversions of
/// 16-bit types.
template <typename Convert, typename Call>
Status WithFormat(const PackFormat& format, const Call& call) {
  using Float = Native<float>;
  const DataType tensor = format.tensor_dtype;
  const DataType packed = format.packed_dtype;
  const auto factor = static_cast<float>(format.scale);
  if (tensor == packed) {
    if (format.scale == 1) return call(CopyFormat{});
    if (tensor == DataType::kFloat32) return call(ScaledFormat<Float, Float>{factor});
    if (tensor == DataType::kFloat64) {
      return call(ScaledFormat<Native<double>, Native<double>>{format.scale});
    }
    if (tensor == DataType::kFloat16) {
      return call(ScaledFormat<Half<Convert>, Half<Convert>>{factor});
    }
    if (tensor == DataType::kBFloat16) {
      return call(ScaledFormat<BFloat<Convert>, BFloat<Convert>>{factor});
    }
  } else if (tensor == DataType::kFloat32) {
    if (packed == DataType::kFloat16) return call(ScaledFormat<Float, Half<Convert>>{factor});
    if (packed == DataType::kBFloat16) return call(ScaledFormat<Float, BFloat<Convert>>{factor});
  } else if (packed == DataType::kFloat32) {
    if (tensor == DataType::kFloat16) return call(ScaledFormat<Half<Convert>, Float>{factor});
    if (tensor == DataType::kBFloat16) return call(ScaledFormat<BFloat<Convert>, Float>{factor});
  }
  return Status::InvalidArgument(StrCat("tensors of ", Name(tensor), " cannot be packed as ",
                                        Name(packed), " with the factor ", format.scale));
}

/// A table of the first tensors that fit into one launch.
template <int kCapacity>
class PackTableBuilder {
 public:
  PackTableBuilder() {
    table_.count = 0;
    table_.first_line[0] = 0;
  }
  /// Appends `count` elements of `element_bytes` in the buffer. False where there is no room.
  bool Append(const void* tensor, std::int64_t count, std::int64_t element_bytes) {
    const std::int64_t bytes = count * element_bytes;
    const auto packed_bytes =
        static_cast<std::int64_t>(PackedSize(static_cast<std::size_t>(bytes)));
    const std::int64_t end =
        table_.lines() + packed_bytes / static_cast<std::int64_t>(kPackAlignmentBytes);
    if (table_.count == kCapacity || end > kLinesPerLaunch) return false;
    table_.tensors[table_.count] = static_cast<std::byte*>(const_cast<void*>(tensor));
    table_.padding[table_.count] =
        static_cast<std::uint8_t>((packed_bytes - bytes) / element_bytes);
    table_.first_line[++table_.count] = static_cast<std::uint32_t>(end);
    return true;
  }
  [[nodiscard]] const PackTable<kCapacity>& table() const { return table_; }

 private:
  PackTable<kCapacity> table_;  // beyond `count` it says nothing
};

/// How a launcher makes the PackKernels. `Launcher::Launch(stream, shape, kernel)`.
template <typename Convert, typename Launcher>
class LaunchedPackKernels final : public PackKernels {
 public:
  explicit LaunchedPackKernels(int device_blocks) : device_blocks_(device_blocks) {}

  Status Pack(StreamView stream, std::span<const PackedTensor> tensors, std::byte* buffer,
              const PackFormat& format) override {
    return WithFormat<Convert>(format, [&](const auto& elements) {
      const auto input = [](const PackedTensor& tensor) { return tensor.input; };
      return MoveAll<PackKernel>(stream, tensors, buffer, elements, format, input);
    });
  }

  Status Unpack(StreamView stream, std::span<const PackedTensor> tensors, const std::byte* buffer,
                const PackFormat& format) override {
    return WithFormat<Convert>(format, [&](const auto& elements) {
      const auto output = [](const PackedTensor& tensor) { return tensor.output; };
      return MoveAll<UnpackKernel>(stream, tensors, buffer, elements, format, output);
    });
  }

 private:
  static constexpr int kThreads = 256;
  static constexpr int kBlocksPerProcessor = 8;

  template <template <typename, int> class Kernel, typename Elements, typename Place>
  Status MoveAll(StreamView stream, std::span<const PackedTensor> tensors, auto* buffer,
                 const Elements& elements, const PackFormat& format, const Place& place) const {
    while (!tensors.empty()) {
      const Status moved = tensors.size() <= kTensorsPerSmallLaunch
                               ? MoveSome<Kernel<Elements, kTensorsPerSmallLaunch>>(
                                     stream, &tensors, &buffer, elements, format, place)
                               : MoveSome<Kernel<Elements, kTensorsPerLaunch>>(
                                     stream, &tensors, &buffer, elements, format, place);
      RONDE_RETURN_IF_ERROR(moved);
    }
    return Status::Ok();
  }

  /// The first of `tensors` in one launch; goes on behind them.
  template <typename Kernel, typename Elements, typename Buffer, typename Place>
  Status MoveSome(StreamView stream, std::span<const PackedTensor>* tensors, Buffer** buffer,
                  const Elements& elements, const PackFormat& format, const Place& place) const {
    // Bytes are counted in the packed type's size, also where they are only copied.
    const auto tensor_bytes = static_cast<std::int64_t>(SizeOf(format.tensor_dtype));
    const auto packed_bytes = static_cast<std::int64_t>(SizeOf(format.packed_dtype));
    constexpr bool kCopies = Elements::kCopies;
    PackTableBuilder<Kernel::Table::kTensors> builder;
    std::size_t taken = 0;
    for (; taken < tensors->size(); ++taken) {
      const PackedTensor& tensor = (*tensors)[taken];
      const auto size_bytes = static_cast<std::int64_t>(tensor.size_bytes);
      if (size_bytes == 0) continue;
      const std::int64_t count = kCopies ? size_bytes : size_bytes / tensor_bytes;
      if (!builder.Append(place(tensor), count, kCopies ? 1 : packed_bytes)) break;
    }
    if (taken == 0) {
      return Status::InvalidArgument(StrCat("a tensor of ", tensors->front().size_bytes,
                                            " bytes is too large for a fusion buffer"));
    }
    const Kernel kernel = {builder.table(), *buffer, elements};
    *tensors = tensors->subspan(taken);
    *buffer += std::size_t{kernel.table.lines()} * kPackAlignmentBytes;
    if (kernel.table.count == 0) return Status::Ok();
    return Launcher::Launch(stream, {Blocks(kernel.table.lines()), kThreads}, kernel);
  }

  int Blocks(std::uint32_t lines) const {
    const auto chunks = static_cast<int>((lines + kChunkLines - 1) / kChunkLines);
    const int most = device_blocks_ * kBlocksPerProcessor;
    return chunks < most ? chunks : most;
  }

  const int device_blocks_;
};

}  // namespace ronde::kernels
