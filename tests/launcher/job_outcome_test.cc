#include "launcher/job_outcome.h"

#include <csignal>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using Kind = RankFailure::Kind;

RankFailure At(std::int64_t time_ns, Kind kind, int rank, int code) {
  return {kind, rank, StrCat("h", rank), code, time_ns};
}

JobOutcome Summarize(int mpirun_exit_code, const std::vector<RankFailure>& failures) {
  return SummarizeJob({mpirun_exit_code, 0, 0}, failures);
}

TEST(JobOutcome, IsSilentAfterSuccess) {
  EXPECT_EQ(Summarize(0, {}).exit_code, 0);
  EXPECT_EQ(Summarize(0, {}).message, "");
}

TEST(JobOutcome, NamesTheEarliestFailureWhateverTheOrderOfArrival) {
  const JobOutcome outcome = Summarize(
      1, {At(30, Kind::kExit, 0, 1), At(10, Kind::kSignal, 1, SIGKILL), At(20, Kind::kExit, 2, 4)});
  EXPECT_EQ(outcome.exit_code, 137);
  EXPECT_EQ(outcome.message, "rank 1 on h1 was killed by signal 9 (Killed)");
}

TEST(JobOutcome, AddsNothingToBadInput) {
  const JobOutcome outcome =
      Summarize(2, {At(10, Kind::kExit, 0, 2), At(20, Kind::kSignal, 1, SIGTERM)});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.message, "");
}

TEST(JobOutcome, BelievesMpirunRatherThanItsVictims) {
  RankFailure left = At(50, Kind::kNoFinalize, 1, 0);
  left.said_by_mpirun = true;
  for (const auto& failures : {std::vector{left, At(10, Kind::kSignal, 0, SIGTERM)},
                               std::vector{At(10, Kind::kSignal, 0, SIGTERM), left}}) {
    const JobOutcome outcome = Summarize(1, failures);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(outcome.message, "rank 1 on h1 ended without calling MPI_Finalize");
  }
}

TEST(JobOutcome, TellsASignalFromAnExitCodeAbove128) {
  EXPECT_EQ(Summarize(137, {At(1, Kind::kExit, 1, 137)}).message,
            "rank 1 on h1 exited with code 137");
  EXPECT_EQ(Summarize(137, {At(1, Kind::kExit, 1, 137)}).exit_code, 137);
  EXPECT_EQ(Summarize(143, {At(1, Kind::kExit, 1, 143)}).message,
            "rank 1 on h1 exited with code 143: ended by SIGTERM");
}

TEST(JobOutcome, ReportsAnInterruptionAndNotItsVictims) {
  const std::vector<RankFailure> failures = {At(1, Kind::kSignal, 0, SIGTERM)};
  const JobOutcome outcome = SummarizeJob({1, 0, SIGINT}, failures);
  EXPECT_EQ(outcome.exit_code, 130);
  EXPECT_EQ(outcome.message, "interrupted by signal 2 (Interrupt)");
}

FailureCause Told(std::int64_t time_ns, int rank, const std::string& text,
                  FailureCause::Kind kind = FailureCause::Kind::kFailure) {
  return {kind, rank, time_ns, text};
}

JobOutcome Summarize(const std::vector<RankFailure>& failures,
                     const std::vector<FailureCause>& causes) {
  return SummarizeJob({1, 0, 0}, failures, causes);
}

TEST(JobOutcome, SaysTheCauseThatARankHasToldRatherThanHowItEnded) {
  const JobOutcome outcome =
      Summarize({At(30, Kind::kExit, 0, 1), At(20, Kind::kSignal, 1, SIGABRT)},
                {Told(15, 0, "later"), Told(10, 1, "rank 1 (host h1): disk full; while ...")});
  EXPECT_EQ(outcome.exit_code, 134);
  EXPECT_EQ(outcome.message, "rank 1 (host h1): disk full; while ...");
}

TEST(JobOutcome, TheRankThatToldTheCauseGivesTheExitCodeHoweverSlowItIs) {
  const std::vector<FailureCause> causes = {Told(5, 1, "rank 1 (host h1): ended by SIGINT")};
  EXPECT_EQ(Summarize({At(10, Kind::kExit, 0, 1), At(20, Kind::kExit, 1, 130)}, causes).exit_code,
            130);
  EXPECT_EQ(
      Summarize({At(10, Kind::kExit, 0, 1), At(20, Kind::kSignal, 1, SIGTERM)}, causes).exit_code,
      1)
      << "a victim of mpirun";
}

TEST(JobOutcome, SaysACauseThatWasToldOfARankThatEndsWithTheCodeOfBadInput) {
  const JobOutcome outcome = Summarize({At(10, Kind::kExit, 1, 2)}, {Told(5, 1, "bad file")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.message, "bad file");
}

TEST(JobOutcome, OfARankThatDiedTheOthersTellWhatTheyWereDoing) {
  const JobOutcome outcome =
      Summarize({At(10, Kind::kSignal, 1, SIGKILL), At(20, Kind::kSignal, 0, SIGTERM)},
                {Told(15, 0, "rank 1 (host h1) has ended; while rank 0 negotiated 'w'")});
  EXPECT_EQ(outcome.exit_code, 137);
  EXPECT_EQ(outcome.message,
            "rank 1 on h1 was killed by signal 9 (Killed); while rank 0 negotiated 'w'");
}

TEST(JobOutcome, AHintCountsOnlyWhereNothingEndedTheJob) {
  const FailureCause hint = Told(5, 0, "'w' needs rank 1", FailureCause::Kind::kHint);
  EXPECT_EQ(Summarize({At(10, Kind::kExit, 0, 1)}, {hint}).message,
            "rank 0 on h0 exited with code 1; 'w' needs rank 1");
  EXPECT_EQ(Summarize({At(10, Kind::kExit, 0, 1)}, {hint, Told(6, 1, "disk full")}).message,
            "disk full");
  EXPECT_EQ(SummarizeJob({0, 0, 0}, {}, std::vector{hint}).message, "");
}

TEST(JobOutcome, AFailureThatNoRankMadeItsExitCodeIsSaidNevertheless) {
  const JobOutcome outcome = SummarizeJob({0, 0, 0}, {}, std::vector{Told(6, 1, "disk full")});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.message, "disk full");
}

TEST(JobOutcome, AJobThatHasNotStartedEndsForThatReason) {
  JobEnd end;
  end.not_started = "host b: rank 1 has not been started";
  const std::vector<RankFailure> victims = {At(10, Kind::kSignal, 0, SIGTERM)};
  EXPECT_EQ(SummarizeJob(end, victims).exit_code, 1);
  EXPECT_EQ(SummarizeJob(end, victims).message, end.not_started);
}

TEST(JobOutcome, FilesThatCannotBeOpenedAreBadInput) {
  const JobOutcome outcome = Summarize({At(10, Kind::kOutput, 1, ENOSPC)}, {});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.message,
            "rank 1 on h1 cannot open its files in --output-directory: No space left on device");
}

TEST(JobOutcome, FallsBackToMpirunsOwnEnd) {
  EXPECT_EQ(Summarize(5, {}).exit_code, 5);
  EXPECT_EQ(SummarizeJob({0, SIGKILL, 0}, {}).exit_code, 137);
  EXPECT_EQ(SummarizeJob({0, SIGKILL, 0}, {}).message, "mpirun was killed by signal 9 (Killed)");
}

}  // namespace
}  // namespace ronde
