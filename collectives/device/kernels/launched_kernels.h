#pragma once

#include <cstdint>

#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/kernels/dispatch.h"
#include "collectives/device/kernels/one_shot.h"
#include "collectives/device/kernels/peer_barrier.h"
#include "collectives/device/kernels/reduce_inputs.h"
#include "collectives/device/kernels/two_shot.h"
#include "core/device/launch.h"

namespace ronde::kernels {

/// How a launcher, LaunchSimulated or LaunchCuda, makes the DeviceKernels.
/// `Launcher::Launch(stream, shape, kernel)`.
template <typename Convert, typename Launcher>
class LaunchedKernels final : public DeviceKernels {
 public:
  explicit LaunchedKernels(int device_blocks) : device_blocks_(device_blocks) {}

  Status OneShot(StreamView stream, const PeerReduction& call) override {
    RONDE_RETURN_IF_ERROR(Check(call));
    if (call.count == 0) return Status::Ok();
    return Dispatch<Convert>(call.dtype, call.op, call.sync.ranks,
                             [&]<typename Element, typename Op, int kInputs>() {
                               return Launcher::Launch(stream, {call.blocks, kPeerThreads},
                                                       MakeOneShot<Element, Op, kInputs>(call));
                             });
  }

  Status TwoShot(StreamView stream, const PeerReduction& call) override {
    RONDE_RETURN_IF_ERROR(Check(call));
    if (call.count == 0) return Status::Ok();
    return Dispatch<Convert>(call.dtype, call.op, call.sync.ranks,
                             [&]<typename Element, typename Op, int kInputs>() {
                               return Launcher::Launch(stream, {call.blocks, kPeerThreads},
                                                       MakeTwoShot<Element, Op, kInputs>(call));
                             });
  }

  Status Barrier(StreamView stream, const PeerSync& sync) override {
    RONDE_RETURN_IF_ERROR(Check(PeerReduction{.sync = sync, .blocks = 1}));
    return Launcher::Launch(stream, {1, PeerBarrierKernel::kMaxThreads}, PeerBarrierKernel{sync});
  }

  Status ReduceInputs(StreamView stream, const InputReduction& call) override {
    RONDE_RETURN_IF_ERROR(Check(call));
    if (call.count == 0) return Status::Ok();
    const LaunchShape shape = {InputBlocks(call), kInputThreads};
    return Dispatch<Convert>(
        call.dtype, call.op, call.input_count, [&]<typename Element, typename Op, int kInputs>() {
          return Launcher::Launch(stream, shape, MakeReduceInputs<Element, Op, kInputs>(call));
        });
  }

 private:
  static constexpr int kPeerThreads = 512;
  static constexpr int kInputThreads = 256;
  static constexpr int kInputBlocksPerProcessor = 8;

  /// Enough to fill the device, and no more than have something to do.
  int InputBlocks(const InputReduction& call) const {
    const auto vectors = static_cast<std::int64_t>(SizeOf(call.dtype)) * call.count / kVectorBytes;
    const std::int64_t wanted = vectors / kInputThreads + 1;
    const std::int64_t most = std::int64_t{device_blocks_} * kInputBlocksPerProcessor;
    return static_cast<int>(wanted < most ? wanted : most);
  }

  const int device_blocks_;
};

}  // namespace ronde::kernels
