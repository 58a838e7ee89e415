#include "core/base/available_memory.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>

namespace ronde {
namespace {

constexpr std::uint64_t kUnlimited = UINT64_MAX;
// Version 1 writes a number even where there is no limit: the largest one in whole pages.
constexpr std::uint64_t kLargestLimit = std::uint64_t{1} << 62;

// One hierarchy that accounts for memory: the files of its groups.
struct MemoryFiles {
  const char* limit;
  const char* usage;
  // Lines in memory.stat: what the kernel can take back, which shared memory is not.
  std::array<const char*, 2> cached_files;
};
constexpr MemoryFiles kVersion1 = {"/memory.limit_in_bytes",
                                   "/memory.usage_in_bytes",
                                   {"total_inactive_file", "total_active_file"}};
constexpr MemoryFiles kVersion2 = {
    "/memory.max", "/memory.current", {"inactive_file", "active_file"}};

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The number that `text` begins with, after blanks.
std::optional<std::uint64_t> NumberIn(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// The number in the line that begins with `key`.
std::optional<std::uint64_t> NumberAfter(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.substr(0, key.size()) == key) return NumberIn(line.substr(key.size()));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return std::nullopt;
}

std::uint64_t LeftIn(const std::string& folder, const MemoryFiles& files) {
  const std::optional<std::uint64_t> limit = NumberIn(TextOf(folder + files.limit));
  if (!limit || *limit > kLargestLimit) return kUnlimited;
  const std::uint64_t used = NumberIn(TextOf(folder + files.usage)).value_or(0);
  const std::string stat = TextOf(folder + "/memory.stat");
  std::uint64_t cached = 0;
  for (const char* line : files.cached_files) cached += NumberAfter(stat, line).value_or(0);
  return *limit - std::min(*limit, used - std::min(used, cached));
}

}  // namespace

std::uint64_t AvailableOnHostBytes(std::string_view meminfo) {
  const std::optional<std::uint64_t> kibibytes = NumberAfter(meminfo, "MemAvailable:");
  return kibibytes ? *kibibytes * 1024 : kUnlimited;
}

std::uint64_t LeftByControlGroupsBytes(std::string_view groups, const std::string& mount) {
  std::uint64_t least = kUnlimited;
  for (const std::string& folder : ControlGroupFolders(groups, "", mount)) {
    least = std::min(least, LeftIn(folder, kVersion2));
  }
  for (const std::string& folder : ControlGroupFolders(groups, "memory", mount + "/memory")) {
    least = std::min(least, LeftIn(folder, kVersion1));
  }
  return least;
}

std::uint64_t AvailableMemoryBytes() {
  return std::min(AvailableOnHostBytes(TextOf("/proc/meminfo")),
                  LeftByControlGroupsBytes(TextOf(kOwnControlGroups)));
}

}  // namespace ronde
