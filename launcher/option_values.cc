#include "launcher/option_values.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr double kMaxSeconds = 86400;
constexpr int kMaxPort = 65535;

template <typename Number>
bool ReadNumber(const std::string& text, Number minimum, Number maximum, Number* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  // Not a number compares as false.
  return error == std::errc() && rest == end && *number >= minimum && *number <= maximum;
}

}  // namespace

Status ParseRankCount(const std::string& text, int* count) {
  if (ReadNumber(text, 1, std::numeric_limits<int>::max(), count)) return Status::Ok();
  return Status::InvalidArgument(
      StrCat("-np: '", text, "' is not a number of ranks; expected a whole number from 1 on"));
}

Status ParseSeconds(const std::string& flag, const std::string& text, double* seconds) {
  if (ReadNumber(text, 0.0, kMaxSeconds, seconds)) return Status::Ok();
  return Status::InvalidArgument(
      StrCat(flag, ": '", text, "' is not accepted; expected number from 0 to ", kMaxSeconds));
}

Status ParsePort(const std::string& text, int* port) {
  if (ReadNumber(text, 1, kMaxPort, port)) return Status::Ok();
  return Status::InvalidArgument(
      StrCat("--ssh-port: '", text, "' is not accepted; expected whole number from 1 to 65535"));
}

Status ParseLauncher(const std::string& text, LauncherChoice* launcher) {
  if (text == "auto") *launcher = LauncherChoice::kAuto;
  if (text == "mpirun") *launcher = LauncherChoice::kMpirun;
  if (text == "srun") *launcher = LauncherChoice::kSrun;
  if (text == "auto" || text == "mpirun" || text == "srun") return Status::Ok();
  return Status::InvalidArgument(
      StrCat("--launcher: '", text, "' is not accepted; expected one of auto, mpirun, srun"));
}

Status ParseVariable(const std::string& text, std::vector<std::string>* environment) {
  const std::string name = text.substr(0, text.find('='));
  const bool is_name =
      !name.empty() && name.front() != '-' && std::all_of(name.begin(), name.end(), [](char c) {
        return c > ' ' && c != '\x7f' && c != ',' && c != ';';
      });
  if (!is_name) {
    return Status::InvalidArgument(
        StrCat("--env: '", text, "' is not accepted; expected NAME or NAME=value"));
  }
  environment->push_back(text);
  return Status::Ok();
}

Status ParseIdentityFile(const std::string& text, std::string* path) {
  std::error_code ignored;
  if (!std::filesystem::exists(text, ignored)) {
    return Status::InvalidArgument(
        StrCat("--ssh-identity-file: '", text, "' does not exist; expected a private key's path"));
  }
  if (text.find_first_of(" \t\n") != std::string::npos) {
    return Status::InvalidArgument(StrCat("--ssh-identity-file: '", text,
                                          "' contains white space, which mpirun cannot pass on; ",
                                          "name it in ~/.ssh/config (IdentityFile)"));
  }
  *path = std::filesystem::absolute(text, ignored).string();
  return Status::Ok();
}

Status ParseMpiHome(const std::string& text, std::string* path) {
  std::error_code ignored;
  if (!std::filesystem::exists(text + "/bin/mpirun", ignored)) {
    return Status::InvalidArgument(StrCat("--mpi-home: there is no '", text,
                                          "/bin/mpirun'; expected the folder that Open MPI was",
                                          " installed in"));
  }
  *path = std::filesystem::absolute(text, ignored).string();
  return Status::Ok();
}

Status ParseOutputDirectory(const std::string& text, std::string* path) {
  std::error_code error;
  if (text.empty() ||
      (std::filesystem::exists(text, error) && !std::filesystem::is_directory(text, error))) {
    return Status::InvalidArgument(
        StrCat("--output-directory: '", text, "' is no folder; expected one, or a new name"));
  }
  *path = std::filesystem::absolute(text, error).string();
  return Status::Ok();
}

}  // namespace ronde
