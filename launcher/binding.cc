#include "launcher/binding.h"

#include <string>

#include "core/base/strcat.h"

namespace ronde {

Result<BindingChoice> ParseBinding(std::string_view text) {
  if (text == "auto") return BindingChoice::kAuto;
  if (text == "core") return BindingChoice::kCore;
  if (text == "numa") return BindingChoice::kNuma;
  if (text == "none") return BindingChoice::kNone;
  return Status::InvalidArgument(
      StrCat("--bind: '", text, "' is not accepted; expected one of auto, core, numa, none"));
}

Binding ChooseBinding(BindingChoice choice, int ranks_per_host, const Topology& topology) {
  constexpr int kCoresOfARank = 2;  // engine and computation
  switch (choice) {
    case BindingChoice::kCore:
      return Binding::kCore;
    case BindingChoice::kNuma:
      return Binding::kNuma;
    case BindingChoice::kNone:
      return Binding::kNone;
    case BindingChoice::kAuto:
      break;
  }
  const bool spreads_evenly =
      topology.numa_nodes > 1 && ranks_per_host > 0 && ranks_per_host % topology.numa_nodes == 0;
  const bool has_cores = topology.available_cores >= kCoresOfARank * ranks_per_host;
  return spreads_evenly && has_cores ? Binding::kNuma : Binding::kNone;
}

}  // namespace ronde
