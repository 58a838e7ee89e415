#include "core/base/failure_cause.h"

#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(FailureCause, RecordsReadBackAsTheyWere) {
  const FailureCause cause{FailureCause::Kind::kHint, 12, 1700000000123456789,
                           "rank 12 (host a): 'w' is bad; while rank 12 negotiated 'w'"};
  std::string record = FormatCauseRecord(cause);
  ASSERT_EQ(record.back(), '\n');
  record.pop_back();
  EXPECT_EQ(ParseCauseRecord(record), cause);
}

TEST(FailureCause, ATextOfSeveralLinesBecomesOne) {
  const std::string record = FormatCauseRecord({.rank = 1,
                                                .text = "a\nb\x1e"
                                                        "c"});
  EXPECT_EQ(record.find('\n'), record.size() - 1);
  EXPECT_EQ(record.rfind('\x1e'), 0u);
}

TEST(FailureCause, RecordsFitIntoOnePieceOfAPipe) {
  EXPECT_LT(FormatCauseRecord({.text = std::string(100'000, 'x')}).size(), 4096u);
}

TEST(FailureCause, OtherLinesAreNone) {
  for (const char* line : {"", "ronde-cause 0 1 2 x", "\x1eronde-rank 0 1 2 3 h",
                           "\x1eronde-cause x", "\x1eronde-cause 7 0 1 x"}) {
    EXPECT_FALSE(ParseCauseRecord(line)) << line;
  }
}

TEST(FailureCause, AMessageGetsOneSceneOnly) {
  const Status once = WithScene(Status::Timeout("late"), "rank 0 reduced 'w'");
  EXPECT_EQ(once, Status::Timeout("late; while rank 0 reduced 'w'"));
  EXPECT_EQ(WithScene(once, "rank 0 shut down"), once);
}

TEST(FailureCause, ManyNamesStayReadable) {
  EXPECT_EQ(NamesText("w", 1), "'w'");
  EXPECT_EQ(NamesText("layer1.weight", 161), "'layer1.weight' and 160 more");
}

}  // namespace
}  // namespace ronde
