#pragma once

#include <cstddef>
#include <cstdint>

#include "collectives/device/kernels/vector.h"
#include "core/device/space.h"
#include "tensor_fusion/device/pack_formats.h"
#include "tensor_fusion/device/pack_table.h"
#include "tensor_fusion/device/pack_vectors.h"

namespace ronde::kernels {

inline constexpr std::uint32_t kVectorsPerLine = kPackAlignmentBytes / kVectorBytes;
/// What a block takes at a time: of the packed buffer, whichever tensors lie there, so that a huge
/// tensor keeps all blocks busy and so do many tiny ones. 16 KiB.
inline constexpr std::uint32_t kChunkLines = 256;
inline constexpr std::uint32_t kChunkVectors = kChunkLines * kVectorsPerLine;

///     buffer   | tensor 0 ........ 0| tensor 1 0| tensor 2 ...      lines of 64 bytes, zeros
///     behind
///              |      chunk 0      |      chunk 1      |  ...       block b: chunks b, b +
///              blocks..
///
/// Each thread looks after single packed vectors: where a chunk holds one tensor only, it knows
/// which; else it looks for its own in the table. `Mover` moves them, one way or the other:
///
///     bool IsPlain(tensor, first, vectors)     whether these are whole and aligned
///     void MovePlain<kTimes>(tensor, vector, step)
///     void Move(tensor, vector)                any
template <typename Mover, typename Table, typename Space>
RONDE_DEVICE_CODE void MoveChunks(const Mover& mover, const Table& table, const Space& space) {
  constexpr int kTimes = 4;
  const std::uint32_t lines = table.lines();
  const auto step = static_cast<std::uint32_t>(space.threads());
  for (std::uint32_t begin = static_cast<std::uint32_t>(space.block()) * kChunkLines; begin < lines;
       begin += static_cast<std::uint32_t>(space.blocks()) * kChunkLines) {
    const std::uint32_t end = begin + kChunkLines < lines ? begin + kChunkLines : lines;
    const std::uint32_t vectors = (end - begin) * kVectorsPerLine;
    const int first = table.Find(0, table.count - 1, begin);
    const int last = table.Find(first, table.count - 1, end - 1);
    const std::uint32_t begin_vector = begin * kVectorsPerLine;
    auto vector = static_cast<std::uint32_t>(space.thread());
    if (first == last && mover.IsPlain(first, begin_vector, vectors)) {
      for (; vector + (kTimes - 1) * step < vectors; vector += kTimes * step) {
        mover.template MovePlain<kTimes>(first, begin_vector + vector, step);
      }
    }
    for (; vector < vectors; vector += step) {
      const std::uint32_t line = begin + vector / kVectorsPerLine;
      mover.Move(table.Find(first, last, line), begin_vector + vector);
    }
  }
}

/// Where the vectors of tensors are; the part of a mover that does not depend on the way.
template <typename Format, typename Table>
struct Places {
  using Tensor = typename Format::Tensor;
  using Packed = typename Format::Packed;
  static constexpr Index kPartBytes = sizeof(TensorPart<Format>);

  const Table& table;

  RONDE_DEVICE_CODE Index Elements(int tensor) const {
    const Index lines = table.first_line[tensor + 1] - table.first_line[tensor];
    return lines * static_cast<Index>(kPackAlignmentBytes / sizeof(Packed)) - table.padding[tensor];
  }
  RONDE_DEVICE_CODE Index FirstVector(int tensor) const {
    return Index{table.first_line[tensor]} * kVectorsPerLine;
  }
  RONDE_DEVICE_CODE Tensor* Data(int tensor) const {
    return reinterpret_cast<Tensor*>(table.tensors[tensor]);
  }
  RONDE_DEVICE_CODE bool Aligned(int tensor) const {
    return reinterpret_cast<std::uintptr_t>(table.tensors[tensor]) % alignof(WidePart<Format>) == 0;
  }
  RONDE_DEVICE_CODE bool IsPlain(int tensor, std::uint32_t first, std::uint32_t vectors) const {
    const Index end = (Index{first} + vectors - FirstVector(tensor)) * kLanes<Packed>;
    return Aligned(tensor) && end <= Elements(tensor);
  }
};

/// Packs: reads the tensors, writes the whole buffer, padding too.
template <typename Format, int kCapacity>
struct PackKernel {
  static constexpr int kMaxThreads = 256;
  using Table = PackTable<kCapacity>;
  using At = Places<Format, Table>;
  using Tensor = typename Format::Tensor;
  static constexpr int kElements = TensorPart<Format>::kElements;

  Table table;
  std::byte* buffer;
  Format format;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    MoveChunks(*this, table, space);
  }

  RONDE_DEVICE_CODE bool IsPlain(int tensor, std::uint32_t first, std::uint32_t vectors) const {
    return At{table}.IsPlain(tensor, first, vectors);
  }

  template <int kTimes>
  RONDE_DEVICE_CODE void MovePlain(int tensor, std::uint32_t vector, std::uint32_t step) const {
    const auto* const parts = reinterpret_cast<const WidePart<Format>*>(At{table}.Data(tensor));
    const Index first = Index{vector} - At{table}.FirstVector(tensor);
    WidePart<Format> raw[kTimes];
    RONDE_UNROLL
    for (int t = 0; t < kTimes; ++t) raw[t] = parts[first + t * step];
    RONDE_UNROLL
    for (int t = 0; t < kTimes; ++t) Store(vector + t * step, Convert(raw[t]));
  }

