#include "core/base/start_record.h"

#include <cstdlib>

#include <gtest/gtest.h>

namespace ronde {
namespace {

using Kind = StartRecord::Kind;

TEST(StartRecord, ReadsBackAsItWas) {
  for (const StartRecord& record :
       {StartRecord{Kind::kStarted, 12, "node-1.cluster"}, StartRecord{Kind::kMeeting, 3, ""},
        StartRecord{Kind::kReady, 0, ""}}) {
    std::string line = FormatStartRecord(record);
    ASSERT_EQ(line.back(), '\n');
    line.pop_back();
    EXPECT_EQ(ParseStartRecord(line), record);
  }
}

TEST(StartRecord, OtherLinesAreNone) {
  for (const char* line : {"", "ronde-start 0 1 a", "\x1eronde-cause 0 1 2 x", "\x1eronde-start",
                           "\x1eronde-start x", "\x1eronde-start 3 1 a"}) {
    EXPECT_FALSE(ParseStartRecord(line)) << line;
  }
}

TEST(StartRecord, ARankTellsOnlyWhoAsksForIt) {
  for (const auto& [launched, said] :
       {std::pair("1", ""), {"awaits-start", "\x1eronde-start 2 0 \n"}}) {
    setenv("RONDE_LAUNCHED", launched, 1);
    testing::internal::CaptureStderr();
    TellStart(Kind::kReady);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), said);
  }
  unsetenv("RONDE_LAUNCHED");
}

}  // namespace
}  // namespace ronde
