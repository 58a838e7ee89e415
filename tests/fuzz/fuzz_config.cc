// Settings as users write them: RONDE_... variables, flags' values and sizes.
#include <array>

#include "core/base/config.h"
#include "core/base/strcat.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

bool IsNumber(SettingType type) {
  return type == SettingType::kInteger || type == SettingType::kReal || type == SettingType::kBytes;
}

void CheckSize(std::string_view text) {
  const Result<std::int64_t> size = ParseBytes(text);
  if (!size.ok()) {
    FUZZ_REQUIRE(size.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(size.status().message().find(text) != std::string::npos);
    return;
  }
  FUZZ_REQUIRE(size.value() >= 0);
  const Result<std::int64_t> again = ParseBytes(StrCat(size.value()));
  FUZZ_REQUIRE(again.ok() && again.value() == size.value());
}

// A switch has one spelling for each of its values; every other setting keeps its text.
std::string Spelled(const SettingSpec& spec, std::string_view value) {
  if (spec.type != SettingType::kSwitch) return std::string(value);
  if (value == "1" || value == "true") return "on";
  if (value == "0" || value == "false") return "off";
  return std::string(value);
}

// A value is taken over as it is, or refused with its name, itself and without any effect.
void CheckSetting(const SettingSpec& spec, std::string_view value) {
  Config config;
  const Status status = config.Set(spec.id, value, SettingOrigin::kFlag);
  if (!status.ok()) {
    FUZZ_REQUIRE(status.code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(status.message().find(spec.flag) != std::string::npos);
    FUZZ_REQUIRE(status.message().find(value) != std::string::npos);
    FUZZ_REQUIRE(config.GetText(spec.id) == spec.default_value);
    FUZZ_REQUIRE(config.GetOrigin(spec.id) == SettingOrigin::kDefault);
    return;
  }
  FUZZ_REQUIRE(config.GetText(spec.id) == Spelled(spec, value));
  FUZZ_REQUIRE(config.GetOrigin(spec.id) == SettingOrigin::kFlag);
  FUZZ_REQUIRE(spec.type != SettingType::kChoice ||
               spec.choices.find(value) != std::string_view::npos);
  if (!IsNumber(spec.type)) return;
  FUZZ_REQUIRE(config.GetReal(spec.id) >= spec.minimum);
  FUZZ_REQUIRE(config.GetReal(spec.id) <= spec.maximum);
  if (spec.type == SettingType::kReal) return;
  FUZZ_REQUIRE(static_cast<double>(config.GetInteger(spec.id)) == config.GetReal(spec.id));
}

void CheckVariables(const std::vector<std::string>& variables) {
  const Result<Config> config = Config::FromVariables(variables);
  if (!config.ok()) {
    FUZZ_REQUIRE(config.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(!config.status().message().empty());
    return;
  }
  for (const SettingSpec& spec : Settings()) {
    std::string_view expected = spec.default_value;
    for (const std::string_view variable : variables) {
      const std::size_t equals = variable.find('=');
      if (variable.substr(0, equals) != spec.environment) continue;
      FUZZ_REQUIRE(equals != std::string_view::npos);
      expected = variable.substr(equals + 1);
    }
    FUZZ_REQUIRE(config.value().GetText(spec.id) == Spelled(spec, expected));
  }
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t newline = text.find('\n');
    lines.emplace_back(text.substr(0, newline));
    if (newline == std::string_view::npos) return lines;
    text.remove_prefix(newline + 1);
  }
}

// The first line is tried as a size and as every setting's value; all lines are variables.
int FuzzConfig(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = Lines(text);
  CheckSize(lines.front());
  for (const SettingSpec& spec : Settings()) CheckSetting(spec, lines.front());
  CheckVariables(lines);
  return 0;
}

std::vector<std::string> ConfigSeeds() {
  std::vector<std::string> seeds = {"64K",   "1.5M",  "4G", "-1",  "1e6",
                                    "0.125", "86400", "on", "off", "trace"};
  std::string all;
  for (const SettingSpec& spec : Settings()) {
    seeds.push_back(StrCat(spec.environment, "=", spec.default_value));
    all += StrCat(all.empty() ? "" : "\n", seeds.back());
  }
  seeds.push_back(all);
  return seeds;
}

constexpr std::array<std::string_view, 20> kWords = {"RONDE_",
                                                     "RONDE_TIMEOUT_S=",
                                                     "RONDE_HOST_ID",
                                                     "RONDE_CHUNK_BYTES=",
                                                     "RONDE_CACHE",
                                                     "=",
                                                     "\n",
                                                     "K",
                                                     "M",
                                                     "G",
                                                     "e308",
                                                     "e-400",
                                                     "9e18",
                                                     "inf",
                                                     "nan",
                                                     "0x10",
                                                     "|",
                                                     "true",
                                                     "9223372036",
                                                     "-0"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzConfig, &ConfigSeeds, kWords};

}  // namespace ronde
