#include "core/base/config.h"

#include <array>
#include <charconv>
#include <cmath>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// Names that start with RONDE_ but belong to the checkout's tools rather than to the engine.
constexpr std::array<std::string_view, 5> kForeignNames = {
    "RONDE_CACHE", "RONDE_TORCH", "RONDE_PYTHON", "RONDE_LAUNCHED", "RONDE_PRESET"};

bool ParseNumber(std::string_view text, double* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(*number);
}

bool InChoices(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    if (choices.substr(0, bar) == value) return true;
    if (bar == std::string_view::npos) break;
    choices.remove_prefix(bar + 1);
  }
  return false;
}

bool IsOn(std::string_view value) { return value == "on" || value == "1" || value == "true"; }

// One spelling for each value of a switch, so that ranks can compare them.
std::string_view Canonical(const SettingSpec& spec, std::string_view value, double number) {
  if (spec.type != SettingType::kSwitch) return value;
  if (number == 0) return "off";
  return IsOn(value) ? "on" : value;
}

// Reads `value` as the spec's type; false when it is malformed or out of range.
bool ParseValue(const SettingSpec& spec, std::string_view value, double* number) {
  switch (spec.type) {
    case SettingType::kText:
      return true;
    case SettingType::kChoice:
      return InChoices(spec.choices, value);
    case SettingType::kSwitch:
      *number = IsOn(value) || InChoices(spec.choices, value) ? 1 : 0;
      return *number == 1 || value == "off" || value == "0" || value == "false";
    case SettingType::kBytes: {
      const Result<std::int64_t> bytes = ParseBytes(value);
      if (!bytes.ok()) return false;
      *number = static_cast<double>(bytes.value());
      break;
    }
    case SettingType::kInteger:
      if (!ParseNumber(value, number) || *number != std::floor(*number)) return false;
      break;
    case SettingType::kReal:
      if (!ParseNumber(value, number)) return false;
      break;
  }
  return *number >= spec.minimum && *number <= spec.maximum;
}

std::string FormatBytes(double bytes) {
  for (const auto& [unit, name] : {std::pair{1073741824.0, "G"}, {1048576.0, "M"}, {1024.0, "K"}}) {
    if (bytes >= unit && std::fmod(bytes, unit) == 0) return StrCat(bytes / unit, name);
  }
  return StrCat(bytes);
}

}  // namespace

Result<std::int64_t> ParseBytes(std::string_view text) {
  double unit = 1;
  std::string_view digits = text;
  if (!digits.empty()) {
    switch (digits.back()) {
      case 'k':
      case 'K':
        unit = 1024.0;
        break;
      case 'm':
      case 'M':
        unit = 1024.0 * 1024.0;
        break;
      case 'g':
      case 'G':
        unit = 1024.0 * 1024.0 * 1024.0;
        break;
      default:
        break;
    }
    if (unit != 1) digits.remove_suffix(1);
  }
  double number = 0;
  if (!ParseNumber(digits, &number) || number < 0 || number * unit > 9e18) {
    return Status::InvalidArgument(
        StrCat("'", text, "' is not a size; use a number of bytes such as 4096, 64K, 16M or 1G"));
  }
  return static_cast<std::int64_t>(number * unit);
}

std::string AcceptedValues(const SettingSpec& spec) {
  switch (spec.type) {
    case SettingType::kText:
      return "text";
    case SettingType::kChoice:
      return std::string(spec.choices);
    case SettingType::kSwitch:
      return spec.choices.empty() ? "on|off" : StrCat("on|off|", spec.choices);
    case SettingType::kInteger:
      return StrCat("integer from ", spec.minimum, " to ", spec.maximum);
    case SettingType::kReal:
      return StrCat("number from ", spec.minimum, " to ", spec.maximum);
    case SettingType::kBytes:
      return StrCat("bytes from ", FormatBytes(spec.minimum), " to ", FormatBytes(spec.maximum));
  }
  return "";
}

std::string_view Name(SettingOrigin origin) {
  switch (origin) {
    case SettingOrigin::kDefault:
      return "default";
    case SettingOrigin::kEnvironment:
      return "environment";
    case SettingOrigin::kFlag:
      return "flag";
    case SettingOrigin::kProgram:
      return "program";
  }
  return "";
}

Config::Config() : entries_(Settings().size()) {
  for (const SettingSpec& spec : Settings()) {
    Entry& entry = entries_[static_cast<std::size_t>(spec.id)];
    entry.text = spec.default_value;
    ParseValue(spec, spec.default_value, &entry.number);
  }
}

Result<Config> Config::FromEnvironment() {
  const std::vector<std::string> variables = EnvironmentWithPrefix("RONDE_");
  return FromVariables(variables);
}

Result<Config> Config::FromVariables(std::span<const std::string> variables) {
  Config config;
  for (const std::string& variable : variables) {
    const std::string_view text = variable;
    const std::size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const SettingSpec* found = nullptr;
    for (const SettingSpec& spec : Settings()) {
      if (spec.environment == name) found = &spec;
    }
    if (found != nullptr) {
      if (equals == std::string_view::npos) {
        return Status::InvalidArgument(StrCat("environment variable ", name,
                                              " has no '='; expected ", AcceptedValues(*found)));
      }
      RONDE_RETURN_IF_ERROR(
          config.Set(found->id, text.substr(equals + 1), SettingOrigin::kEnvironment));
      continue;
    }
    bool foreign = false;
    for (std::string_view known : kForeignNames) foreign |= known == name;
    if (!foreign) {
      return Status::InvalidArgument(
          StrCat("environment variable ", name, " is not a setting; `ronde-info` lists them all"));
    }
  }
  return config;
}

Status Config::Set(Setting setting, std::string_view value, SettingOrigin origin) {
  const SettingSpec& spec = SpecOf(setting);
  Entry& entry = entries_[static_cast<std::size_t>(setting)];
  double number = 0;
  if (!ParseValue(spec, value, &number)) {
    return Status::InvalidArgument(
        StrCat(origin == SettingOrigin::kEnvironment ? spec.environment : spec.flag, ": '", value,
               "' is not accepted; expected ", AcceptedValues(spec)));
  }
  entry = Entry{std::string(Canonical(spec, value, number)), number, origin};
  return Status::Ok();
}

Status Config::SetProgramDefault(Setting setting, std::string_view value) {
  if (GetOrigin(setting) != SettingOrigin::kDefault) return Status::Ok();
  return Set(setting, value, SettingOrigin::kProgram);
}

bool Config::GetSwitch(Setting setting) const {
  return entries_[static_cast<std::size_t>(setting)].number != 0;
}

std::int64_t Config::GetInteger(Setting setting) const {
  return static_cast<std::int64_t>(entries_[static_cast<std::size_t>(setting)].number);
}

double Config::GetReal(Setting setting) const {
  return entries_[static_cast<std::size_t>(setting)].number;
}

const std::string& Config::GetText(Setting setting) const {
  return entries_[static_cast<std::size_t>(setting)].text;
}

SettingOrigin Config::GetOrigin(Setting setting) const {
  return entries_[static_cast<std::size_t>(setting)].origin;
}

}  // namespace ronde
