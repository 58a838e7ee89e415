#pragma once

#include "collectives/device/nccl/nccl_api.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

// What the ranks of a group tell each other before and after NCCL's own set-up, so that all of them
// come to the same result. Collective; errors besides those said: kTimeout, kAborted.

namespace ronde {

/// Whether all ranks have NCCL, of one version. Error: kUnavailable.
[[nodiscard]] Status AgreeOnNccl(const Result<NcclApi*>& nccl, Transport& group,
                                 const Deadline& deadline);

/// Rank 0's id on all ranks. Error: what rank 0 has of NCCL.
[[nodiscard]] Result<NcclUniqueId> ShareUniqueId(NcclApi& nccl, Transport& group,
                                                 const Deadline& deadline);

/// kOk if every rank's `status` is; else that of the rank that knows most: one that failed rather
/// than one that only waited for others (kTimeout), and of those the lowest.
[[nodiscard]] Status AgreeOnStatus(const Status& status, Transport& group,
                                   const Deadline& deadline);

}  // namespace ronde
