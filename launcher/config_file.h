#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// A flag in a config file.
struct ConfigFileEntry {
  std::string flag;                 ///< without dashes in front: "timeout-s"
  std::vector<std::string> values;  ///< one; of a list each item, of a mapping each "NAME=value"
  int line = 0;                     ///< counted from 1

  friend bool operator==(const ConfigFileEntry&, const ConfigFileEntry&) = default;
};

/// Reads YAML (so JSON as well): one mapping of flags to values, in the file's order. A flag may be
/// written with "_" for "-". A value is a scalar, a list of scalars, or a mapping of names to
/// scalars (where null leaves the value away). Which flags there are is not known here.
/// Errors: kInvalidArgument in the form "config file FILE, line N: what; expected ...".
[[nodiscard]] Result<std::vector<ConfigFileEntry>> ParseConfigFile(std::string_view text,
                                                                   const std::string& file_name);

/// ParseConfigFile of a file's content.
/// Errors: also kInvalidArgument where the file cannot be read.
[[nodiscard]] Result<std::vector<ConfigFileEntry>> ReadConfigFile(const std::string& path);

}  // namespace ronde