  RONDE_DEVICE_CODE void Move(int tensor, std::uint32_t vector) const {
    const At at{table};
    const Index first = (Index{vector} - at.FirstVector(tensor)) * kElements;
    const Index elements = at.Elements(tensor);
    const Tensor* const data = at.Data(tensor);
    if (first + kElements > elements) {
      Lanes<typename Format::Packed> packed = {};
      RONDE_UNROLL
      for (int i = 0; i < kElements; ++i) {
        if (first + i < elements) packed.at[i] = format.ToPacked(data[first + i]);
      }
      Store(vector, VectorOf(packed));
    } else if (at.Aligned(tensor)) {
      Store(vector, Convert(*reinterpret_cast<const WidePart<Format>*>(data + first)));
    } else if constexpr (sizeof(TensorPart<Format>) == kVectorBytes) {
      const Vector raw = LoadWithin<Tensor>(reinterpret_cast<const std::byte*>(data + first),
                                            reinterpret_cast<const std::byte*>(data),
                                            reinterpret_cast<const std::byte*>(data + elements));
      Store(vector, Convert(WidePart<Format>{{raw}}));
    } else {
      TensorPart<Format> part;
      RONDE_UNROLL
      for (int i = 0; i < kElements; ++i) part.at[i] = data[first + i];
      Store(vector, ToPacked(format, part));
    }
  }

 private:
  RONDE_DEVICE_CODE Vector Convert(const WidePart<Format>& raw) const {
    if constexpr (Format::kCopies) {
      return raw.vectors[0];
    } else {
      return ToPacked(format, __builtin_bit_cast(TensorPart<Format>, raw));
    }
  }
  RONDE_DEVICE_CODE void Store(std::uint32_t vector, const Vector& value) const {
    StoreVector(buffer + Index{vector} * kVectorBytes, value);
  }
};

/// Unpacks: reads the buffer, writes the tensors.
template <typename Format, int kCapacity>
struct UnpackKernel {
  static constexpr int kMaxThreads = 256;
  using Table = PackTable<kCapacity>;
  using At = Places<Format, Table>;
  using Tensor = typename Format::Tensor;
  static constexpr int kElements = TensorPart<Format>::kElements;

  Table table;
  const std::byte* buffer;
  Format format;

  template <typename Space>
  RONDE_DEVICE_CODE void operator()(Space& space) const {
    MoveChunks(*this, table, space);
  }

  RONDE_DEVICE_CODE bool IsPlain(int tensor, std::uint32_t first, std::uint32_t vectors) const {
    return At{table}.IsPlain(tensor, first, vectors);
  }

  template <int kTimes>
  RONDE_DEVICE_CODE void MovePlain(int tensor, std::uint32_t vector, std::uint32_t step) const {
    auto* const parts = reinterpret_cast<WidePart<Format>*>(At{table}.Data(tensor));
    const Index first = Index{vector} - At{table}.FirstVector(tensor);
    Vector packed[kTimes];
    RONDE_UNROLL
    for (int t = 0; t < kTimes; ++t) packed[t] = Load(vector + t * step);
    RONDE_UNROLL
    for (int t = 0; t < kTimes; ++t) parts[first + t * step] = Convert(packed[t]);
  }

  RONDE_DEVICE_CODE void Move(int tensor, std::uint32_t vector) const {
    const At at{table};
    const Index first = (Index{vector} - at.FirstVector(tensor)) * kElements;
    const Index elements = at.Elements(tensor);
    if (first >= elements) return;
    Tensor* const data = at.Data(tensor);
    if (at.Aligned(tensor) && first + kElements <= elements) {
      *reinterpret_cast<WidePart<Format>*>(data + first) = Convert(Load(vector));
    } else if constexpr (sizeof(TensorPart<Format>) == kVectorBytes) {
      MoveShifted(data, first, elements, vector);
    } else {
      StoreElements(ToTensor(format, Load(vector)), 0, data + first, elements - first);
    }
  }

 private:
  /// The aligned vector of the tensor that begins in this part of it; what lies before the first
  /// and behind the last such one goes element by element.
  RONDE_DEVICE_CODE void MoveShifted(Tensor* data, Index first, Index elements,
                                     std::uint32_t vector) const {
    const Index head = BytesToVector(data) / static_cast<Index>(sizeof(Tensor));
    const WidePart<Format> low = Convert(Load(vector));
    const auto part = __builtin_bit_cast(TensorPart<Format>, low);
    if (first == 0) StoreElements(part, 0, data, head < elements ? head : elements);
    const Index to = first + head;
    if (head != 0 && to + kElements <= elements) {
      const WidePart<Format> high = Convert(Load(vector + 1));
      const int shift = static_cast<int>(head) * static_cast<int>(sizeof(Tensor));
      StoreVector(data + to, Shifted(low.vectors[0], high.vectors[0], shift));
      return;
    }
    // The end of the tensor: the rest of this vector, and what the next one has.
    StoreElements(part, head, data + first, elements - first);
    if (first + kElements < elements) {
      const auto next = __builtin_bit_cast(TensorPart<Format>, Convert(Load(vector + 1)));
      StoreElements(next, 0, data + first + kElements, elements - first - kElements);
    }
  }

  /// part[begin..] to data[begin..], of which there are `count`.
  RONDE_DEVICE_CODE static void StoreElements(const TensorPart<Format>& part, Index begin,
                                              Tensor* data, Index count) {
    RONDE_UNROLL
    for (int i = 0; i < kElements; ++i) {
      if (i >= begin && i < count) data[i] = part.at[i];
    }
  }

  RONDE_DEVICE_CODE WidePart<Format> Convert(const Vector& packed) const {
    if constexpr (Format::kCopies) {
      return {{packed}};
    } else {
      return __builtin_bit_cast(WidePart<Format>, ToTensor(format, packed));
    }
  }
  RONDE_DEVICE_CODE Vector Load(std::uint32_t vector) const {
    return LoadVector(buffer + Index{vector} * kVectorBytes);
  }
};

}  // namespace ronde::kernels
