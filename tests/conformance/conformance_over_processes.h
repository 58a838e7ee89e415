#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "collectives/collective_context.h"
#include "core/comm/transport_table.h"
#include "tests/conformance/pretended_hosts.h"

namespace ronde {

/// main() of a suite over real processes, to be run under ronderun: `check(context)` on every rank,
/// with small chunks; with --hosts N as if on N hosts. Returns the exit code.
template <typename Check>
int RunOverProcesses(int argc, char** argv, const Check& check) {
  const bool on_hosts = argc == 3 && std::string_view(argv[1]) == "--hosts";
  const int hosts = on_hosts ? std::atoi(argv[2]) : 1;
  const auto run = [&check, hosts]() -> Status {
    Config config;
    PretendHosts(hosts, &config);
    RONDE_RETURN_IF_ERROR(config.Set(Setting::kChunkBytes, "16K", SettingOrigin::kProgram));
    RONDE_RETURN_IF_ERROR(config.Set(Setting::kTimeoutS, "30", SettingOrigin::kProgram));
    RONDE_ASSIGN_OR_RETURN(auto world, CreateLaunchedWorld(config));
    RONDE_ASSIGN_OR_RETURN(auto context, CollectiveContext::Create(*world, config));
    if (context->shared_channel() == nullptr && context->size() > 1 && hosts == 1) {
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
