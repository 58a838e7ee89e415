#pragma once

#include <string_view>

#include "core/base/status.h"
#include "core/comm/topology.h"
#include "launcher/launch_plan.h"

namespace ronde {

/// What --bind says.
enum class BindingChoice { kAuto, kCore, kNuma, kNone };

/// Errors: kInvalidArgument names what is accepted.
[[nodiscard]] Result<BindingChoice> ParseBinding(std::string_view text);

/// auto: kNuma where a host has several NUMA nodes, its ranks occupy all of them alike and each
/// has two cores or more; else kNone. Never kCore, since a rank's engine and its computation want a
/// core each. Hosts are taken to be alike: `topology` is this one's. A pure function.
[[nodiscard]] Binding ChooseBinding(BindingChoice choice, int ranks_per_host,
                                    const Topology& topology);

}  // namespace ronde
