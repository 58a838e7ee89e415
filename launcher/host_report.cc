#include "launcher/host_report.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "launcher/host_lookup.h"
#include "launcher/program_lookup.h"

namespace ronde {
namespace {

constexpr std::string_view kCommand = "--host-report";
constexpr std::string_view kPrefix = "ronde-fact ";
constexpr std::string_view kFine = "ok";

std::int64_t FreeSharedMemoryBytes() {
  struct statvfs info = {};
  if (statvfs("/dev/shm", &info) != 0) return -1;
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

std::string FormatInterface(const NetworkInterface& interface) {
  std::string text = StrCat("interface ", interface.name, " ", interface.up ? 'u' : '-',
                            interface.loopback ? 'l' : '-', interface.container_bridge ? 'c' : '-',
                            interface.default_route ? 'd' : '-', " ", interface.speed_mbits);
  for (const InterfaceAddress& entry : interface.addresses) {
    text += StrCat(" ", entry.address, "/", entry.prefix_bits);
  }
  return text;
}

template <typename Number>
bool ParseNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseInterface(std::string_view text, NetworkInterface* interface) {
  std::istringstream words{std::string(text)};
  std::string flags;
  if (!(words >> interface->name >> flags >> interface->speed_mbits)) return false;
  if (flags.size() != 4 || interface->speed_mbits < 0) return false;
  interface->up = flags[0] == 'u';
  interface->loopback = flags[1] == 'l';
  interface->container_bridge = flags[2] == 'c';
  interface->default_route = flags[3] == 'd';
  for (std::string word; words >> word;) {
    const std::size_t slash = word.find('/');
    int bits = 0;
    if (slash == std::string::npos || !ParseNumber(std::string_view(word).substr(slash + 1), &bits))
      return false;
    interface->addresses.push_back({word.substr(0, slash), bits});
  }
  return true;
}

// Takes one fact over; false where it is damaged. Keys of later versions are skipped.
bool TakeFact(std::string_view key, std::string_view value, HostReport* facts) {
  if (key == "host") facts->host_name = value;
  if (key == "ronde") facts->ronde_version = value;
  if (key == "mpi") facts->mpi_version = value;
  if (key == "program") facts->program_problem = value == kFine ? "" : value;
  if (key == "shm") return ParseNumber(value, &facts->shared_memory_free_bytes);
  if (key == "interface") {
    NetworkInterface interface;
    if (!ParseInterface(value, &interface)) return false;
    facts->interfaces.push_back(std::move(interface));
  }
  return true;
}

}  // namespace

Result<HostReport> CollectHostReport(const std::string& program) {
  HostReport facts;
  facts.host_name = OwnHostName();
  facts.ronde_version = VersionString();
  // A path: with a slash nothing is searched.
  const std::string path = program.find('/') == std::string::npos ? "./" + program : program;
  const Result<std::string> found = FindProgram(path, "", "");
  if (!found.ok()) facts.program_problem = found.status().message();
  facts.shared_memory_free_bytes = FreeSharedMemoryBytes();
  RONDE_ASSIGN_OR_RETURN(facts.interfaces, OwnInterfaces());
  return facts;
}

std::string FormatHostReport(const HostReport& facts) {
  std::string text;
  const auto add = [&text](std::string_view key, const auto& value) {
    text += StrCat(kPrefix, key, " ", value, "\n");
  };
  add("host", facts.host_name);
  add("ronde", facts.ronde_version);
  if (!facts.mpi_version.empty()) add("mpi", facts.mpi_version);
  add("program", facts.program_problem.empty() ? std::string(kFine) : facts.program_problem);
  add("shm", facts.shared_memory_free_bytes);
  for (const NetworkInterface& interface : facts.interfaces) {
    text += StrCat(kPrefix, FormatInterface(interface), "\n");
  }
  add("end", kFine);
  return text;
}

Result<HostReport> ParseHostReport(std::string_view text) {
  HostReport facts;
  bool ended = false;
  while (!text.empty()) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.substr(0, kPrefix.size()) != kPrefix) continue;
    line.remove_prefix(kPrefix.size());
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view value = line.substr(std::min(space + 1, line.size()));
    if (!TakeFact(line.substr(0, space), value, &facts)) {
      return Status::InvalidArgument(StrCat("answers '", line, "', which ronderun cannot read"));
    }
    ended |= line.substr(0, space) == "end";
  }
  if (!ended) return Status::InvalidArgument("answers with facts that do not end");
  return facts;
}

std::optional<int> RunHostReportCommand(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3 || arguments[1] != kCommand) return std::nullopt;
  const Result<HostReport> facts = CollectHostReport(arguments[2]);
  if (!facts.ok()) return ReportBadInput("ronderun", facts.status());
  std::fputs(FormatHostReport(facts.value()).c_str(), stdout);
  return 0;
}

}  // namespace ronde
