// Jobs over real processes in which rank 1 fails: all ranks end in seconds, with its message and a
// code other than 0.

#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

struct JobEnd {
  int exit_code = 0;
  std::string output;
  double seconds = 0;
};

JobEnd RunJob(int ranks, const std::string& mode) {
  const auto start = std::chrono::steady_clock::now();
  JobEnd end;
  FILE* pipe =
      popen(StrCat(RONDERUN, " -np ", ranks, " ", PROGRAM, " ", mode, " 2>&1").c_str(), "r");
  std::array<char, 4096> part;
  while (const std::size_t size = fread(part.data(), 1, part.size(), pipe)) {
    end.output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return end;
}

void ExpectFailure(const JobEnd& end, const std::string& message) {
  EXPECT_NE(end.exit_code, 0) << end.output;
  EXPECT_LT(end.seconds, 20) << end.output;
  EXPECT_THAT(end.output, HasSubstr(message));
}

class SessionFailureOverMpi : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, SessionFailureOverMpi, ::testing::Values(2, 3));

TEST_P(SessionFailureOverMpi, AnAbortEndsEveryRankWithItsMessage) {
  ExpectFailure(RunJob(GetParam(), "abort"), "ended with: ABORTED: rank 1: disk full");
}

TEST_P(SessionFailureOverMpi, AnUncaughtExceptionEndsEveryRankWithItsMessage) {
  ExpectFailure(RunJob(GetParam(), "uncaught"), "rank 1: learning rate is NaN");
}

TEST_P(SessionFailureOverMpi, AnExceptionThatLeavesTheSessionEndsEveryRank) {
  const JobEnd end = RunJob(GetParam(), "unwind");
  ExpectFailure(end, "caught: learning rate is NaN");
  EXPECT_THAT(end.output, HasSubstr("rank 1: left by an exception"));
}

TEST_P(SessionFailureOverMpi, AnExitEndsWhatOthersWaitFor) {
  ExpectFailure(RunJob(GetParam(), "exit"), "ended with: SHUTDOWN");
}

TEST_P(SessionFailureOverMpi, AKilledRankEndsTheJob) {
  const JobEnd end = RunJob(GetParam(), "kill");
  EXPECT_NE(end.exit_code, 0) << end.output;
  EXPECT_LT(end.seconds, 20) << end.output;
}

TEST_P(SessionFailureOverMpi, DifferentSettingsAreBadInputOnAllRanks) {
  const JobEnd end = RunJob(GetParam(), "settings");
  ExpectFailure(end, "RONDE_FUSION_THRESHOLD_BYTES");
  EXPECT_EQ(end.exit_code, 2) << end.output;
}

}  // namespace
}  // namespace ronde
