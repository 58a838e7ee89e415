#pragma once

#include <cstdio>

#include "collectives/collective_context.h"
#include "core/comm/transport_table.h"

namespace ronde {

/// main() of a suite over real processes, to be run under ronderun: `check(context)` on every rank,
/// with small chunks. Returns the exit code.
template <typename Check>
int RunOverProcesses(const Check& check) {
  const auto run = [&check]() -> Status {
    Config config;
    RONDE_RETURN_IF_ERROR(config.Set(Setting::kChunkBytes, "16K", SettingOrigin::kProgram));
    RONDE_RETURN_IF_ERROR(config.Set(Setting::kTimeoutS, "30", SettingOrigin::kProgram));
    RONDE_ASSIGN_OR_RETURN(auto world, CreateLaunchedWorld(config));
    RONDE_ASSIGN_OR_RETURN(auto context, CollectiveContext::Create(*world, config));
    if (context->shared_channel() == nullptr && context->size() > 1) {
      return Status::Internal("ranks of one host share no memory");
    }
    const Status status = check(*context);
    if (!status.ok()) world->Abort(status);
    return status;
  };
  const Status status = run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

}  // namespace ronde
