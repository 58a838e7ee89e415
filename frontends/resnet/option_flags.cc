#include "frontends/resnet/option_flags.h"

#include <charconv>
#include <cmath>

#include "core/base/strcat.h"
#include "frontends/resnet/option_rules.h"

namespace ronde {
namespace {

std::string Join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : "|") + word;
  return joined;
}

// CLI11 takes an empty text for "accepted".
std::string NotAccepted(const std::string& value, const std::string& expected) {
  return StrCat("'", value, "' is not accepted; expected ", expected);
}

CLI::Validator OneOf(const std::vector<std::string>& words) {
  const auto check = [words](const std::string& value) -> std::string {
    for (const std::string& word : words) {
      if (word == value) return "";
    }
    return NotAccepted(value, Join(words));
  };
  return {check, ""};
}

std::string Expected(const NumberRange& range, bool integer) {
  std::string text = integer ? "an integer" : "a number";
  if (range.lowest) text += StrCat(" of at least ", *range.lowest);
  if (range.above) text += StrCat(" above ", *range.above);
  if (range.below) text += StrCat(" and below ", *range.below);
  if (range.highest && *range.highest < std::numeric_limits<int>::max()) {
    text += StrCat(" and at most ", *range.highest);
  }
  return text;
}

bool IsInside(const NumberRange& range, double number) {
  return std::isfinite(number) && (!range.lowest || number >= *range.lowest) &&
         (!range.above || number > *range.above) && (!range.highest || number <= *range.highest) &&
         (!range.below || number < *range.below);
}

}  // namespace

void OptionFlags::AddNumber(CLI::Option* option, const NumberRange& range, bool integer) {
  const auto check = [range, integer](const std::string& value) -> std::string {
    const char* const end = value.data() + value.size();
    double number = 0;
    const auto [read_to, error] = std::from_chars(value.data(), end, number);
    const bool is_number = error == std::errc() && read_to == end;
    // "1e3" is a number but not an integer that CLI11 can read.
    const bool is_integer = value.find_first_not_of("+-0123456789") == std::string::npos;
    if (is_number && IsInside(range, number) && (!integer || is_integer)) return "";
    return NotAccepted(value, Expected(range, integer));
  };
  option->check(CLI::Validator(check, ""));
  Describe(option, integer ? "integer" : "number", range.shown_default);
}

void OptionFlags::Choice(const std::string& flag, std::string& value,
                         const std::vector<std::string>& words, const std::string& help) {
  CLI::Option* option = app_.add_option(flag, value, help)->check(OneOf(words));
  Describe(option, Join(words), "");
}

void OptionFlags::Flag(const std::string& flag, bool& value, const std::string& help) {
  app_.add_flag(flag, value, help)->group(group_);
}

void OptionFlags::OnOff(const std::string& flag, bool& value, const std::string& help) {
  CLI::Option* option = app_.add_option_function<std::string>(
      flag, [&value](const std::string& text) { value = text == "on"; }, help);
  option->check(OneOf({"on", "off"}));
  Describe(option, "on|off", value ? "on" : "off");
}

void OptionFlags::Path(const std::string& flag, std::string& value, const std::string& type,
                       const std::string& help, const std::string& shown_default) {
  const auto check = [](const std::string& text) -> std::string {
    return text.empty() ? NotAccepted(text, "a path") : "";
  };
  CLI::Option* option = app_.add_option(flag, value, help)->check(CLI::Validator(check, ""));
  Describe(option, type, shown_default);
}

void OptionFlags::Milestones(const std::string& flag, std::vector<int>& value,
                             const std::string& help) {
  const auto read = [&value, flag](const std::string& text) {
    Result<std::vector<int>> milestones = ParseMilestones(text);
    if (!milestones.ok()) throw CLI::ValidationError(flag, milestones.status().message());
    value = std::move(milestones).value();
  };
  std::vector<std::string> defaults;
  for (const int epoch : value) defaults.push_back(std::to_string(epoch));
  std::string shown = Join(defaults);
  for (char& c : shown) c = c == '|' ? ',' : c;
  Describe(app_.add_option_function<std::string>(flag, read, help), "epochs", shown);
}

void OptionFlags::Describe(CLI::Option* option, const std::string& accepted,
                           const std::string& shown_default) {
  const std::string initial = shown_default.empty() ? option->get_default_str() : shown_default;
  option->default_str("");
  option->type_name(
      StrCat("(", accepted, ")", initial.empty() ? "" : " [", initial, initial.empty() ? "" : "]"));
  option->group(group_);
}

}  // namespace ronde
