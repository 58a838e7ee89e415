#pragma once

#include <string>

#include "launcher/options.h"

namespace CLI {
class App;
}

namespace ronde {

/// Adds ronderun's own flags, grouped; given values are checked at once and go into `options`, the
/// config file's path into `config_file`. Both must outlive the parse.
void AddLaunchFlags(CLI::App& app, LaunchOptions* options, std::string* config_file);

}  // namespace ronde
