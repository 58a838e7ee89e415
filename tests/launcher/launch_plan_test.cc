#include "launcher/launch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/binding.h"
#include "launcher/job_plan.h"

namespace ronde {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Words = std::vector<std::string>;

RankEnvironment Plan(const Words& variables, const Words& given = {}, int columns = 100,
                     const Config& settings = Config()) {
  return PlanRankEnvironment(settings, {variables, given, columns});
}

TEST(ShellQuote, QuotesOnlyWhatAShellWouldChange) {
  const Words words = {"a-b_c=1,2:/x.y", "", "a b", "$x", "~", "a*"};
  EXPECT_EQ(ShellQuote(words), "a-b_c=1,2:/x.y '' 'a b' '$x' '~' 'a*'");
}

TEST(RankEnvironment, TakesOnlyWhatRanksNeed) {
  const RankEnvironment plan =
      Plan({"HOME=/root", "LD_LIBRARY_PATH=/l", "OMP_NUM_THREADS=2", "OMP_WAIT_POLICY=active",
            "PATH=/bin", "PYTHONPATH=/p", "PYTHONPATHOLOGY=1", "RONDE_TIMEOUT_S=7", "UCX_TLS=tcp"});
  EXPECT_THAT(plan.inherited, ElementsAre("LD_LIBRARY_PATH", "OMP_NUM_THREADS", "OMP_WAIT_POLICY",
                                          "PATH", "PYTHONPATH", "RONDE_TIMEOUT_S", "UCX_TLS"));
  EXPECT_THAT(plan.assignments, ElementsAre("RONDE_LAUNCHED=1", "COLUMNS=100"));
}

TEST(RankEnvironment, LetsIdleOpenMpThreadsSleepByDefault) {
  EXPECT_THAT(Plan({}).assignments,
              ElementsAre("RONDE_LAUNCHED=1", "OMP_WAIT_POLICY=passive", "COLUMNS=100"));
}

TEST(RankEnvironment, PutsAFlagBeforeTheVariable) {
  Config settings;
  ASSERT_TRUE(settings.Set(Setting::kTimeoutS, "9", SettingOrigin::kFlag).ok());
  const RankEnvironment plan =
      Plan({"OMP_WAIT_POLICY=active", "RONDE_LAUNCHED=1", "RONDE_TIMEOUT_S=7"}, {}, 0, settings);
  EXPECT_THAT(plan.inherited, ElementsAre("OMP_WAIT_POLICY"));
  EXPECT_THAT(plan.assignments, ElementsAre("RONDE_LAUNCHED=1", "RONDE_TIMEOUT_S=9", "TERM=dumb"));
}

TEST(RankEnvironment, PutsWhatIsGivenByHandBeforeAllAndTheLastFirst) {
  Config settings;
  ASSERT_TRUE(settings.Set(Setting::kTimeoutS, "9", SettingOrigin::kFlag).ok());
  const RankEnvironment plan =
      Plan({"PATH=/bin", "DATA=/d"}, {"A=1", "DATA", "A=2", "PATH=/x", "RONDE_TIMEOUT_S=3"}, 0,
           settings);
  EXPECT_THAT(plan.inherited, ElementsAre("DATA"));
  EXPECT_THAT(plan.assignments, ElementsAre("RONDE_LAUNCHED=1", "RONDE_TIMEOUT_S=3", "PATH=/x",
                                            "A=2", "OMP_WAIT_POLICY=passive", "TERM=dumb"));
}

TEST(RankEnvironment, AsksRanksToTellOfTheirStart) {
  const RankEnvironment plan =
      PlanRankEnvironment(Config(), {.terminal_columns = 80, .awaits_start = true});
  EXPECT_EQ(plan.assignments.front(), "RONDE_LAUNCHED=awaits-start");
}

TEST(HostOfRank, FillsOneHostBeforeTheNext) {
  const std::vector<HostSlots> hosts = {{"a", 2}, {"b", 1}};
  EXPECT_EQ(HostOfRank(hosts, 0), "a");
  EXPECT_EQ(HostOfRank(hosts, 1), "a");
  EXPECT_EQ(HostOfRank(hosts, 2), "b");
  EXPECT_EQ(HostOfRank(hosts, 3), "");
  EXPECT_EQ(HostOfRank({}, 0), "");
}

TEST(Binding, ReadsItsNames) {
  EXPECT_EQ(ParseBinding("auto").value(), BindingChoice::kAuto);
  EXPECT_EQ(ParseBinding("core").value(), BindingChoice::kCore);
  EXPECT_EQ(ParseBinding("numa").value(), BindingChoice::kNuma);
  EXPECT_EQ(ParseBinding("none").value(), BindingChoice::kNone);
  EXPECT_EQ(ParseBinding("socket").status().message(),
            "--bind: 'socket' is not accepted; expected one of auto, core, numa, none");
}

TEST(Binding, AutoBindsToNumaNodesOnlyWhereEveryRankHasRoomThere) {
  Topology topology;
  topology.numa_nodes = 2;
  topology.available_cores = 16;
  const auto choose = [&](int ranks) {
    return ChooseBinding(BindingChoice::kAuto, ranks, topology);
  };
  EXPECT_EQ(choose(2), Binding::kNuma);
  EXPECT_EQ(choose(8), Binding::kNuma);
  EXPECT_EQ(choose(1), Binding::kNone) << "would lose the other node";
  EXPECT_EQ(choose(3), Binding::kNone) << "uneven";
  EXPECT_EQ(choose(16), Binding::kNone) << "engine and computation would share a core";
  EXPECT_EQ(choose(0), Binding::kNone) << "hosts with different numbers of ranks";
  topology.numa_nodes = 1;
  EXPECT_EQ(choose(2), Binding::kNone);
}

TEST(Binding, DoesWhatItIsToldToOtherwise) {
  EXPECT_EQ(ChooseBinding(BindingChoice::kCore, 2, {}), Binding::kCore);
  EXPECT_EQ(ChooseBinding(BindingChoice::kNuma, 2, {}), Binding::kNuma);
  Topology topology;
  topology.numa_nodes = 2;
  topology.available_cores = 64;
  EXPECT_EQ(ChooseBinding(BindingChoice::kNone, 2, topology), Binding::kNone);
}

TEST(RanksPerHost, IsKnownWhereAllHostsGetEquallyMany) {
  EXPECT_EQ(RanksPerHost({}, 3), 3);
  EXPECT_EQ(RanksPerHost({{"a", 2}, {"b", 2}}, 4), 2);
  EXPECT_EQ(RanksPerHost({{"a", 2}, {"b", 2}}, 3), 0);
  EXPECT_EQ(RanksPerHost({{"a", 2}, {"b", 1}}, 3), 0);
}

TEST(ChooseLauncher, AutoPrefersMpirunAndTakesSrunInItsAbsence) {
  constexpr auto kAuto = LauncherChoice::kAuto;
  EXPECT_EQ(ChooseLauncher(kAuto, true, true, true).value(), LauncherChoice::kMpirun);
  EXPECT_EQ(ChooseLauncher(kAuto, true, false, true).value(), LauncherChoice::kSrun);
  EXPECT_THAT(ChooseLauncher(kAuto, false, false, true).status().message(),
              HasSubstr("mpirun is not in PATH; install Open MPI"));
}

TEST(ChooseLauncher, SaysWhatIsMissingForTheOneThatWasAskedFor) {
  EXPECT_EQ(ChooseLauncher(LauncherChoice::kSrun, true, true, true).value(), LauncherChoice::kSrun);
  EXPECT_THAT(ChooseLauncher(LauncherChoice::kSrun, false, true, true).status().message(),
              HasSubstr("needs a Slurm job around it; get one with salloc or sbatch"));
  EXPECT_THAT(ChooseLauncher(LauncherChoice::kSrun, true, true, false).status().message(),
              HasSubstr("srun is not in PATH"));
  EXPECT_THAT(ChooseLauncher(LauncherChoice::kMpirun, true, false, true).status().message(),
              HasSubstr("mpirun is not in PATH"));
}

}  // namespace
}  // namespace ronde
