#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "launcher/network_interface.h"

namespace ronde {

/// What one host says of itself before a job starts there.
struct HostReport {
  std::string host_name;
  std::string ronde_version;
  std::string mpi_version;      ///< first line of `mpirun --version`; "" where there is none
  std::string program_problem;  ///< "does not exist", ...; "" for a program that can start
  std::int64_t shared_memory_free_bytes = -1;  ///< in /dev/shm; -1: there is none
  std::vector<NetworkInterface> interfaces;

  friend bool operator==(const HostReport&, const HostReport&) = default;
};

/// Collects them here. `program` is a path; mpi_version stays empty (a shell asks for it).
/// Errors: kUnavailable where the kernel does not tell of its interfaces.
[[nodiscard]] Result<HostReport> CollectHostReport(const std::string& program);

/// Lines "ronde-fact KEY VALUE", which a login shell's own output around them does not hurt.
[[nodiscard]] std::string FormatHostReport(const HostReport& facts);

/// Reads them back from among other lines; the last of equal keys counts.
/// Errors: kInvalidArgument where the facts are damaged or do not end.
[[nodiscard]] Result<HostReport> ParseHostReport(std::string_view text);

/// `ronderun --host-report PROGRAM`, which the pre-flight check runs on every host: prints the
/// facts and returns the exit code; nullopt for any other command line. To be called before
/// anything else reads the arguments.
[[nodiscard]] std::optional<int> RunHostReportCommand(const std::vector<std::string>& arguments);

}  // namespace ronde
