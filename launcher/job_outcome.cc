#include "launcher/job_outcome.h"

#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

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

// How programs that a signal ends in order say so.
std::string EndedBy(int code) {
  for (const auto& [signal, name] :
       {std::pair(SIGINT, "SIGINT"), {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}}) {
    if (code == kSignalBase + signal) return StrCat(": ended by ", name);
  }
  return "";
}

JobOutcome Describe(const RankFailure& failure, int mpirun_exit_code) {
  const std::string rank =
      StrCat("rank ", failure.rank, failure.host.empty() ? "" : " on ", failure.host);
  switch (failure.kind) {
    case Kind::kExit:
      if (failure.code == kBadInputCode) return {kBadInputCode, ""};
      return {failure.code,
              StrCat(rank, " exited with code ", failure.code, EndedBy(failure.code))};
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
    case Kind::kOutput:
      return {kBadInputCode, StrCat(rank, " cannot open its files in --output-directory: ",
                                    std::generic_category().message(failure.code))};
  }
  return {1, ""};
}

// The earliest that ended the job; where there is none, the earliest hint.
const FailureCause* FirstCause(std::span<const FailureCause> causes) {
  const FailureCause* first = nullptr;
  for (const FailureCause& cause : causes) {
    if (first == nullptr || cause.kind < first->kind ||
        (cause.kind == first->kind && cause.time_ns < first->time_ns)) {
      first = &cause;
    }
  }
  return first;
}

// The exit code of the rank that told the cause, where it ended by itself; else `fallback`. Others,
// which end because of it, may be faster.
int CodeOf(const FailureCause& told, std::span<const RankFailure> failures, int fallback) {
  for (const RankFailure& failure : failures) {
    const bool is_own = failure.rank == told.rank && !failure.said_by_mpirun &&
                        (failure.kind != Kind::kSignal || failure.code == SIGABRT);
    if (is_own) return Describe(failure, fallback).exit_code;
  }
  return fallback;
}

// A rank that died has told nothing itself: then the others say only what they were doing.
JobOutcome Explain(JobOutcome outcome, const RankFailure& failure, const FailureCause* told,
                   std::span<const RankFailure> failures) {
  if (told == nullptr) return outcome;
  const bool is_hint = told->kind == FailureCause::Kind::kHint;
  const bool died_first = failure.time_ns <= told->time_ns && !failure.said_by_mpirun;
  if (!is_hint && !died_first) return {CodeOf(*told, failures, outcome.exit_code), told->text};
  if (outcome.message.empty()) return outcome;  // it has said its own line
  const std::size_t scene = told->text.find(kSceneMark);
  if (is_hint) {
    outcome.message += "; " + told->text;
  } else if (scene != std::string::npos) {
    outcome.message += told->text.substr(scene);
  }
  return outcome;
}

}  // namespace

JobOutcome SummarizeJob(const JobEnd& end, std::span<const RankFailure> failures,
                        std::span<const FailureCause> causes) {
  if (end.interrupted_signal != 0) {
    return {kSignalBase + end.interrupted_signal,
            StrCat("interrupted by ", SignalText(end.interrupted_signal))};
  }
  if (!end.not_started.empty()) return {1, end.not_started};
  const RankFailure* cause = nullptr;
  for (const RankFailure& failure : failures) {
    if (cause == nullptr || IsCause(failure, *cause)) cause = &failure;
  }
  if (cause != nullptr) {
    return Explain(Describe(*cause, end.exit_code), *cause, FirstCause(causes), failures);
  }
  if (end.signal != 0) {
    return {kSignalBase + end.signal, StrCat("mpirun was killed by ", SignalText(end.signal))};
  }
  const FailureCause* told = FirstCause(causes);
  const bool failed = told != nullptr && told->kind == FailureCause::Kind::kFailure;
  if (failed || end.exit_code == 0) return {end.exit_code, failed ? told->text : ""};
  return {end.exit_code, StrCat("mpirun ended with code ", end.exit_code,
                                "; ronderun --verbose shows its own messages")};
}

}  // namespace ronde
