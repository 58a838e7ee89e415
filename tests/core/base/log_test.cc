#include "core/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using ::testing::HasSubstr;

// What `body` writes to stderr; the log's defaults are restored afterwards.
template <typename Body>
std::string StderrOf(Body body) {
  ::testing::internal::CaptureStderr();
  body();
  SetLogLevel(LogLevel::kWarning);
  SetLogPrefix("");
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, WritesWarningsAndDropsLessByDefault) {
  const std::string text = StderrOf([] {
    Log(LogLevel::kWarning, "disk ", 93, "% full");
    Log(LogLevel::kInfo, "unimportant");
  });
  EXPECT_THAT(text, HasSubstr("disk 93% full\n"));
  EXPECT_EQ(text.find("unimportant"), std::string::npos);
}

TEST(Log, LevelDecides) {
  EXPECT_EQ(StderrOf([] {
              SetLogLevel(LogLevel::kOff);
              EXPECT_FALSE(LogEnabled(LogLevel::kError));
              Log(LogLevel::kError, "nobody reads this");
            }),
            "");
  EXPECT_THAT(StderrOf([] {
                SetLogLevel(LogLevel::kTrace);
                Log(LogLevel::kTrace, "details");
              }),
              HasSubstr("details"));
}

TEST(Log, PrefixIsTakenLiterally) {
  EXPECT_THAT(StderrOf([] {
                SetLogPrefix("rank 1 %v");
                Log(LogLevel::kError, "lost {} peer");
              }),
              HasSubstr("rank 1 %v: lost {} peer"));
}

TEST(Log, LevelNamesRoundTripAndOthersAreErrors) {
  EXPECT_EQ(ParseLogLevel("trace").value(), LogLevel::kTrace);
  EXPECT_EQ(ParseLogLevel("off").value(), LogLevel::kOff);
  const Status status = ParseLogLevel("loud").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("'loud'"));
}

}  // namespace
}  // namespace ronde
