#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "collectives/device/device_context.h"
#include "collectives/device/device_selector.h"
#include "core/base/status.h"
#include "core/control/message.h"
#include "tensor_fusion/batch_notes.h"
#include "tensor_fusion/device/pack_kernels.h"
#include "tensor_fusion/pack.h"

namespace ronde {

class DeviceAllreduceAlgorithm;

/// Where a batch runs.
struct DeviceLane {
  DeviceContext& context;
  DeviceChannel& channel;
};

/// Reduces tensors in device memory: gives a channel's stream the pack, the algorithm and the
/// unpack, and waits for none of them. Several tensors travel together through a half of the
/// channel's staging, and so does, in pieces where it must, a tensor in private memory for which
/// the algorithm wants that. One that lies in mapped memory, or whose algorithm takes any memory,
/// is reduced where it is. Scales of 32-bit and 64-bit types are folded into pack and unpack, where
/// they round as in the algorithm; 16-bit types keep them for its float32 sum.
/// All choices are pure functions of agreed values. Errors: those of DeviceSelector and of the
/// algorithm. Thread rule: engine-only.
class DeviceAllreduce {
 public:
  /// All must outlive this.
  DeviceAllreduce(const DeviceSelector& selector, BatchNotes& notes)
      : selector_(selector), notes_(notes) {}
  void UseKernels(PackKernels& kernels) { kernels_ = &kernels; }

  // All return false, having done nothing, where no algorithm supports the call.

  /// Of the kind of `request`, brought together up to `piece_bytes` where they are small.
  [[nodiscard]] Result<bool> RunTensors(const DeviceLane& lane, const Request& request,
                                        std::span<const PackedTensor> tensors,
                                        std::size_t piece_bytes);
  /// One of any size, at its places.
  [[nodiscard]] Result<bool> RunAlone(const DeviceLane& lane, const AllreduceArguments& arguments);
  /// The average of 16-bit values, which are added up in float32.
  [[nodiscard]] Result<bool> AverageWidened(const DeviceLane& lane, const Request& request,
                                            void* parameters);

  /// The name of what ran last, or "".
  [[nodiscard]] std::string_view algorithm() const { return algorithm_; }
  void ForgetAlgorithm() { algorithm_ = {}; }
  /// Bytes that went through staging halves since the start, padding included.
  [[nodiscard]] std::uint64_t bytes_packed() const { return bytes_packed_; }

 private:
  /// What is done to values on the way into and out of a half.
  struct Passage {
    PackFormat in;
    PackFormat out;
  };
  /// Takes over what of the scaling of `arguments`, which are of packed values, may be done on the
  /// way.
  static Passage PassageFor(const DeviceLane& lane, DataType tensor_dtype,
                            AllreduceArguments& arguments);

  /// Null: none.
  [[nodiscard]] Result<const DeviceAllreduceAlgorithm*> Choose(
      const DeviceLane& lane, const AllreduceArguments& arguments) const;
  /// `tensors` together through the next half, as `arguments` say but for place and count.
  Status RunPiece(const DeviceLane& lane, AllreduceArguments arguments,
                  std::span<const PackedTensor> tensors, const Passage& passage);
  /// One tensor through as many halves as it takes.
  Status RunInPieces(const DeviceLane& lane, const AllreduceArguments& arguments,
                     const PackedTensor& tensor, const Passage& passage);
  Result<bool> RunOneByOne(const DeviceLane& lane, const Request& request,
                           std::span<const PackedTensor> tensors);
  /// Where there is nobody else.
  Status Scale(const DeviceLane& lane, const AllreduceArguments& arguments);
  Status Run(const DeviceLane& lane, const DeviceAllreduceAlgorithm& algorithm,
             const AllreduceArguments& arguments);

  const DeviceSelector& selector_;
  BatchNotes& notes_;
  PackKernels* kernels_ = nullptr;
  std::string_view algorithm_;
  std::uint64_t bytes_packed_ = 0;
};

}  // namespace ronde
