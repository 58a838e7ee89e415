#include "launcher/hostfile.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::string_view kSpace = " \t\r\v\f";
constexpr std::string_view kExpected = "expected 'host', 'host slots=N max_slots=N' or 'host:N'";

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

// One "key=value" of Open MPI's form.
Status ReadKey(std::string_view word, bool* has_slots, HostSlots* entry) {
  const std::size_t equals = std::min(word.find('='), word.size());
  const std::string_view key = word.substr(0, equals);
  const bool is_slots = key == "slots" || key == "count";
  const bool is_limit = key == "max_slots" || key == "max-slots";
  if (key == "username") {
    return Status::InvalidArgument(StrCat("'", word, "' names a user; write it below 'Host ",
                                          entry->host, "' in ~/.ssh/config"));
  }
  if (!is_slots && !is_limit) return Status::InvalidArgument(StrCat("'", word, "' is not known"));
  if (is_slots ? *has_slots : entry->max_slots > 0) {
    return Status::InvalidArgument(StrCat("'", word, "' gives ", key, " a second time"));
  }
  const std::string_view value = word.substr(std::min(equals + 1, word.size()));
  if (!ParseSlotCount(value, is_slots ? &entry->slots : &entry->max_slots)) {
    return Status::InvalidArgument(StrCat("'", word, "' needs a number from 1 to 65536"));
  }
  *has_slots |= is_slots;
  return Status::Ok();
}

// Reads the words of one non-empty line.
Result<HostSlots> ReadLine(const std::vector<std::string>& words) {
  RONDE_ASSIGN_OR_RETURN(HostSlots entry, ParseHostEntry(words.front()));
  bool has_slots = words.front().size() > entry.host.size() && words.front().back() != ']';
  for (std::size_t i = 1; i < words.size(); ++i) {
    RONDE_RETURN_IF_ERROR(ReadKey(words[i], &has_slots, &entry));
  }
  if (entry.max_slots > 0 && entry.max_slots < entry.slots) {
    return Status::InvalidArgument(StrCat("host '", entry.host, "' has ", entry.slots,
                                          " slots but max_slots=", entry.max_slots,
                                          "; raise max_slots or leave it out"));
  }
  return entry;
}

}  // namespace

Result<std::vector<HostSlots>> ParseHostfile(std::string_view text, std::string_view file_name) {
  std::vector<HostSlots> hosts;
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const std::vector<std::string> words = SplitWords(line);
    if (words.empty()) continue;
    Result<HostSlots> entry = ReadLine(words);
    const Status status = entry.ok() ? AddHost(std::move(entry).value(), &hosts) : entry.status();
    if (!status.ok()) {
      return Status::InvalidArgument(StrCat("hostfile ", file_name, ", line ", line_number, ": ",
                                            status.message(), "; ", kExpected));
    }
  }
  if (!hosts.empty()) return hosts;
  return Status::InvalidArgument(
      StrCat("hostfile ", file_name, " names no host; ", kExpected, " on each line"));
}

Result<std::vector<HostSlots>> ReadHostfile(const std::string& path) {
  std::ifstream file(path);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return Status::InvalidArgument(
        StrCat("hostfile '", path, "' cannot be read; check the path and its permissions"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return ParseHostfile(text.str(), path);
}

}  // namespace ronde
