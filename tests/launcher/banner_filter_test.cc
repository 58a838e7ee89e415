#include "launcher/banner_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = RankFailure::Kind;

const std::string kRule = std::string(74, '-') + "\n";

std::string Box(const std::string& body) { return kRule + body + kRule; }

const std::string kPrimaryJob =
    Box("Primary job  terminated normally, but 1 process returned\n"
        "a non-zero exit code. Per user-direction, the job has been aborted.\n");
const std::string kNonZero =
    Box("mpirun detected that one or more processes exited with non-zero status, thus causing\n"
        "the job to be terminated. The first process to do so was:\n\n"
        "  Process name: [[32149,1],1]\n  Exit code:    3\n");
const std::string kKilled =
    Box("mpirun noticed that process rank 1 with PID 0 on node vm exited on signal 9 (Killed).\n");
const std::string kNoFinalize =
    Box("mpirun has exited due to process rank 1 with PID 0 on\n"
        "node vm exiting improperly. There are three reasons this could occur:\n\n"
        "1. this process did not call \"init\" before exiting, but others in\nthe job did.\n");
const std::string kAbort =
    Box("MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD\n"
        "with errorcode 7.\n\n"
        "NOTE: invoking MPI_ABORT causes Open MPI to kill all MPI processes.\n");
const std::string kAbort5 =
    Box("MPI_ABORT was invoked on rank 3 in communicator MPI_COMM_WORLD\n"
        "  Proc: [[42,1],3]\n  Errorcode: 9\n\nNOTE: invoking MPI_ABORT ...\n");
const std::string kSlots =
    Box("There are not enough slots available in the system to satisfy the 4\n"
        "slots that were requested by the application:\n\n  true\n");

const std::string kForwarding = "mpirun: Forwarding signal 23 to job\n";

std::string FilterAll(BannerFilter* filter, const std::string& text) {
  const std::string out = filter->Feed(text);
  return out + filter->Flush();
}

TEST(BannerFilter, DropsBannersAndKeepsTheTextAround) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, "before\n" + kPrimaryJob + "between\n" + kNonZero + kKilled +
                                   kNoFinalize + kAbort + "after"),
            "before\nbetween\nafter");
}

TEST(BannerFilter, DropsWhatMpirunSaysOfForwardedSignals) {
  BannerFilter quiet;
  EXPECT_EQ(FilterAll(&quiet, kForwarding + "saving\n" + kForwarding + "mpi saved\nmp"),
            "saving\nmpi saved\nmp");
  BannerFilter keeping(BannerFilter::Mode::kKeep);
  EXPECT_EQ(FilterAll(&keeping, kForwarding), kForwarding);
}

TEST(BannerFilter, DropsWhatSrunSaysOfTasksAndKeepsItsOwnTroubles) {
  const std::string noise =
      "srun: error: n1: task 1: Exited with exit code 3\n"
      "srun: launch/slurm: _step_signal: Terminating StepId=2.0\n"
      "srun: Job step aborted: Waiting up to 32 seconds for job step to finish.\n"
      "slurmstepd: error: *** STEP 2.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n"
      "slurmstepd-n1: error: *** STEP 2.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 ***\n"
      "srun: cluster configuration lacks support for cpu binding\n"
      "srun: error: n1: task 0: Terminated\n";
  const std::string trouble =
      "srun: error: Unable to create step for job 2: Invalid account\n"
      "slurmstepd: error: Unable to get node memory\n";
  BannerFilter quiet;
  EXPECT_EQ(FilterAll(&quiet, "step 1\n" + noise + trouble + "s"), "step 1\n" + trouble + "s");
  BannerFilter keeping(BannerFilter::Mode::kKeep);
  EXPECT_EQ(FilterAll(&keeping, noise), noise);
}

TEST(BannerFilter, ReadsHowFarRanksHaveCome) {
  const StartRecord record{StartRecord::Kind::kStarted, 3, "node"};
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, "a" + FormatStartRecord(record) + "b\n"), "ab\n");
  EXPECT_THAT(filter.TakeStarts(), ElementsAre(record));
  EXPECT_THAT(filter.TakeStarts(), IsEmpty());
}

TEST(BannerFilter, DoesNotDependOnHowBytesAreCut) {
  const std::string text = "loss 1\n" + kPrimaryJob + kKilled + "[vm:12] PMIX ERROR: x\n" + kSlots +
                           kForwarding + FormatFailureRecord({Kind::kExit, 1, "vm", 3, 5}) +
                           "end [1]\n";
  for (std::size_t size = 1; size < 100; ++size) {
    BannerFilter filter;
    std::string out;
    for (std::size_t begin = 0; begin < text.size(); begin += size) {
      out += filter.Feed(text.substr(begin, size));
    }
    EXPECT_EQ(out + filter.Flush(), "loss 1\n" + kSlots + "end [1]\n") << size;
    EXPECT_EQ(filter.TakeFailures().size(), 2u) << size;
  }
}

TEST(BannerFilter, DropsABannerBehindAnUnfinishedLine) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, "\rstep 3" + kPrimaryJob), "\rstep 3");
}

