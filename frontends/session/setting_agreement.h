#pragma once

#include "core/base/config.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// Fails on all ranks alike when they differ in Ronde's version or in a setting that has to be
/// equal everywhere: fusion plans and choices of algorithm are functions of the settings, and ranks
/// that plan differently would deadlock. Only the host id, the log level and the paths
/// of the topology and tuning files and of the autotuner's may differ. Collective;
/// rank 0 compares. Runs before anything else uses the transport. Errors: kInvalidArgument naming
/// the setting, two ranks and their values; kTimeout, kAborted.
Status AgreeOnSettings(Transport& transport, const Config& config);

}  // namespace ronde
