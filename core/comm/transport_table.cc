#include "core/comm/transport_table.h"

#include <algorithm>
#include <string>

#include "core/base/config_environment.h"
#include "core/base/start_record.h"
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

namespace {

// Of a world under a launcher: it is named after what carries data between its hosts.
Result<std::string_view> WorldNameFor(const std::string& net_transport) {
  const std::span<const TransportEntry> table = TransportTable();
  const bool has_ucx = std::any_of(table.begin(), table.end(),
                                   [](const TransportEntry& entry) { return entry.name == "ucx"; });
  if (net_transport == "mpi" || (net_transport == "auto" && !has_ucx)) {
    return std::string_view("mpi");
  }
  if (has_ucx) return std::string_view("ucx");
  return Status::InvalidArgument(
      "--net-transport ucx: this build has no UCX; install libucx-dev (1.13 or newer) and "
      "configure "
      "again with -DRONDE_UCX=ON, or let MPI carry the data: --net-transport mpi");
}

}  // namespace

Result<std::unique_ptr<Transport>> CreateLaunchedWorld(const Config& config) {
  std::string_view name = "in_process";
  if (ReadLaunchEnvironment().under_mpi) {
    RONDE_ASSIGN_OR_RETURN(name, WorldNameFor(config.GetText(Setting::kNetTransport)));
  }
  TellStart(StartRecord::Kind::kMeeting);
  Result<std::unique_ptr<Transport>> world = CreateWorld(name, config);
  if (world.ok()) TellStart(StartRecord::Kind::kReady);
  return world;
}

}  // namespace ronde