TEST(BannerFilter, PassesHelpTextsThatAreNotKnown) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, kSlots + kPrimaryJob + kSlots), kSlots + kSlots);
}

TEST(BannerFilter, PassesRulesThatAProgramPrints) {
  for (const std::string& text : {std::string("---\n"), kRule + "epoch\n" + kRule, kRule + kRule,
                                  "------" + kRule + "x\n", std::string("a - b --------- c")}) {
    BannerFilter filter;
    EXPECT_EQ(FilterAll(&filter, text), text);
  }
}

TEST(BannerFilter, PassesProgressAtOnce) {
  BannerFilter filter;
  for (const char* text : {"\rstep 1", "\r[####", "\r--- 50%", "\n", "[info] log", "x - y"}) {
    EXPECT_EQ(filter.Feed(text), text);
    EXPECT_FALSE(filter.HoldsBytes());
  }
}

TEST(BannerFilter, ReleasesHeldBytesUnchangedWhenFlushed) {
  BannerFilter filter;
  EXPECT_EQ(filter.Feed("a\n-----"), "a\n");
  EXPECT_TRUE(filter.HoldsBytes());
  EXPECT_EQ(filter.Flush(), "-----");
  EXPECT_EQ(filter.Feed("b\n"), "b\n");
}

TEST(BannerFilter, DropsBookkeepingLines) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter,
                      "[vm:01] PMIX ERROR: UNREACHABLE in file x.c at line 1\n"
                      "[vm:01] 1 more process has sent help message help-orte.txt / x\n"
                      "[vm:01] Set MCA parameter \"orte_base_help_aggregate\" to 0 to see all\n"
                      "[vm:01] something else\n[info] PMIX ERROR: quoted\n"),
            "[vm:01] something else\n[info] PMIX ERROR: quoted\n");
}

TEST(BannerFilter, ReadsOpenMpi5sBannersWhereverTheirLinesBreak) {
  const std::string killed = Box(
      "prterun noticed that process rank 1 with PID 0 on node vm exited on\nsignal 9 (Killed).\n");
  const std::string left =
      Box("prterun has exited due to process rank 1 with PID 22458 on node vm exiting\n"
          "improperly. There are three reasons this could occur:\n");
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, killed + left), "");
  EXPECT_THAT(filter.TakeFailures(),
              ElementsAre(RankFailure{Kind::kSignal, 1, "vm", 9, 0, true},
                          RankFailure{Kind::kNoFinalize, 1, "vm", 0, 0, true}));
}

TEST(BannerFilter, DropsTheNulBehindABanner) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, kAbort5 + std::string(1, '\0') + kKilled + "end\n"), "end\n");
}

TEST(BannerFilter, ReadsFailuresFromBanners) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, kPrimaryJob + kNonZero + kKilled + kNoFinalize + kAbort + kAbort5),
            "");
  EXPECT_THAT(filter.TakeFailures(),
              ElementsAre(RankFailure{Kind::kSignal, 1, "vm", 9, 0, true},
                          RankFailure{Kind::kNoFinalize, 1, "vm", 0, 0, true},
                          RankFailure{Kind::kAbort, 3, "", 7, 0, true},
                          RankFailure{Kind::kAbort, 3, "", 9, 0, true}));
  EXPECT_THAT(filter.TakeFailures(), IsEmpty());
}

TEST(BannerFilter, TakesRecordsOutOfTheMiddleOfALine) {
  const RankFailure failure{Kind::kSignal, 12, "node-7", 11, 1700000000123456789};
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, "half a line" + FormatFailureRecord(failure) + "more\n"),
            "half a linemore\n");
  EXPECT_THAT(filter.TakeFailures(), ElementsAre(failure));
}

TEST(BannerFilter, KeepsWhatRanksSayOfAFailure) {
  const FailureCause cause{FailureCause::Kind::kFailure, 3, 17, "rank 3 (host a): disk full"};
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, "half" + FormatCauseRecord(cause) + "more\n"), "halfmore\n");
  EXPECT_THAT(filter.TakeCauses(), ElementsAre(cause));
  EXPECT_THAT(filter.TakeCauses(), IsEmpty());
  EXPECT_THAT(filter.TakeFailures(), IsEmpty());
}

TEST(BannerFilter, PassesAMarkThatStartsNoRecord) {
  BannerFilter filter;
  EXPECT_EQ(FilterAll(&filter, "\x1e table\n"), "\x1e table\n");
  EXPECT_THAT(filter.TakeFailures(), IsEmpty());
}

TEST(BannerFilter, KeepsBannersWhenAskedButNeverRecords) {
  BannerFilter filter(BannerFilter::Mode::kKeep);
  EXPECT_EQ(
      FilterAll(&filter, kKilled + kSlots + FormatFailureRecord({Kind::kExit, 1, "vm", 3, 5})),
      kKilled + kSlots);
  EXPECT_EQ(filter.TakeFailures().size(), 2u);
}

}  // namespace
}  // namespace ronde
