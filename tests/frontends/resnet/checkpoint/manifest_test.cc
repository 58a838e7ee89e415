#include "frontends/resnet/checkpoint/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "frontends/resnet/checkpoint/figures.h"
#include "frontends/resnet/log_json.h"
#include "tests/frontends/resnet/checkpoint/checkpoint_files.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Body(const Manifest& manifest) {
  const std::string text = FormatManifest(manifest);
  return text.substr(0, text.rfind(",\n\"crc32\""));
}

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

void ExpectRefused(const std::string& text, const std::string& reason) {
  const Result<Manifest> parsed = ParseManifest(text);
  ASSERT_FALSE(parsed.ok()) << text;
  EXPECT_EQ(parsed.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(parsed.status().message(), HasSubstr(reason));
  EXPECT_THAT(parsed.status().message(), Not(HasSubstr("\n")));
}

TEST(Manifest, ReadsBackWhatWasWrittenBitForBit) {
  const Manifest manifest = FullManifest(9);
  const Result<Manifest> read = ParseManifest(FormatManifest(manifest));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(FormatManifest(read.value()), FormatManifest(manifest));
  EXPECT_EQ(read.value().step, 9);
  EXPECT_EQ(read.value().trajectory, manifest.trajectory);
  EXPECT_EQ(read.value().previous_learning_rates, manifest.previous_learning_rates);
  EXPECT_EQ(read.value().files[2].crc32, 0xdeadbeef);
  EXPECT_EQ(EpochJson(read.value().records[0]), EpochJson(manifest.records[0]));
  EXPECT_EQ(read.value().running->workers[0].loss, 1.0 / 3);
  EXPECT_EQ(read.value().running->divergence_sums, manifest.running->divergence_sums);
}

TEST(Manifest, KeepsRecordsThatWereNotEvaluated) {
  Manifest manifest = FullManifest(9);
  manifest.records[0] = EpochRecord();
  manifest.records[0].epoch = 1;
  const Result<Manifest> read = ParseManifest(FormatManifest(manifest));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(EpochJson(read.value().records[0]), EpochJson(manifest.records[0]));
}

TEST(Manifest, BetweenEpochsNoneIsRunning) {
  Manifest manifest = FullManifest(8);
  manifest.step_in_epoch = 0;
  manifest.running.reset();
  const Result<Manifest> read = ParseManifest(FormatManifest(manifest));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_FALSE(read.value().running.has_value());
}

TEST(Manifest, EveryFlippedBitIsRecognised) {
  const std::string text = FormatManifest(FullManifest(9));
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      ASSERT_FALSE(ParseManifest(damaged).ok()) << "byte " << i << ", bit " << bit;
    }
  }
}

TEST(Manifest, EveryTruncationIsRecognised) {
  const std::string text = FormatManifest(FullManifest(9));
  for (std::size_t size = 0; size < text.size(); ++size) {
    ASSERT_FALSE(ParseManifest(text.substr(0, size)).ok()) << size;
  }
  ExpectRefused(text + "\n", "checksum");
}

TEST(Manifest, AnUnknownVersionIsNamed) {
  const std::string body = Replaced(Body(FullManifest(9)), "\"version\": 1", "\"version\": 7");
  ExpectRefused(SignManifest(body), "format version 7 is unknown");
}

TEST(Manifest, WhatDoesNotBelongTogetherIsRefused) {
  const std::string body = Body(FullManifest(9));
  const auto refused = [&body](const std::string& what, const std::string& with,
                               const std::string& reason) {
    ExpectRefused(SignManifest(Replaced(body, what, with)), reason);
  };
  refused("\"step\": 9", "\"step\": -9", "out of range");
  refused("\"ranks\": 2", "\"ranks\": 3", "out of range");
  refused("\"workers\": 2", "\"workers\": 3", "list of files");
  refused("worker-0001", "../x", "list of files");
  refused("\"epochs_completed\": 1", "\"epochs_completed\": 2", "one record per completed epoch");
  refused("\"step_in_epoch\": 1", "\"step_in_epoch\": 0", "position");
  refused("\"step\": 9", "\"step\": \"9\"", "it is not a manifest");
  refused("\"step\": 9,", "", "it is not a manifest");
  refused("deadbeef", "deadbee", "it is not a manifest");
  refused("ronde-checkpoint", "x", "expected the format");
}

TEST(Manifest, OtherTextIsRefused) {
  ExpectRefused("", "truncated");
  ExpectRefused(SignManifest("[1"), "it is not a manifest");
  ExpectRefused(SignManifest("{\n\"a\": 1"), "it is not a manifest");
}

TEST(Figures, EachRankTakesItsWorkers) {
  const Manifest manifest = FullManifest(9);
  EXPECT_EQ(SumsOfWorkers(manifest, 1, 1)[0].loss, 0.1);
  EXPECT_EQ(SumsOfWorkers(manifest, 0, 2).size(), 2U);
}

TEST(Figures, DivergencesKeepTheirMeanOverRanks) {
  const Manifest manifest = FullManifest(9);  // written by two ranks
  const std::vector<double>& sums = manifest.running->divergence_sums;
  for (const int ranks : {1, 2, 4}) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      double sum = 0;
      for (int rank = 0; rank < ranks; ++rank) sum += DivergencesOfRank(manifest, rank, ranks)[i];
      EXPECT_EQ(sum / ranks, sums[i] / 2);
    }
  }
}

}  // namespace
}  // namespace ronde
