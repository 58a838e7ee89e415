// Judges the facts that hosts have given of themselves.
#include <algorithm>
#include <functional>

#include "core/base/strcat.h"
#include "launcher/preflight.h"

namespace ronde {
namespace {

constexpr std::int64_t kMiB = 1048576;
constexpr std::int64_t kSegmentBytes = 4 * kMiB;  // of one rank, when it is full

using Check = std::function<std::string(const HostAnswer&)>;

// The first problem that a check finds, with all hosts that have the same one; "" for none.
std::string FirstProblem(std::span<const HostAnswer> answers, const Check& check) {
  std::string problem;
  std::vector<std::string> hosts;
  for (const HostAnswer& answer : answers) {
    const std::string found = check(answer);
    if (found.empty() || (!hosts.empty() && found != problem)) continue;
    problem = found;
    hosts.push_back(answer.host);
  }
  if (hosts.empty()) return "";
  return StrCat(hosts.size() == 1 ? "host " : "each of hosts ", FormatHostNames(hosts), " ",
                problem);
}

std::string CheckRonde(const HostAnswer& answer, const HostReport& own, const std::string& path) {
  if (answer.facts.ronde_version == own.ronde_version) return "";
  return StrCat("has Ronde ", answer.facts.ronde_version, " at ", path, ", this one has ",
                own.ronde_version, "; install the same on all hosts");
}

std::string CheckMpi(const HostAnswer& answer, const HostReport& own, const std::string& mpirun) {
  const std::string& version = answer.facts.mpi_version;
  if (mpirun.empty() || version == own.mpi_version) return "";
  if (version.empty()) {
    return StrCat("has no ", mpirun,
                  mpirun.find('/') == std::string::npos
                      ? " in the PATH of commands that a remote shell starts"
                      : "",
                  "; install the same Open MPI there, or name its folder with --mpi-home");
  }
  return StrCat("has '", version, "', this one has '", own.mpi_version,
                "'; install the same on all hosts, or name its folder with --mpi-home");
}

std::string CheckProgram(const HostAnswer& answer) {
  if (answer.facts.program_problem.empty()) return "";
  return StrCat("cannot run it: ", answer.facts.program_problem,
                "; copy it to the same path there, or use a folder that all hosts share");
}

std::string SharedMemoryProblem(const HostAnswer& answer, std::int64_t needed_bytes) {
  const std::int64_t free_bytes = answer.facts.shared_memory_free_bytes;
  if (needed_bytes == 0 || free_bytes >= needed_bytes) return "";
  const std::string remedy = StrCat(
      "; remove old files there, or make it larger: mount -o remount,size=1G /dev/shm "
      "(containers: --shm-size=1g)");
  if (free_bytes < 0) {
    return StrCat("has no /dev/shm, and Open MPI's shared memory wants ", needed_bytes / kMiB,
                  " MiB there", remedy);
  }
  return StrCat("has ", free_bytes / kMiB, " MiB free in /dev/shm, and Open MPI's shared memory ",
                "wants ", needed_bytes / kMiB, " MiB for ", answer.ranks, " ranks", remedy);
}

}  // namespace

// Open MPI starts wherever 4 MiB are free, then fills 0.9 MiB a rank with the first messages, and
// every rank dies of a bus error (SIGBUS) where that is not there. A rank without neighbours has no
// segment.
std::int64_t RequiredSharedMemoryBytes(int ranks) {
  return ranks < 2 ? 0 : kSegmentBytes + kMiB * ranks;
}

std::int64_t RecommendedSharedMemoryBytes(int ranks) {
  return ranks < 2 ? 0 : kSegmentBytes * (ranks + 1);
}

Result<PreflightFindings> JudgeHosts(std::span<const HostAnswer> answers, const HostReport& own,
                                     const PreflightRequest& request) {
  const std::vector<Check> errors = {
      [](const HostAnswer& a) { return a.problem; },
      [&](const HostAnswer& a) { return CheckRonde(a, own, request.ronderun); },
      [&](const HostAnswer& a) { return CheckMpi(a, own, request.mpirun); },
      &CheckProgram,
      [](const HostAnswer& a) {
        // A machine without it makes do with files elsewhere.
        if (a.facts.shared_memory_free_bytes < 0) return std::string();
        return SharedMemoryProblem(a, RequiredSharedMemoryBytes(a.ranks));
      },
  };
  for (const Check& check : errors) {
    const std::string problem = FirstProblem(answers, check);
    if (!problem.empty()) return Status::InvalidArgument(problem);
  }
  PreflightFindings findings;
  const std::string warning = FirstProblem(answers, [](const HostAnswer& a) {
    return SharedMemoryProblem(a, RecommendedSharedMemoryBytes(a.ranks));
  });
  if (!warning.empty()) findings.warnings.push_back(warning);

  std::vector<HostInterfaces> interfaces;
  for (const HostAnswer& answer : answers) {
    interfaces.push_back({answer.host, answer.facts.interfaces});
  }
  RONDE_ASSIGN_OR_RETURN(findings.network, ChooseNetwork(request.network_interface, interfaces));
  return findings;
}

}  // namespace ronde
