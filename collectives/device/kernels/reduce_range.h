#pragma once

#include "collectives/device/kernels/elements.h"
#include "collectives/device/kernels/operands.h"
#include "collectives/device/kernels/peer_flags.h"
#include "collectives/device/kernels/shard_layout.h"
#include "collectives/device/kernels/vector.h"
#include "core/device/space.h"

namespace ronde::kernels {

/// `kInputs`: how many inputs there are; 0: as many as the arguments say, up to kMaxPeers.
template <int kInputs>
inline constexpr int kWidth = kInputs == 0 ? kMaxPeers : kInputs;

/// Combines values[0, inputs) as a binary tree, level by level: the order of Reduce().
template <typename Op, typename T, int kCount>
RONDE_DEVICE_CODE T CombineTree(T (&values)[kCount], int inputs) {
  RONDE_UNROLL
  for (int level = 0; (1 << level) < kCount; ++level) {
    const int step = 1 << level;
    RONDE_UNROLL
    for (int k = 0; k + step < kCount; k += 2 * step) {
      if (k + step < inputs) values[k] = Op::template Apply<T>(values[k], values[k + step]);
    }
  }
  return values[0];
}

/// What reduces one range: each thread takes every `step`-th piece from `first` on. `kOutputs`: how
/// many outputs there are, or 0, too.
template <typename Element, typename Op, int kInputs, int kOutputs>
class RangeReducer {
 public:
  RONDE_DEVICE_CODE RangeReducer(const Operands<Element>& operands, const ElementRange& range,
                                 Index first, Index step)
      : operands_(operands), range_(range), first_(first), step_(step) {}

  RONDE_DEVICE_CODE void Run() const {
    Index head = range_.size();
    if (operands_.alike) {
      const Index bytes = BytesToVector(At(operands_.outputs[0], range_.begin));
      const Index elements = bytes / static_cast<Index>(sizeof(Storage));
      head = elements < head ? elements : head;
    }
    const Index body = range_.begin + head;
    const Index vectors = (range_.end - body) / kLanes<Storage>;
    RunVectors(body, vectors);
    RunElements(head, body + vectors * kLanes<Storage>);
  }

 private:
  using Storage = typename Element::Storage;
  using Value = typename Element::Value;
  static constexpr int kWide = kWidth<kInputs>;
  // Loads that a thread has under way at once: what hides the latency of a peer's memory.
  static constexpr int kUnroll = kWide >= 8 ? 1 : 8 / kWide > 4 ? 4 : 8 / kWide;

  RONDE_DEVICE_CODE static Storage* At(void* data, Index element) {
    return static_cast<Storage*>(data) + element;
  }
  RONDE_DEVICE_CODE static const Storage* At(const void* data, Index element) {
    return static_cast<const Storage*>(data) + element;
  }
  RONDE_DEVICE_CODE int inputs() const { return kInputs == 0 ? operands_.input_count : kInputs; }

  RONDE_DEVICE_CODE static void Store(Storage* to, const Storage& result) { *to = result; }
  RONDE_DEVICE_CODE static void Store(Storage* to, const Vector& result) {
    StoreVector(to, result);
  }
  /// `result`, a Storage or a Vector, to all outputs.
  template <typename T>
  RONDE_DEVICE_CODE void Write(Index element, const T& result) const {
    if constexpr (kOutputs == 0) {
      RONDE_NO_UNROLL
      for (int k = 0; k < operands_.output_count; ++k) {
        Store(At(operands_.outputs[k], element), result);
      }
    } else {
      RONDE_UNROLL
      for (int k = 0; k < kOutputs; ++k) Store(At(operands_.outputs[k], element), result);
    }
  }

  RONDE_DEVICE_CODE Storage Combine(Value (&values)[kWide]) const {
    const Value result = CombineTree<Op, Value, kWide>(values, inputs());
    return Element::Compress(operands_.factors.After(result));
  }

  /// The first `head` elements of the range, and those from `tail` on.
  RONDE_DEVICE_CODE void RunElements(Index head, Index tail) const {
    const Index count = head + (range_.end - tail);
    for (Index i = first_; i < count; i += step_) {
      const Index element = i < head ? range_.begin + i : tail + (i - head);
      Value values[kWide] = {};
      RONDE_UNROLL
      for (int k = 0; k < kWide; ++k) {
        if (k >= inputs()) continue;
        values[k] = operands_.factors.Before(Element::Expand(*At(operands_.inputs[k], element)));
      }
      Write(element, Combine(values));
    }
  }

  /// `vectors` vectors from element `body` on.
  RONDE_DEVICE_CODE void RunVectors(Index body, Index vectors) const {
    Index vector = first_;
    if constexpr (kUnroll > 1) {
      for (; vector + (kUnroll - 1) * step_ < vectors; vector += kUnroll * step_) {
        RunVectors<kUnroll>(body, vector);
      }
    }
    for (; vector < vectors; vector += step_) RunVectors<1>(body, vector);
  }

  template <int kTimes>
  RONDE_DEVICE_CODE void RunVectors(Index body, Index vector) const {
    Vector raw[kTimes][kWide] = {};
    RONDE_UNROLL
    for (int t = 0; t < kTimes; ++t) {
      const Index element = body + (vector + t * step_) * kLanes<Storage>;
      RONDE_UNROLL
      for (int k = 0; k < kWide; ++k) {
        if (k >= inputs()) continue;
        raw[t][k] = LoadVector(At(operands_.inputs[k], element));
      }
    }
    RONDE_UNROLL
    for (int t = 0; t < kTimes; ++t) {
      const Index element = body + (vector + t * step_) * kLanes<Storage>;
      Write(element, CombineVectors(raw[t]));
    }
  }

  RONDE_DEVICE_CODE Vector CombineVectors(const Vector (&raw)[kWide]) const {
    Lanes<Storage> results;
    RONDE_UNROLL
    for (int lane = 0; lane < kLanes<Storage>; ++lane) {
      Value values[kWide] = {};
      RONDE_UNROLL
      for (int k = 0; k < kWide; ++k) {
        values[k] = operands_.factors.Before(Element::Expand(LanesOf<Storage>(raw[k]).at[lane]));
      }
      results.at[lane] = Combine(values);
    }
    return VectorOf(results);
  }

  const Operands<Element>& operands_;
  const ElementRange range_;
  const Index first_;
  const Index step_;
};

}  // namespace ronde::kernels
