#include "core/base/control_group.h"

#include <optional>

namespace ronde {
namespace {

// "cpu,cpuacct" holds "cpu"; "" holds "".
bool Lists(std::string_view controllers, std::string_view wanted) {
  while (true) {
    const std::size_t comma = controllers.find(',');
    if (controllers.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    controllers.remove_prefix(comma + 1);
  }
}

// The path in a line "4:cpu,cpuacct:/a/b", if it is of the wanted hierarchy.
std::optional<std::string_view> PathIn(std::string_view line, std::string_view controller) {
  const std::size_t controllers = line.find(':');
  if (controllers == std::string_view::npos) return std::nullopt;
  const std::size_t path = line.find(':', controllers + 1);
  if (path == std::string_view::npos || line.substr(path + 1, 1) != "/") return std::nullopt;
  // Version 2 is hierarchy 0; in version 1 a hierarchy may have no controllers, but a name.
  if (controller.empty() != (line.substr(0, controllers) == "0")) return std::nullopt;
  if (!Lists(line.substr(controllers + 1, path - controllers - 1), controller)) return std::nullopt;
  return line.substr(path + 1);
}

}  // namespace

std::vector<std::string> ControlGroupFolders(std::string_view groups, std::string_view controller,
                                             const std::string& mount) {
  while (!groups.empty()) {
    const std::size_t end = groups.find('\n');
    const std::optional<std::string_view> found = PathIn(groups.substr(0, end), controller);
    groups.remove_prefix(end == std::string_view::npos ? groups.size() : end + 1);
    if (!found) continue;
    std::vector<std::string> folders;
    std::string_view path = *found;
    for (; path.size() > 1; path = path.substr(0, path.rfind('/'))) {
      folders.push_back(mount + std::string(path));
    }
    folders.push_back(mount);
    return folders;
  }
  return {};
}

}  // namespace ronde
