// Which hosts a job runs on: those given by hand, or the batch system's.
#include <algorithm>

#include "core/base/strcat.h"
#include "launcher/allocation.h"

namespace ronde {
namespace {

std::string_view ShortName(std::string_view host) {
  const bool is_address = host.find_first_not_of("0123456789.") == std::string_view::npos ||
                          host.find(':') != std::string_view::npos;
  return is_address ? host : host.substr(0, host.find('.'));
}

const HostSlots* FindHost(const std::vector<HostSlots>& hosts, std::string_view name) {
  const auto has = [&hosts](auto&& matches) -> const HostSlots* {
    const auto found = std::find_if(hosts.begin(), hosts.end(), matches);
    return found == hosts.end() ? nullptr : &*found;
  };
  if (const HostSlots* exact = has([&](const HostSlots& h) { return h.host == name; })) {
    return exact;
  }
  // Two full names must agree; "n1" and "n1.cluster.org" are one host.
  const bool is_short = ShortName(name) == name;
  return has([&](const HostSlots& h) {
    const bool other_is_short = ShortName(h.host) == h.host;
    return is_short != other_is_short && ShortName(h.host) == ShortName(name);
  });
}

std::vector<std::string> NamesOf(const std::vector<HostSlots>& hosts) {
  std::vector<std::string> names;
  names.reserve(hosts.size());
  for (const HostSlots& entry : hosts) names.push_back(entry.host);
  return names;
}

// Two spellings of one host that meet here add up, as equal ones did when they were read.
Result<HostPlan> ChooseFrom(const Allocation& allocation, const std::vector<HostSlots>& given,
                            std::string_view given_by, std::string_view own_host) {
  HostPlan plan;
  for (const HostSlots& entry : given) {
    const std::string_view name = entry.host == "localhost" ? own_host : entry.host;
    const HostSlots* allocated = FindHost(allocation.hosts, name);
    if (allocated == nullptr) {
      return Status::InvalidArgument(
          StrCat(given_by, ": host '", entry.host, "' is outside ", allocation.name, ", which has ",
                 FormatHostNames(NamesOf(allocation.hosts)), "; choose from these, leave ",
                 given_by, " out to use them all, or allocate '", entry.host, "' too"));
    }
    HostSlots chosen = entry;
    chosen.host = allocated->host;
    RONDE_RETURN_IF_ERROR(AddHost(std::move(chosen), &plan.hosts));
    if (entry.slots > allocated->slots && plan.note.empty()) {
      plan.note = StrCat(given_by, " gives ", entry.slots, " slots to ", allocated->host, "; ",
                         allocation.name, " has ", allocated->slots, " there");
    }
  }
  return plan;
}

}  // namespace

Result<HostPlan> ChooseHosts(const std::vector<HostSlots>& given, std::string_view given_by,
                             const Allocation& allocation, std::string_view own_host) {
  if (!given.empty() && allocation.system != BatchSystem::kNone) {
    return ChooseFrom(allocation, given, given_by, own_host);
  }
  HostPlan plan;
  plan.hosts = given.empty() ? allocation.hosts : given;
  plan.from_allocation = given.empty() && allocation.system != BatchSystem::kNone;
  return plan;
}

}  // namespace ronde
