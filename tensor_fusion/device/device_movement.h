#pragma once

#include <cstdint>
#include <vector>

#include "core/base/status.h"
#include "core/control/executor.h"
#include "tensor_fusion/batch_notes.h"
#include "tensor_fusion/device/device_allreduce.h"

namespace ronde {

/// Broadcast, allgather into an output and reducescatter of device memory: over NCCL where it
/// serves the group. What a rank gets alone is a copy. All else has no form on the device: the
/// alltoall and the allgather without an output, whose results are in host memory anyway.
/// Thread rule: engine-only.
class DeviceMovement {
 public:
  /// `notes` must outlive this.
  explicit DeviceMovement(BatchNotes& notes) : notes_(notes) {}

  /// Gives the work to the channel's stream. False, having done nothing, where there is no form of
  /// it here: the same on all ranks. Errors: those of NCCL's collectives; kInternal where a
  /// response does not fit this rank's part.
  [[nodiscard]] Result<bool> Run(const DeviceLane& lane, const ReadyOperation& operation);

 private:
  static Status RunInGroupOfOne(const DeviceLane& lane, const ReadyOperation& operation);
  Status Gather(const DeviceLane& lane, const ReadyOperation& operation);
  Status ReduceAndScatter(const DeviceLane& lane, const ReadyOperation& operation);
  Status Broadcast(const DeviceLane& lane, const ReadyOperation& operation);

  BatchNotes& notes_;
  std::vector<std::int64_t> blocks_;  // of the operation at hand; kept for its memory
};

}  // namespace ronde
