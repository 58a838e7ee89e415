#include "core/comm/transport_table.h"

#include <string>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"

namespace ronde {

Result<std::unique_ptr<Transport>> CreateWorld(std::string_view name, const Config& config) {
  std::string names;
  for (const TransportEntry& entry : TransportTable()) {
    if (entry.name == name) return entry.create_world(config);
    names += StrCat(names.empty() ? "" : ", ", entry.name);
  }
  return Status::Unavailable(
      StrCat("transport '", name, "' is not in this build, which has ", names));
}

Result<std::unique_ptr<Transport>> CreateLaunchedWorld(const Config& config) {
  return CreateWorld(ReadLaunchEnvironment().under_mpi ? "mpi" : "in_process", config);
}

}  // namespace ronde
