#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "launcher/host_report.h"
#include "launcher/host_spec.h"
#include "launcher/network_interface.h"
#include "launcher/remote_shell.h"

namespace ronde {

/// What is to be checked on every host before ranks start.
struct PreflightRequest {
  std::vector<HostSlots> hosts;                         ///< where ranks will run
  int rank_count = 0;                                   ///< 0: as many as there are slots
  std::function<bool(const std::string&)> is_own_host;  ///< asked without the remote shell
  RemoteShell shell;
  std::string ronderun;  ///< path of this program; every host needs it there
  std::string mpirun;    ///< as it will be called: a name in PATH or a path; "": srun starts ranks
  std::string program;   ///< path of what every rank runs
  std::string network_interface = "auto";  ///< --network-interface
  double deadline_s = 30;                  ///< for all hosts together: they are asked at once
};

/// A host's answer.
struct HostAnswer {
  std::string host;
  int ranks = 1;
  HostReport facts;     ///< of no meaning where there is a problem
  std::string problem;  ///< why there are none: one line with the remedy, or ""
};

/// What the checks found.
struct PreflightFindings {
  NetworkChoice network;              ///< value "" where all hosts are one machine
  std::vector<std::string> warnings;  ///< one line each, with the remedy
};

/// Whether there is anything to ask: false where all hosts are this one, so that a local job starts
/// without delay.
[[nodiscard]] bool NeedsPreflight(const std::vector<HostSlots>& hosts,
                                  const std::function<bool(const std::string&)>& is_own_host);

/// Bytes that must be free in /dev/shm on a host with so many ranks. Open MPI's segments lie there;
/// Ronde's own shared memory does not: it has no name, and no place in a file system.
[[nodiscard]] std::int64_t RequiredSharedMemoryBytes(int ranks);
/// With less than this a job starts, but with a warning.
[[nodiscard]] std::int64_t RecommendedSharedMemoryBytes(int ranks);

/// Judges what hosts have answered, against this machine's `own` facts. Pure.
/// Errors: kInvalidArgument with the first kind of problem, the hosts that have it, and the remedy;
/// in this order: reachable, same Ronde, same MPI, the program, /dev/shm, the network.
[[nodiscard]] Result<PreflightFindings> JudgeHosts(std::span<const HostAnswer> answers,
                                                   const HostReport& own,
                                                   const PreflightRequest& request);

/// What the remote shell runs on a host: prints the facts of FormatHostReport, MPI's version first.
[[nodiscard]] std::string HostReportScript(const PreflightRequest& request);

/// Asks all hosts at once, one short command each, and judges the answers. Takes as long as the
/// slowest host, at most `deadline_s`; leaves no process behind.
/// Errors: as JudgeHosts.
[[nodiscard]] Result<PreflightFindings> RunPreflight(const PreflightRequest& request);

}  // namespace ronde
