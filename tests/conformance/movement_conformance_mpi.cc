// The movement conformance suite over real processes; run it under ronderun.
#include <cstdio>

#include "core/comm/transport_table.h"
#include "tests/conformance/movement_conformance.h"

namespace {

ronde::Status RunSuite() {
  ronde::Config config;
  RONDE_RETURN_IF_ERROR(
      config.Set(ronde::Setting::kChunkBytes, "16K", ronde::SettingOrigin::kProgram));
  RONDE_RETURN_IF_ERROR(
      config.Set(ronde::Setting::kTimeoutS, "30", ronde::SettingOrigin::kProgram));
  RONDE_ASSIGN_OR_RETURN(auto world, ronde::CreateLaunchedWorld(config));
  RONDE_ASSIGN_OR_RETURN(auto context, ronde::CollectiveContext::Create(*world, config));
  const int ranks = context->size();
  if (context->shared_channel() == nullptr && ranks > 1) {
    return ronde::Status::Internal("ranks of one host share no memory");
  }
  const ronde::Status status =
      CheckAllMovement(*context, ronde::FullExtent({0, 1, ranks - 1, 17, 1000, 40009}));
  if (!status.ok()) world->Abort(status);
  return status;
}

}  // namespace

int main() {
  const ronde::Status status = RunSuite();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}
