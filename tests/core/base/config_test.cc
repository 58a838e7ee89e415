#include "core/base/config.h"

#include <set>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using ::testing::HasSubstr;

Result<Config> FromOne(const std::string& variable) {
  const std::vector<std::string> variables = {variable};
  return Config::FromVariables(variables);
}

TEST(ConfigTable, RowsAreInTheOrderOfTheEnumAndNamedOnce) {
  std::set<std::string_view> names;
  int index = 0;
  for (const SettingSpec& spec : Settings()) {
    EXPECT_EQ(static_cast<int>(spec.id), index++);
    EXPECT_TRUE(names.insert(spec.environment).second) << spec.environment;
    EXPECT_TRUE(names.insert(spec.flag).second) << spec.flag;
    EXPECT_EQ(spec.environment.substr(0, 6), "RONDE_");
    EXPECT_EQ(spec.flag.substr(0, 2), "--");
    EXPECT_FALSE(spec.help.empty()) << spec.flag;
    EXPECT_FALSE(AcceptedValues(spec).empty()) << spec.flag;
  }
}

TEST(ConfigTable, EveryDefaultIsAnAcceptedValue) {
  for (const SettingSpec& spec : Settings()) {
    Config config;
    EXPECT_TRUE(config.Set(spec.id, spec.default_value, SettingOrigin::kFlag).ok()) << spec.flag;
  }
}

TEST(Config, StartsWithDefaults) {
  const Config config;
  EXPECT_EQ(config.GetReal(Setting::kTimeoutS), 60);
  EXPECT_EQ(config.GetInteger(Setting::kFusionThresholdBytes), 1024 * 1024);
  EXPECT_EQ(config.GetText(Setting::kAllreduceAlgorithm), "auto");
  EXPECT_FALSE(config.GetSwitch(Setting::kReproducible));
  EXPECT_EQ(config.GetOrigin(Setting::kTimeoutS), SettingOrigin::kDefault);
}

TEST(Config, EnvironmentOverlaysDefaults) {
  const Result<Config> config = FromOne("RONDE_TIMEOUT_S=2.5");
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config.value().GetReal(Setting::kTimeoutS), 2.5);
  EXPECT_EQ(config.value().GetOrigin(Setting::kTimeoutS), SettingOrigin::kEnvironment);
}

TEST(Config, MalformedVariableNamesItTheValueAndWhatIsAccepted) {
  const Status status = FromOne("RONDE_TIMEOUT_S=soon").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("RONDE_TIMEOUT_S"));
  EXPECT_THAT(status.message(), HasSubstr("'soon'"));
  EXPECT_THAT(status.message(), HasSubstr("number from 0.01 to 86400"));
}

TEST(Config, RejectsWhatIsOutOfRangeOrHalfANumber) {
  for (const char* variable :
       {"RONDE_TIMEOUT_S=0", "RONDE_TIMEOUT_S=1e9", "RONDE_TIMEOUT_S=5s",
        "RONDE_TIMEOUT_S=", "RONDE_TIMEOUT_S=nan", "RONDE_SPIN_US=1.5", "RONDE_LOG_LEVEL=loud",
        "RONDE_REPRODUCIBLE=maybe", "RONDE_CHUNK_BYTES=12", "RONDE_CHUNK_BYTES=-1K"}) {
    EXPECT_EQ(FromOne(variable).status().code(), StatusCode::kInvalidArgument) << variable;
  }
}

TEST(Config, ASwitchHasOneSpellingForEachValueAndMayHaveFurtherOnes) {
  for (const auto& [given, text, on] : {std::tuple{"1", "on", true},
                                        {"true", "on", true},
                                        {"off", "off", false},
                                        {"false", "off", false},
                                        {"tree", "tree", true}}) {
    const Result<Config> config = FromOne(StrCat("RONDE_REPRODUCIBLE=", given));
    ASSERT_TRUE(config.ok()) << given;
    EXPECT_EQ(config.value().GetText(Setting::kReproducible), text);
    EXPECT_EQ(config.value().GetSwitch(Setting::kReproducible), on);
  }
  EXPECT_THAT(FromOne("RONDE_REPRODUCIBLE=trees").status().message(), HasSubstr("on|off|tree"));
}

TEST(Config, UnknownVariableIsAnErrorButTheToolsOwnAreNot) {
  const Status status = FromOne("RONDE_TIMEOUT=5").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("RONDE_TIMEOUT "));
  EXPECT_TRUE(FromOne("RONDE_CACHE=/somewhere").ok());
}

TEST(Config, VariableWithoutAnEqualsSignIsAnError) {
  const Status status = FromOne("RONDE_HOST_ID").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("RONDE_HOST_ID has no '='"));
  EXPECT_TRUE(FromOne("RONDE_HOST_ID=").ok());
}

TEST(Config, WrongFlagIsCalledByItsFlag) {
  Config config;
  const Status status = config.Set(Setting::kTimeoutS, "soon", SettingOrigin::kFlag);
  EXPECT_THAT(status.message(), HasSubstr("--timeout-s"));
  EXPECT_EQ(config.GetReal(Setting::kTimeoutS), 60) << "a refused value changes nothing";
}

TEST(Config, ProgramDefaultYieldsToTheUser) {
  Config config;
  ASSERT_TRUE(config.SetProgramDefault(Setting::kTimeoutS, "7").ok());
  EXPECT_EQ(config.GetReal(Setting::kTimeoutS), 7);
  EXPECT_EQ(config.GetOrigin(Setting::kTimeoutS), SettingOrigin::kProgram);

  Result<Config> given = FromOne("RONDE_TIMEOUT_S=3");
  ASSERT_TRUE(given.ok());
  ASSERT_TRUE(given.value().SetProgramDefault(Setting::kTimeoutS, "7").ok());
  EXPECT_EQ(given.value().GetReal(Setting::kTimeoutS), 3);
}

TEST(ParseBytes, ReadsUnits) {
  EXPECT_EQ(ParseBytes("0").value(), 0);
  EXPECT_EQ(ParseBytes("64").value(), 64);
  EXPECT_EQ(ParseBytes("64K").value(), 65536);
  EXPECT_EQ(ParseBytes("1.5m").value(), 1572864);
  EXPECT_EQ(ParseBytes("2G").value(), std::int64_t{2} << 30);
}

TEST(ParseBytes, RejectsOtherText) {
  for (const char* text : {"", "K", "-1", "4T", "1 K", "1KB", "inf", "99999999999G"}) {
    EXPECT_FALSE(ParseBytes(text).ok()) << text;
  }
}

}  // namespace
}  // namespace ronde
