#include "launcher/start_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/output_splitter.h"
#include "launcher/rank_output.h"

namespace ronde {
namespace {

using testing::StartsWith;
using Kind = StartRecord::Kind;

StartOptions TwoHosts() { return {5, 60, true, 4, {{"node1", 2}, {"node2", 2}}}; }

TEST(StartWatch, WaitsUntilEveryRankIsReady) {
  StartWatch watch({5, 60, true, 2, {}});
  EXPECT_TRUE(watch.Awaits());
  watch.Note({Kind::kStarted, 0, "a"});
  watch.Note({Kind::kReady, 0, ""});
  watch.Note({Kind::kReady, 0, ""});
  EXPECT_TRUE(watch.Awaits()) << "one rank twice is one rank";
  watch.Note({Kind::kReady, 1, ""});
  watch.Note({Kind::kStarted, 1, "a"});
  watch.Note({Kind::kReady, 7, ""});
  EXPECT_FALSE(watch.Awaits());
}

TEST(StartWatch, WithoutATimeoutItWaitsForNothing) {
  EXPECT_FALSE(StartWatch({0, 60, true, 2, {}}).Awaits());
}

TEST(StartWatch, RanksMeetOnceAllOfThemAreThere) {
  StartWatch watch({0, 60, true, 2, {}});
  watch.Note({Kind::kStarted, 0, "a"});
  watch.Note({Kind::kStarted, 1, "a"});
  watch.Note({Kind::kMeeting, 0, ""});
  EXPECT_FALSE(watch.Meets()) << "rank 1 may take its time";
  watch.Note({Kind::kMeeting, 0, ""});
  watch.Note({Kind::kMeeting, 1, ""});
  EXPECT_TRUE(watch.Meets());
  watch.Note({Kind::kReady, 1, ""});
  EXPECT_TRUE(watch.Meets());
  EXPECT_THAT(watch.Missing(), StartsWith("rank 0 (host a) runs but has not initialised Ronde"));
  watch.Note({Kind::kReady, 0, ""});
  EXPECT_FALSE(watch.Meets());
}

TEST(StartWatch, KnowsWhetherARankHasNotBeenStartedWhereGuardsTell) {
  StartOptions options = TwoHosts();
  options.timeout_s = 0;
  StartWatch watch(options);
  for (int rank = 0; rank < 3; ++rank) watch.Note({Kind::kStarted, rank, "n"});
  EXPECT_TRUE(watch.LacksStarts());
  watch.Note({Kind::kStarted, 3, "n"});
  EXPECT_FALSE(watch.LacksStarts());
  options.reports = false;
  EXPECT_FALSE(StartWatch(options).LacksStarts());
}

TEST(StartWatch, NamesHostsThatHaveStartedNothing) {
  StartWatch watch(TwoHosts());
  watch.Note({Kind::kStarted, 0, "node1.cluster"});
  watch.Note({Kind::kStarted, 1, "node1.cluster"});
  EXPECT_THAT(watch.Missing(), StartsWith("host node2: ranks 2, 3 have not been "
                                          "started; see that the launcher reaches these hosts"));
}

TEST(StartWatch, WithoutHostsItNamesTheRanks) {
  StartWatch watch({0.5, 60, true, 2, {}});
  watch.Note({Kind::kStarted, 0, "a"});
  EXPECT_THAT(watch.Missing(), StartsWith("rank 1 has not been started; see "
                                          "that the launcher reaches every host"));
}

TEST(StartWatch, NamesRanksThatHaveNotInitialisedRonde) {
  StartWatch watch(TwoHosts());
  for (int rank = 0; rank < 4; ++rank) watch.Note({Kind::kStarted, rank, rank < 2 ? "n1" : "n2"});
  watch.Note({Kind::kReady, 0, ""});
  watch.Note({Kind::kReady, 1, ""});
  watch.Note({Kind::kReady, 3, ""});
  EXPECT_THAT(watch.Missing(), StartsWith("rank 2 (host n2) "
                                          "runs but has not initialised Ronde; where"));
}

std::string Launcher(OutputSplitter* splitter, std::string_view text, std::string* file) {
  OutputSplitter::Parts parts = splitter->Split(text);
  *file += parts.file;
  return parts.launcher;
}

TEST(OutputSplitter, TagsWholeLines) {
  OutputSplitter splitter("[3] ");
  std::string file;
  EXPECT_EQ(Launcher(&splitter, "one\ntwo\nth", &file), "[3] one\n[3] two\n");
  EXPECT_TRUE(splitter.HoldsBytes());
  EXPECT_EQ(Launcher(&splitter, "ree\n\nend\n", &file), "[3] three\n[3] \n[3] end\n");
  EXPECT_FALSE(splitter.HoldsBytes());
  EXPECT_EQ(splitter.Finish(), "");
  EXPECT_EQ(file, "one\ntwo\nthree\n\nend\n");
}

TEST(OutputSplitter, GivesHalfALineWhenAskedTo) {
  OutputSplitter splitter("[3] ");
  std::string file;
  EXPECT_EQ(Launcher(&splitter, "load", &file), "");
  EXPECT_EQ(splitter.Flush(), "[3] load");
  EXPECT_EQ(Launcher(&splitter, "ing", &file), "");
  EXPECT_EQ(Launcher(&splitter, " 2\nha", &file), "ing 2\n");
  EXPECT_EQ(splitter.Finish(), "[3] ha\n") << "the next rank's tag begins a line";
  EXPECT_EQ(file, "loading 2\nha");
}

TEST(OutputSplitter, RecordsReachTheLauncherAloneAndUntagged) {
  const std::string text = "a\n\x1eronde-cause 0 1 2 x\nb\x1eronde-start 1 0 \nc\n";
  for (std::size_t size = 1; size < text.size(); ++size) {
    OutputSplitter splitter("[0] ");
    std::string launcher;
    std::string file;
    for (std::size_t begin = 0; begin < text.size(); begin += size) {
      launcher += Launcher(&splitter, text.substr(begin, size), &file);
    }
    EXPECT_EQ(launcher, "[0] a\n\x1eronde-cause 0 1 2 x\n\x1eronde-start 1 0 \n[0] bc\n") << size;
    EXPECT_EQ(file, "a\nbc\n") << size;
  }
}

TEST(OutputSplitter, WithoutATagItChangesNothing) {
  OutputSplitter splitter;
  std::string file;
  EXPECT_EQ(Launcher(&splitter, "\rstep 1\rstep 2", &file), "\rstep 1\rstep 2");
  EXPECT_EQ(file, "\rstep 1\rstep 2");
  EXPECT_EQ(splitter.Finish(), "");
}

TEST(FolderOfRank, SortsByRank) {
  EXPECT_EQ(FolderOfRank({"/out", false, 7, 8}), "/out/rank.7");
  EXPECT_EQ(FolderOfRank({"/out", false, 7, 16}), "/out/rank.07");
  EXPECT_EQ(FolderOfRank({"/out", false, 0, 1}), "/out/rank.0");
}

}  // namespace
}  // namespace ronde
