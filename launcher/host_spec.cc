#include "launcher/host_spec.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <limits>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr int kMaxSlots = 65536;

bool IsIpv6Address(std::string_view text) {
  in6_addr ignored = {};
  // What follows a zero byte would be overlooked.
  if (text.find('\0') != std::string_view::npos) return false;
  return inet_pton(AF_INET6, std::string(text).c_str(), &ignored) == 1;
}

bool IsHostName(std::string_view text) {
  if (text.empty() || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
  });
}

// What other launchers understand here, and what to say to ours.
std::string ForeignForm(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at != std::string_view::npos) {
    const std::string_view user = text.substr(0, at);
    const std::string_view rest = text.substr(at + 1);
    return StrCat("names a user; write 'User ", user, "' below 'Host ",
                  rest.substr(0, rest.find(':')), "' in ~/.ssh/config and leave out '", user, "@'");
  }
  if (text.find('[') != std::string_view::npos) {
    return "is a range as Slurm writes it; name each host (inside a Slurm job, leave it out: the "
           "job's hosts are known)";
  }
  if (text.front() == '^' || text.front() == '+') {
    return "excludes hosts or counts them, as only mpirun can; name the hosts to run on";
  }
  if (IsIpv6Address(text)) return StrCat("is an IPv6 address, which needs brackets: [", text, "]");
  return "does not start with a host name";
}

Result<HostSlots> ParseBracketed(std::string_view text, std::string_view* rest) {
  const std::size_t close = text.find(']');
  const std::string_view address = close == std::string_view::npos ? "" : text.substr(1, close - 1);
  if (!IsIpv6Address(address)) {
    return Status::InvalidArgument(StrCat("'", text, "' has no IPv6 address in its brackets"));
  }
  *rest = text.substr(close + 1);
  return HostSlots{.host = std::string(address)};
}

Result<HostSlots> ParseNamed(std::string_view text, std::string_view* rest) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view name = text.substr(0, colon);
  if (text.empty()) return Status::InvalidArgument("a host name is missing");
  if (!IsHostName(name) || IsIpv6Address(text)) {
    return Status::InvalidArgument(StrCat("'", text, "' ", ForeignForm(text)));
  }
  *rest = text.substr(colon);
  return HostSlots{.host = std::string(name)};
}

}  // namespace

bool ParseSlotCount(std::string_view text, int* slots) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *slots);
  return error == std::errc() && end == text.data() + text.size() && *slots >= 1 &&
         *slots <= kMaxSlots;
}

Result<HostSlots> ParseHostEntry(std::string_view text) {
  std::string_view rest;
  const bool bracketed = !text.empty() && text.front() == '[';
  RONDE_ASSIGN_OR_RETURN(HostSlots entry,
                         bracketed ? ParseBracketed(text, &rest) : ParseNamed(text, &rest));
  const bool has_slots = !rest.empty();
  if (has_slots && (rest.front() != ':' || !ParseSlotCount(rest.substr(1), &entry.slots))) {
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
    const bool both_limited = known.max_slots > 0 && entry.max_slots > 0;
    known.max_slots = both_limited ? known.max_slots + entry.max_slots : 0;
    return Status::Ok();
  }
  hosts->push_back(std::move(entry));
  return Status::Ok();
}

Result<std::vector<HostSlots>> ParseHostList(std::string_view text) {
  std::vector<HostSlots> hosts;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    Result<HostSlots> entry = ParseHostEntry(text.substr(0, comma));
    const Status status = entry.ok() ? AddHost(std::move(entry).value(), &hosts) : entry.status();
    if (!status.ok()) {
      return Status::InvalidArgument(
          StrCat("--hosts: ", status.message(), "; expected host[:slots],host[:slots],..."));
    }
    if (comma == text.size()) return hosts;
    text.remove_prefix(comma + 1);
  }
}

int TotalSlots(const std::vector<HostSlots>& hosts) {
  std::int64_t total = 0;
  for (const HostSlots& entry : hosts) total += entry.slots;
  return static_cast<int>(std::min<std::int64_t>(total, std::numeric_limits<int>::max()));
}

std::string FormatHostList(const std::vector<HostSlots>& hosts) {
  std::string text;
  for (const HostSlots& entry : hosts) {
    const bool is_ipv6 = entry.host.find(':') != std::string::npos;
    text += StrCat(text.empty() ? "" : ",", is_ipv6 ? "[" : "", entry.host, is_ipv6 ? "]" : "", ":",
                   entry.slots);
  }
  return text;
}

std::string FormatHostNames(const std::vector<std::string>& names, std::size_t most) {
  std::string text;
  const std::size_t shown = names.size() <= most ? names.size() : most - 1;
  for (std::size_t i = 0; i < shown; ++i) text += StrCat(i == 0 ? "" : ", ", names[i]);
  return shown == names.size() ? text : StrCat(text, " and ", names.size() - shown, " more");
}

}  // namespace ronde
