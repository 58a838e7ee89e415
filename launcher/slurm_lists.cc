#include "launcher/slurm_lists.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>

#include "core/base/strcat.h"
#include "launcher/host_spec.h"

namespace ronde {
namespace {

constexpr std::size_t kMaxEntries = 65536;
constexpr std::size_t kMaxDigits = 9;

Status Wrong(std::string_view part, std::string_view problem) {
  return Status::InvalidArgument(StrCat("'", part, "' ", problem));
}

// Takes what stands before the next comma that no bracket encloses.
std::string_view TakeItem(std::string_view* list) {
  std::size_t end = 0;
  for (int depth = 0; end < list->size(); ++end) {
    const char c = (*list)[end];
    if (c == ',' && depth == 0) break;
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
  }
  const std::string_view item = list->substr(0, end);
  list->remove_prefix(std::min(end + 1, list->size()));
  return item;
}

bool ParseDigits(std::string_view text, std::int64_t* number) {
  const bool digits =
      !text.empty() && text.size() <= kMaxDigits &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (digits) std::from_chars(text.data(), text.data() + text.size(), *number);
  return digits;
}

std::string Padded(std::int64_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width > digits.size() ? width - digits.size() : 0, '0') + digits;
}

// "01-03,7" -> 01 02 03 7.
Result<std::vector<std::string>> ExpandRanges(std::string_view ranges) {
  std::vector<std::string> numbers;
  const std::string_view whole = ranges;
  while (true) {
    const std::size_t comma = std::min(ranges.find(','), ranges.size());
    const std::string_view range = ranges.substr(0, comma);
    const std::size_t dash = std::min(range.find('-'), range.size());
    std::int64_t first = 0;
    if (!ParseDigits(range.substr(0, dash), &first)) return Wrong(whole, "is no list of ranges");
    std::int64_t last = first;
    if (dash < range.size() && !ParseDigits(range.substr(dash + 1), &last)) {
      return Wrong(whole, "is no list of ranges");
    }
    if (last < first) return Wrong(range, "counts down");
    if (numbers.size() + static_cast<std::size_t>(last - first) >= kMaxEntries) {
      return Wrong(whole, StrCat("is more than ", kMaxEntries, " hosts"));
    }
    for (std::int64_t n = first; n <= last; ++n) numbers.push_back(Padded(n, dash));
    if (comma == ranges.size()) return numbers;
    ranges.remove_prefix(comma + 1);
  }
}

// "a[1-2]b[3-4]" -> a1b3 a1b4 a2b3 a2b4: the names made so far, each with every number.
Result<std::vector<std::string>> ExpandItem(std::string_view item) {
  std::vector<std::string> names = {""};
  std::string_view rest = item;
  while (!rest.empty()) {
    const std::size_t open = std::min(rest.find('['), rest.size());
    for (std::string& name : names) name += rest.substr(0, open);
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const std::size_t close = rest.find(']');
    if (close == std::string_view::npos) return Wrong(item, "has no ']'");
    RONDE_ASSIGN_OR_RETURN(const std::vector<std::string> numbers,
                           ExpandRanges(rest.substr(1, close - 1)));
    if (names.size() * numbers.size() > kMaxEntries) {
      return Wrong(item, StrCat("is more than ", kMaxEntries, " hosts"));
    }
    std::vector<std::string> longer;
    longer.reserve(names.size() * numbers.size());
    for (const std::string& name : names) {
      for (const std::string& number : numbers) longer.push_back(name + number);
    }
    names = std::move(longer);
    rest.remove_prefix(close + 1);
  }
  for (const std::string& name : names) {
    const Result<HostSlots> entry = ParseHostEntry(name);
    if (!entry.ok() || entry.value().host != name) return Wrong(item, "is no host name");
  }
  return names;
}

}  // namespace

Result<std::vector<std::string>> ExpandSlurmHosts(std::string_view list) {
  std::vector<std::string> hosts;
  do {
    RONDE_ASSIGN_OR_RETURN(std::vector<std::string> names, ExpandItem(TakeItem(&list)));
    if (hosts.size() + names.size() > kMaxEntries) {
      return Status::InvalidArgument(StrCat("names more than ", kMaxEntries, " hosts"));
    }
    std::move(names.begin(), names.end(), std::back_inserter(hosts));
  } while (!list.empty());
  return hosts;
}

Result<std::vector<int>> ExpandSlurmCounts(std::string_view list) {
  std::vector<int> counts;
  do {
    const std::string_view item = TakeItem(&list);
    const std::size_t open = item.find("(x");
    int count = 0;
    int times = 1;
    const bool repeats = open != std::string_view::npos;
    if (!ParseSlotCount(item.substr(0, open), &count) ||
        (repeats && (item.back() != ')' ||
                     !ParseSlotCount(item.substr(open + 2, item.size() - open - 3), &times)))) {
      return Wrong(item, "is not of the form N or N(xTIMES)");
    }
    if (counts.size() + static_cast<std::size_t>(times) > kMaxEntries) {
      return Status::InvalidArgument(StrCat("counts for more than ", kMaxEntries, " nodes"));
    }
    counts.insert(counts.end(), static_cast<std::size_t>(times), count);
  } while (!list.empty());
  return counts;
}

}  // namespace ronde
