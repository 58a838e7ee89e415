#include "frontends/session/process_set_text.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// What stands before the next `separator`, which goes as well; nothing is left after the last.
std::string_view TakePart(std::optional<std::string_view>& rest, char separator) {
  const std::size_t end = rest->find(separator);
  const std::string_view part = rest->substr(0, end);
  if (end == std::string_view::npos) {
    rest.reset();
  } else {
    rest->remove_prefix(end + 1);
  }
  return Trimmed(part);
}

std::optional<int> ParseRank(std::string_view text) {
  int rank = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error != std::errc() || end != text.data() + text.size() || rank < 0) return std::nullopt;
  return rank;
}

// "4" or "4-7", behind the ranks that the set has so far. Says what is wrong, or nothing.
std::string AppendRanks(std::string_view part, int size, std::vector<int>& ranks) {
  const std::size_t dash = part.find('-');
  const std::optional<int> first = ParseRank(Trimmed(part.substr(0, dash)));
  const std::optional<int> last =
      dash == std::string_view::npos ? first : ParseRank(Trimmed(part.substr(dash + 1)));
  if (!first || !last) {
    return StrCat("'", part, "' is neither a rank nor a range of ranks such as 4-7");
  }
  if (*last < *first) return StrCat("range ", part, " ends before it begins");
  if (*last >= size) {
    return StrCat("rank ", *last, " does not exist; ranks are 0 to ", size - 1);
  }
  if (!ranks.empty() && *first <= ranks.back()) {
    return StrCat("rank ", *first, " comes after rank ", ranks.back(),
                  "; name each rank once, in ascending order");
  }
  for (int rank = *first; rank <= *last; ++rank) ranks.push_back(rank);
  return "";
}

}  // namespace

Result<std::vector<std::vector<int>>> ParseProcessSets(std::string_view text, int size) {
  std::vector<std::vector<int>> sets;
  if (Trimmed(text).empty()) return sets;
  std::optional<std::string_view> rest = text;
  while (rest) {
    std::optional<std::string_view> set = TakePart(rest, ';');
    std::vector<int>& ranks = sets.emplace_back();
    while (set) {
      const std::string wrong = AppendRanks(TakePart(set, ','), size, ranks);
      if (wrong.empty()) continue;
      return Status::InvalidArgument(StrCat("--process-sets: set ", sets.size(), " of '", text,
                                            "': ", wrong, "; expected sets like 0-3;4-7;0,4"));
    }
  }
  return sets;
}

}  // namespace ronde
