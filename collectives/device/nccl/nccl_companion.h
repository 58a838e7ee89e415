#pragma once

#include "collectives/device/device_channel.h"
#include "collectives/device/device_context.h"
#include "collectives/device/nccl/nccl_collectives.h"
#include "core/base/status.h"

// NCCL as a DeviceContext keeps it.

namespace ronde {

/// Whether NCCL serves this group: all ranks have it, of one version, and each a CUDA device of its
/// own; and it has not turned out that it cannot connect them. Equal on all ranks; waits for
/// nobody.
[[nodiscard]] bool NcclServes(DeviceContext& context);

/// What a collective of nccl_collectives.h on this channel works with. The first call makes the
/// communicator, which the context keeps: all ranks make that one at the same place of the agreed
/// order. Errors: NcclCommunicator::Create's, on all ranks alike.
[[nodiscard]] Result<NcclCall> NcclCallFor(DeviceContext& context, DeviceChannel& channel);

/// For tests: from now on the context uses this one, which must outlive it. On all ranks.
void UseNccl(DeviceContext& context, const Result<NcclApi*>& nccl);

}  // namespace ronde
