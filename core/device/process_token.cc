#include "core/device/process_token.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace ronde {
namespace {

std::uint64_t Fnv1a(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325u) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Clock ticks between boot and the start of this process: a pid may come again. Field 22 of the
// line, counted behind the program's name, which may hold anything.
std::string StartTicks() {
  const std::string line = FirstLine("/proc/self/stat");
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return field;
}

}  // namespace

ProcessToken ThisProcess() {
  // Pids count per namespace, and containers of one machine share its boot id.
  struct stat pid_namespace = {};
  if (stat("/proc/self/ns/pid", &pid_namespace) != 0) pid_namespace.st_ino = 0;
  const std::uint64_t machine =
      Fnv1a(FirstLine("/proc/sys/kernel/random/boot_id") + std::to_string(pid_namespace.st_ino));
  const std::uint64_t process = Fnv1a(std::to_string(getpid()) + " " + StartTicks());
  ProcessToken token;
  std::memcpy(token.data(), &machine, 8);
  std::memcpy(token.data() + 8, &process, 8);
  return token;
}

}  // namespace ronde
