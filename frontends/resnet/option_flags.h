#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace ronde {

/// What a number may be. The text of --help and of errors follows from it.
struct NumberRange {
  std::optional<double> lowest;   ///< value >= lowest
  std::optional<double> above;    ///< value > above
  std::optional<double> highest;  ///< value <= highest
  std::optional<double> below;    ///< value < below
  std::string shown_default;      ///< for --help where the default depends on other things
};

/// Adds flags to a command line, group by group, in the look of the engine's settings:
/// "--flag (what is accepted) [default]". Bad values become one line that names the flag, the value
/// and what is accepted. The variables must outlive the parse.
class OptionFlags {
 public:
  explicit OptionFlags(CLI::App& app) : app_(app) {}

  /// The heading in --help of the flags that follow.
  void Group(std::string name) { group_ = std::move(name); }

  template <typename T>
  void Integer(const std::string& flag, T& value, NumberRange range, const std::string& help) {
    if (!range.highest) range.highest = std::numeric_limits<int>::max();
    AddNumber(app_.add_option(flag, value, help), range, /*integer=*/true);
  }
  void Real(const std::string& flag, double& value, const NumberRange& range,
            const std::string& help) {
    AddNumber(app_.add_option(flag, value, help), range, /*integer=*/false);
  }
  void Choice(const std::string& flag, std::string& value, const std::vector<std::string>& words,
              const std::string& help);
  /// Without a value: given or not.
  void Flag(const std::string& flag, bool& value, const std::string& help);
  void OnOff(const std::string& flag, bool& value, const std::string& help);
  /// `type`: "FILE" or "DIR".
  void Path(const std::string& flag, std::string& value, const std::string& type,
            const std::string& help, const std::string& shown_default = "");
  /// "30,60,80".
  void Milestones(const std::string& flag, std::vector<int>& value, const std::string& help);

 private:
  void AddNumber(CLI::Option* option, const NumberRange& range, bool integer);
  void Describe(CLI::Option* option, const std::string& accepted, const std::string& shown_default);

  CLI::App& app_;
  std::string group_;
};

}  // namespace ronde
