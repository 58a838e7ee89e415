#include "collectives/device/device_costs.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collectives/tuning_file.h"

namespace ronde {
namespace {

using testing::HasSubstr;

TEST(DeviceCosts, OneShotEndsWhereItsBytesCostABarrier) {
  const LinkCost peer = {.alpha_us = 8, .beta_us = 1e-5, .gamma_us = 0};
  // Per byte: 3 beta against 3/4 * 2 beta.
  EXPECT_NEAR(static_cast<double>(DeviceOneShotBytes(peer, 4)), 4 / 1.5e-5, 1);
  EXPECT_EQ(DeviceOneShotBytes(peer, 1), 0);
}

TEST(DeviceCosts, MoreRanksAndSlowerLinksEndOneShotSooner) {
  for (const DeviceLinkKind link :
       {DeviceLinkKind::kSameDevice, DeviceLinkKind::kNvLink, DeviceLinkKind::kPcie}) {
    for (const int ranks : {2, 3, 4, 8}) {
      const std::int64_t fewer = DefaultDeviceCosts(link, ranks).one_shot_bytes;
      EXPECT_GT(fewer, 4096);
      EXPECT_LT(DefaultDeviceCosts(link, ranks + 1).one_shot_bytes, fewer);
    }
  }
  EXPECT_LT(DefaultDeviceCosts(DeviceLinkKind::kPcie, 4).one_shot_bytes,
            DefaultDeviceCosts(DeviceLinkKind::kNvLink, 4).one_shot_bytes);
}

Tuning Measured() {
  Tuning tuning;
  tuning.ranks = 4;
  tuning.date = "2026-01-01";
  tuning.device = {.device = "NVIDIA H100",
                   .costs = DefaultDeviceCosts(DeviceLinkKind::kNvLink, 4),
                   .allreduce = {{.algorithm = "cuda_ipc", .max_bytes = 1 << 20},
                                 {.algorithm = "nccl", .min_bytes = (1 << 20) + 1}}};
  return tuning;
}

TEST(DeviceTuning, IsReadAsItWasWritten) {
  TuningFile file = {.machine = "m", .entries = {Measured()}};
  file.entries.emplace_back().ranks = 2;  // without devices
  const auto read = TuningFromJson(TuningToJson(file), "file");
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read.value(), file);
}

// The one part of the text that is wrong, and what is said of it.
void ExpectRefusal(const std::string& device, const std::string& message) {
  const std::string text = R"({"format": 1, "machine": "m", "entries": [
      {"ranks": 4, "hosts": 1, "device": )" +
                           device + "}]}";
  const auto read = TuningFromJson(text, "file");
  EXPECT_EQ(read.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(read.status().message(), HasSubstr(message));
}

TEST(DeviceTuning, NamesTheFieldThatIsWrong) {
  const std::string link = R"({"alpha_us": 1, "beta_us": 1, "gamma_us": 0})";
  const std::string links = R"("links": {"peer": )" + link + R"(, "nccl": )" + link;
  ExpectRefusal("{" + links + R"(}, "thresholds": {"one_shot_bytes": 1}})", "host_copy");
  const std::string all = links + R"(, "host_copy": )" + link + "}";
  ExpectRefusal("{" + all + "}", "thresholds");
  ExpectRefusal("{" + all + R"(, "thresholds": {"one_shot_bytes": -1}})", "one_shot_bytes");
  ExpectRefusal("{" + all + R"(, "thresholds": {"one_shot_bytes": 1}, "speed": 3})", "speed");
  ExpectRefusal("3", "device");
}

TEST(DeviceTuning, SurvivesACalibrationOfHostMemory) {
  TuningFile file = {.machine = "m", .entries = {Measured()}};
  Tuning host;
  host.ranks = 4;
  host.date = "2026-02-02";
  file.Put(host);
  ASSERT_EQ(file.entries.size(), 1u);
  EXPECT_EQ(file.entries[0].date, "2026-02-02");
  EXPECT_EQ(file.entries[0].device, Measured().device);
}

}  // namespace
}  // namespace ronde
