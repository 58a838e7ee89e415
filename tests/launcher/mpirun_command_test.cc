#include "launcher/mpirun_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::ElementsAre;

TEST(MpirunCommand, GoldenLineForOneHost) {
  MpirunJob job;
  job.guard = "/opt/bin/ronde-rank";
  job.rank_count = 2;
  job.environment = {{"PATH"}, {"RONDE_LAUNCHED=1"}};
  job.program = {"/opt/bin/ronde-train", "--epochs", "3"};
  EXPECT_EQ(ShellQuote(BuildMpirunCommand(job)),
            "mpirun --bind-to none --map-by slot --mca ess_base_forward_signals SIGURG -np 2 -x "
            "PATH -x RONDE_LAUNCHED=1 "
            "/opt/bin/ronde-rank /opt/bin/ronde-train --epochs 3");
}

TEST(MpirunCommand, GoldenLineForManyHostsAsRootOversubscribed) {
  MpirunJob job;
  job.guard = "/opt/bin/ronde-rank";
  job.rank_count = 8;
  job.hosts = {{"n1", 2}, {"n2", 4}};
  job.oversubscribes = true;
  job.runs_as_root = true;
  job.program = {"/bin/sh", "-c", "echo it's $HOME"};
  EXPECT_EQ(ShellQuote(BuildMpirunCommand(job)),
            "mpirun --allow-run-as-root --bind-to none --map-by slot "
            "--mca ess_base_forward_signals SIGURG --oversubscribe -np 8 "
            "-H n1:2,n2:4 /opt/bin/ronde-rank /bin/sh -c 'echo it'\\''s $HOME'");
}

TEST(ShellQuote, QuotesOnlyWhatAShellWouldChange) {
  const std::vector<std::string> words = {"a-b_c=1,2:/x.y", "", "a b", "$x", "~", "a*"};
  EXPECT_EQ(ShellQuote(words), "a-b_c=1,2:/x.y '' 'a b' '$x' '~' 'a*'");
}

TEST(RankEnvironment, TakesOnlyWhatRanksNeed) {
  const std::vector<std::string> variables = {
      "HOME=/root", "LD_LIBRARY_PATH=/l", "OMP_NUM_THREADS=2", "OMP_WAIT_POLICY=active",
      "PATH=/bin",  "PYTHONPATH=/p",      "PYTHONPATHOLOGY=1", "RONDE_TIMEOUT_S=7"};
  const RankEnvironment plan = PlanRankEnvironment(variables, Config(), 100);
  EXPECT_THAT(plan.inherited, ElementsAre("LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
                                          "PATH", "PYTHONPATH", "RONDE_TIMEOUT_S"));
  EXPECT_THAT(plan.assignments, ElementsAre("RONDE_LAUNCHED=1", "COLUMNS=100"));
}

TEST(RankEnvironment, LetsIdleOpenMpThreadsSleepByDefault) {
  const RankEnvironment plan = PlanRankEnvironment({}, Config(), 100);
  EXPECT_THAT(plan.assignments,
              ElementsAre("RONDE_LAUNCHED=1", "OMP_WAIT_POLICY=passive", "COLUMNS=100"));
}

TEST(RankEnvironment, PutsAFlagBeforeTheVariable) {
  const std::vector<std::string> variables = {"OMP_WAIT_POLICY=active", "RONDE_LAUNCHED=1",
                                              "RONDE_TIMEOUT_S=7"};
  Config settings;
  ASSERT_TRUE(settings.Set(Setting::kTimeoutS, "9", SettingOrigin::kFlag).ok());
  const RankEnvironment plan = PlanRankEnvironment(variables, settings, 0);
  EXPECT_THAT(plan.inherited, ElementsAre("OMP_WAIT_POLICY"));
  EXPECT_THAT(plan.assignments, ElementsAre("RONDE_LAUNCHED=1", "RONDE_TIMEOUT_S=9", "TERM=dumb"));
}

}  // namespace
}  // namespace ronde
