#include "core/comm/transport_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ronde {
namespace {

TEST(TransportTable, StartsWithInProcessWhichMakesAWorldOfOne) {
  ASSERT_FALSE(TransportTable().empty());
  EXPECT_EQ(TransportTable().front().name, "in_process");
  auto world = CreateWorld("in_process", Config());
  ASSERT_TRUE(world.ok());
  EXPECT_EQ(world.value()->size(), 1);
  EXPECT_EQ(world.value()->name(), "in_process");
}

TEST(TransportTable, HostIdSettingOverridesTheHost) {
  Config config;
  ASSERT_TRUE(config.Set(Setting::kHostId, "elsewhere", SettingOrigin::kProgram).ok());
  auto world = CreateWorld("in_process", config);
  ASSERT_TRUE(world.ok());
  EXPECT_EQ(world.value()->host_id(0), "elsewhere");
}

TEST(TransportTable, UnknownNameIsAnErrorThatListsTheKnownOnes) {
  const auto world = CreateWorld("pigeon", Config());
  EXPECT_EQ(world.status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(world.status().message(), ::testing::HasSubstr("'pigeon'"));
  EXPECT_THAT(world.status().message(), ::testing::HasSubstr("in_process"));
}

}  // namespace
}  // namespace ronde
