#include "frontends/resnet/report.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

using testing::HasSubstr;
using testing::Not;

EpochRecord Record(const std::string& phase, double seconds, std::int64_t synchronizations) {
  EpochRecord record;
  record.phase = phase;
  record.seconds = seconds;
  record.parts.backward = seconds / 2;
  record.bytes_communicated = 1500000;
  record.synchronizations = synchronizations;
  record.validation_top1 = 0.9;
  return record;
}

TEST(FormatReport, AddsUpEachPhaseAndTheWhole) {
  const std::vector<EpochRecord> records = {Record("minibatch", 10, 100),
                                            Record("minibatch", 10, 100), Record("local", 8, 12)};
  const std::string report = FormatReport(records);
  for (const char* text : {"minibatch", "local", "all", "20.0", "8.0", "28.0", "10.0 (50%)",
                           "3.00 MB", "200", "212", "90.00%"}) {
    EXPECT_THAT(report, HasSubstr(text));
  }
}

TEST(FormatReport, WeighsTheDivergenceByAverages) {
  std::vector<EpochRecord> records = {Record("minibatch", 10, 100), Record("local", 8, 30),
                                      Record("local", 8, 10)};
  EXPECT_THAT(FormatReport(records), Not(HasSubstr("e-02")));
  records[1].worker_divergence = 0.02;
  records[2].worker_divergence = 0.06;
  EXPECT_THAT(FormatReport(records), HasSubstr("3.00e-02"));
}

TEST(FormatReport, HasOneColumnForOnePhase) {
  const std::vector<EpochRecord> records = {Record("local", 8, 12)};
  EXPECT_THAT(FormatReport(records), Not(HasSubstr("all")));
}

TEST(FormatBytes, UsesDecimalUnits) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1500000), "1.50 MB");
  EXPECT_EQ(FormatBytes(45000000000), "45.0 GB");
}

}  // namespace
}  // namespace ronde
