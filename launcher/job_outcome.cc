#include "launcher/job_outcome.h"

#include <csignal>
#include <cstring>
#include <system_error>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using Kind = RankFailure::Kind;

constexpr int kBadInputCode = 2;
constexpr int kSignalBase = 128;

std::string SignalText(int signal) {
  const char* name = sigdescr_np(signal);
  return StrCat("signal ", signal, " (", name == nullptr ? "unknown" : name, ")");
}

// Whether `a` is more likely the cause than `b`. Time decides. But where mpirun itself names the
// culprit (a rank that left without MPI_Finalize, a guard that was killed), it has already sent
// SIGTERM to the other ranks.
bool IsCause(const RankFailure& a, const RankFailure& b) {
  const auto is_victim = [](const RankFailure& failure) {
    return failure.kind == Kind::kSignal && failure.code == SIGTERM && !failure.said_by_mpirun;
  };
  if (a.said_by_mpirun && is_victim(b)) return true;
  if (b.said_by_mpirun && is_victim(a)) return false;
  return a.time_ns < b.time_ns;
}

JobOutcome Describe(const RankFailure& failure, int mpirun_exit_code) {
  const std::string rank =
      StrCat("rank ", failure.rank, failure.host.empty() ? "" : " on ", failure.host);
  switch (failure.kind) {
    case Kind::kExit:
      if (failure.code == kBadInputCode) return {kBadInputCode, ""};
      return {failure.code, StrCat(rank, " exited with code ", failure.code)};
    case Kind::kSignal:
      return {kSignalBase + failure.code,
              StrCat(rank, " was killed by ", SignalText(failure.code))};
    case Kind::kStart:
      return {127, StrCat(rank, " could not start its program: ",
                          std::generic_category().message(failure.code))};
    case Kind::kAbort:
      if (failure.code == kBadInputCode) return {kBadInputCode, ""};
      return {failure.code & 0xff ? failure.code & 0xff : 1,
              StrCat(rank, " called MPI_Abort with code ", failure.code)};
    case Kind::kNoFinalize:
      return {mpirun_exit_code == 0 ? 1 : mpirun_exit_code,
              StrCat(rank, " ended without calling MPI_Finalize")};
  }
  return {1, ""};
}

}  // namespace

JobOutcome SummarizeJob(const JobEnd& end, std::span<const RankFailure> failures) {
  if (end.interrupted_signal != 0) {
    return {kSignalBase + end.interrupted_signal,
            StrCat("interrupted by ", SignalText(end.interrupted_signal))};
  }
  const RankFailure* cause = nullptr;
  for (const RankFailure& failure : failures) {
    if (cause == nullptr || IsCause(failure, *cause)) cause = &failure;
  }
  if (cause != nullptr) return Describe(*cause, end.exit_code);
  if (end.signal != 0) {
    return {kSignalBase + end.signal, StrCat("mpirun was killed by ", SignalText(end.signal))};
  }
  if (end.exit_code == 0) return {};
  return {end.exit_code, StrCat("mpirun ended with code ", end.exit_code,
                                "; ronderun --verbose shows its own messages")};
}

}  // namespace ronde
