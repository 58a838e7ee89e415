#include "launcher/program_lookup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/strcat.h"

namespace ronde {
namespace {

bool IsExecutableFile(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::string WhyNotExecutable(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "does not exist";
  if (S_ISDIR(info.st_mode)) return "is a folder";
  return "is not executable; chmod +x it, or name its interpreter first";
}

}  // namespace

std::string OwnFolder() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "." : self.parent_path().string();
}

Result<std::string> FindProgram(const std::string& name, const std::string& own_folder,
                                std::string_view search_path) {
  if (name.find('/') != std::string::npos) {
    if (IsExecutableFile(name)) return name;
    return Status::InvalidArgument(StrCat("program '", name, "' ", WhyNotExecutable(name)));
  }
  if (const std::string beside = own_folder + "/" + name; IsExecutableFile(beside)) return beside;
  while (!search_path.empty()) {
    const std::size_t colon = std::min(search_path.find(':'), search_path.size());
    const std::string candidate = StrCat(search_path.substr(0, colon), "/", name);
    if (colon != 0 && IsExecutableFile(candidate)) return candidate;
    search_path.remove_prefix(std::min(colon + 1, search_path.size()));
  }
  const std::string hint =
      IsExecutableFile("./" + name) ? StrCat("; for the one in this folder say ./", name) : "";
  return Status::InvalidArgument(StrCat("program '", name, "' is neither beside ronderun (",
                                        own_folder, ") nor in PATH", hint));
}

}  // namespace ronde
