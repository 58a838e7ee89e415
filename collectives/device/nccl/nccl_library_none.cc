#include "collectives/device/nccl/nccl_library.h"

namespace ronde {
namespace {

Status NotBuilt() {
  return Status::Unavailable(
      "this build has no NCCL: it needs the CUDA toolkit and nccl.h (2.14 or newer) when it is "
      "configured; cmake says which of them it did not find");
}

}  // namespace

bool BuiltWithNccl() { return false; }
Result<NcclApi*> LoadNccl(DeviceKind) { return NotBuilt(); }
Result<std::unique_ptr<NcclApi>> OpenNccl(const char*) { return NotBuilt(); }

}  // namespace ronde
