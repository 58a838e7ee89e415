#include "launcher/host_spec.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr int kMaxSlots = 65536;
constexpr std::string_view kSpace = " \t\r\v\f";

bool ParseSlots(std::string_view text, int* slots) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *slots);
  return error == std::errc() && end == text.data() + text.size() && *slots >= 1 &&
         *slots <= kMaxSlots;
}

bool IsHostName(std::string_view text) {
  if (text.empty() || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

// Reads "host" or "host:N"; the error has no location yet.
Result<HostSlots> ParseHostColonSlots(std::string_view text) {
  const std::size_t colon = text.find(':');
  HostSlots entry{std::string(text.substr(0, colon)), 1};
  if (!IsHostName(entry.host)) {
    return Status::InvalidArgument(StrCat("'", text, "' does not start with a host name"));
  }
  if (colon != std::string_view::npos && !ParseSlots(text.substr(colon + 1), &entry.slots)) {
    return Status::InvalidArgument(
        StrCat("'", text, "' has no number of slots (1 to ", kMaxSlots, ") after ':'"));
  }
  return entry;
}

Status AddHost(HostSlots entry, std::vector<HostSlots>* hosts) {
  for (HostSlots& known : *hosts) {
    if (known.host != entry.host) continue;
    if (known.slots + entry.slots > kMaxSlots) {
      return Status::InvalidArgument(
          StrCat("host '", entry.host, "' has more than ", kMaxSlots, " slots in all"));
    }
    known.slots += entry.slots;
    return Status::Ok();
  }
  hosts->push_back(std::move(entry));
  return Status::Ok();
}

// Blanks around '=' go, so that "slots = 4" is one word.
std::vector<std::string> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  bool joins = false;
  while (true) {
    const std::size_t begin = line.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const std::size_t length = std::min(line.find_first_of(kSpace), line.size());
    const std::string_view word = line.substr(0, length);
    if (joins || (word.front() == '=' && !words.empty())) {
      words.back() += word;
    } else {
      words.emplace_back(word);
    }
    joins = words.back().back() == '=';
    line.remove_prefix(length);
  }
}

// Reads the words of one non-empty hostfile line.
Result<HostSlots> ParseHostfileWords(const std::vector<std::string>& words) {
  RONDE_ASSIGN_OR_RETURN(HostSlots entry, ParseHostColonSlots(words.front()));
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string_view key = word.substr(0, equals);
    const std::string_view value = word.substr(std::min(equals + 1, word.size()));
    const bool is_limit = key == "max_slots" || key == "max-slots";
    if (key != "slots" && !is_limit) {
      return Status::InvalidArgument(StrCat("'", word, "' is not known"));
    }
    int number = 0;
    if (!ParseSlots(value, &number)) {
      return Status::InvalidArgument(StrCat("'", word, "' needs a number from 1 to ", kMaxSlots));
    }
    if (!is_limit) entry.slots = number;
  }
  return entry;
}

}  // namespace

Result<std::vector<HostSlots>> ParseHostList(std::string_view text) {
  std::vector<HostSlots> hosts;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    Result<HostSlots> entry = ParseHostColonSlots(text.substr(0, comma));
    const Status status = entry.ok() ? AddHost(std::move(entry).value(), &hosts) : entry.status();
    if (!status.ok()) {
      return Status::InvalidArgument(
          StrCat("--hosts: ", status.message(), "; expected host[:slots],host[:slots],..."));
    }
    if (comma == text.size()) return hosts;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<HostSlots>> ParseHostfile(std::string_view text, std::string_view file_name) {
  std::vector<HostSlots> hosts;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const std::vector<std::string> words = SplitWords(line);
    if (words.empty()) continue;
    Result<HostSlots> entry = ParseHostfileWords(words);
    const Status status = entry.ok() ? AddHost(std::move(entry).value(), &hosts) : entry.status();
    if (!status.ok()) {
      return Status::InvalidArgument(StrCat("hostfile ", file_name, ", line ", line_number, ": ",
                                            status.message(),
                                            "; expected 'host', 'host slots=N' or 'host:N'"));
    }
  }
  if (hosts.empty()) {
    return Status::InvalidArgument(StrCat("hostfile ", file_name,
                                          " names no host; expected lines of the form 'host', "
                                          "'host slots=N' or 'host:N'"));
  }
  return hosts;
}

int TotalSlots(const std::vector<HostSlots>& hosts) {
  std::int64_t total = 0;
  for (const HostSlots& entry : hosts) total += entry.slots;
  return static_cast<int>(std::min<std::int64_t>(total, std::numeric_limits<int>::max()));
}

std::string FormatHostList(const std::vector<HostSlots>& hosts) {
  std::string text;
  for (const HostSlots& entry : hosts) {
    text += StrCat(text.empty() ? "" : ",", entry.host, ":", entry.slots);
  }
  return text;
}

}  // namespace ronde
