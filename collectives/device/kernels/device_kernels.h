#pragma once

#include <cstdint>
#include <memory>

#include "collectives/device/kernels/peer_flags.h"
#include "collectives/reduce_kernels.h"
#include "core/base/status.h"
#include "core/base/types.h"
#include "core/device/device.h"

namespace ronde {

/// One allreduce among the ranks of a host whose memory this device reaches. Plain data; equal on
/// all ranks but for `sync` and the pointers.
struct PeerReduction {
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;  ///< IsElementwise; an average is folded into `scaling`
  Scaling scaling;
  std::int64_t count = 0;
  /// Of each rank, as mapped here, in the order in which they are reduced.
  const void* inputs[kMaxPeers] = {};
  /// OneShot: only [sync.rank] is used. TwoShot: of each rank, as mapped here.
  void* outputs[kMaxPeers] = {};
  PeerSync sync;
  /// 1 to kMaxPeerBlocks; see BlocksForOneShot and BlocksForTwoShot. They need not run at once.
  int blocks = 0;
  /// OneShot: a second barrier, after which no peer reads this rank's input any more. Needed where
  /// it may be overwritten before the next collective of this channel has passed its first barrier.
  bool closing_barrier = false;
};

/// A reduction of inputs that all lie where this device reaches them: nobody waits for anybody.
struct InputReduction {
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  Scaling scaling;
  std::int64_t count = 0;
  const void* inputs[kMaxPeers] = {};
  int input_count = 0;     ///< 1 to kMaxPeers
  void* output = nullptr;  ///< may be one of the inputs
};

/// The kernels of one device. They give work to a stream and return. All of them have the bits of
/// Reduce() (collectives/reduce_kernels.h) with the same inputs: its order, its accumulation in
/// float32, its roundings; but for which of several NaNs a NaN is. Pointers are aligned as their
/// element type; vectors of 16 bytes are used where inputs and outputs are aligned alike.
///
/// Errors: kInvalidArgument for what the comments above rule out, kInternal with the driver's words
/// where a launch fails. What a kernel that waits finds out is in the FaultRecords of its PeerSync.
/// Thread rule: thread-safe, immutable.
class DeviceKernels {
 public:
  virtual ~DeviceKernels() = default;

  /// Every rank reads all inputs and writes its own output, which none of the inputs may overlap.
  /// Cost:   one barrier; p n bytes read, of which (p - 1) n of peers, n written
  virtual Status OneShot(StreamView stream, const PeerReduction& call) = 0;
  /// Rank r reduces the r-th part of all inputs and writes it to all outputs, which may be the
  /// inputs: rank k's output that of rank k.
  /// Cost:   two barriers; n bytes read, (p - 1)/p n of peers, n written, as much to peers
  virtual Status TwoShot(StreamView stream, const PeerReduction& call) = 0;
  /// What `stream` is given afterwards runs when the streams of all ranks have got here, and sees
  /// what was written before. A reduction of no elements is no barrier.
  virtual Status Barrier(StreamView stream, const PeerSync& sync) = 0;
  /// Cost:   k n bytes read, n written
  virtual Status ReduceInputs(StreamView stream, const InputReduction& call) = 0;
  /// output[i] = factor * input[i], as Scale() of reduce_kernels.h; `input` may equal `output`.
  Status Scale(StreamView stream, DataType dtype, const void* input, void* output,
               std::int64_t count, double factor);

 protected:
  [[nodiscard]] static Status Check(const PeerReduction& call);
  [[nodiscard]] static Status Check(const InputReduction& call);
};

/// The blocks that a peer kernel takes for so many bytes per rank: a pure function. Large transfers
/// take as many as saturate the links and leave the rest of the device to others.
[[nodiscard]] int BlocksForOneShot(std::int64_t size_bytes);
[[nodiscard]] int BlocksForTwoShot(std::int64_t size_bytes, int ranks);

/// The kernels for a device of this kind; `device` must outlive them. Error: kUnavailable for a
/// CUDA device in a build without CUDA.
[[nodiscard]] Result<std::unique_ptr<DeviceKernels>> CreateDeviceKernels(Device& device);

}  // namespace ronde
