#include "launcher/config_flags.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "core/base/strcat.h"
#include "launcher/nearest_name.h"

namespace ronde {
namespace {

std::vector<std::string> LongNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  return names;
}

bool IsGiven(const std::string& flag, const std::vector<std::string>& given) {
  const auto has = [&given](const char* name) {
    return std::find(given.begin(), given.end(), name) != given.end();
  };
  // Two ways to say the same.
  if (flag == "hosts" || flag == "hostfile") return has("hosts") || has("hostfile");
  return has(flag.c_str());
}

Status ApplyEntry(const ConfigFileEntry& entry, CLI::Option* option) {
  std::string value;
  const bool is_flag = option->get_expected_max() == 0;
  for (const std::string& item : entry.values) {
    value += StrCat(value.empty() ? "" : ",", item);
  }
  try {
    if (option->get_expected_max() > 1) {
      option->add_result(entry.values);
    } else {
      option->add_result(is_flag ? option->get_flag_value(entry.flag, value) : value);
    }
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    std::string text = error.what();
    if (is_flag) {
      text = StrCat(entry.flag, ": '", value, "' is not accepted; expected true or false");
    }
    return Status::InvalidArgument(text.substr(text.find_first_not_of('-')));
  }
  return Status::Ok();
}

}  // namespace

std::string DidYouMeanFlag(const std::string& flag, const CLI::App& app) {
  std::vector<std::string> names = LongNames(app);
  for (std::string& name : names) name = StrCat("--", name);
  return DidYouMean(flag.substr(0, flag.find('=')), names);
}

Status ApplyConfigFile(const std::string& file_name, const std::vector<ConfigFileEntry>& entries,
                       CLI::App& app) {
  std::vector<std::string> names = LongNames(app);
  for (const char* meaningless : {"config-file", "help", "version"}) std::erase(names, meaningless);
  std::vector<std::string> given;
  for (const std::string& name : names) {
    if (app.count(StrCat("--", name)) > 0) given.push_back(name);
  }
  for (const ConfigFileEntry& entry : entries) {
    Status status = Status::Ok();
    if (std::find(names.begin(), names.end(), entry.flag) == names.end()) {
      status = Status::InvalidArgument(
          StrCat("'", entry.flag, "' is no flag", DidYouMean(entry.flag, names)));
    } else if (!IsGiven(entry.flag, given)) {
      status = ApplyEntry(entry, app.get_option(StrCat("--", entry.flag)));
    }
    if (!status.ok()) {
      return Status::InvalidArgument(
          StrCat("config file ", file_name, ", line ", entry.line, ": ", status.message()));
    }
  }
  return Status::Ok();
}

}  // namespace ronde
