#include "tests/soak/operation.h"

#include <array>

#include "core/base/strcat.h"

namespace ronde::soak {
namespace {

constexpr std::array<const char*, 11> kForms = {
    "allreduce", "group",   "broadcast", "allgather",    "allgather into", "reducescatter",
    "alltoall",  "barrier", "average",   "gather group", "scatter group"};

constexpr std::array<const char*, 12> kDeviations = {
    "",         "kind",      "type",   "shape", "operator", "root",
    "prescale", "postscale", "window", "group", "splits",   "destination"};

}  // namespace

std::string ToText(const Operation& operation) {
  std::string text = StrCat(kForms[static_cast<std::size_t>(operation.form)], " '", operation.name,
                            "' ", Name(operation.dtype), " ", Name(operation.op), " rows ",
                            ToString(operation.rows), " x ", operation.columns);
  if (operation.set != 0) {
    text += StrCat(" in set ", operation.set, " of");
    for (const int rank : operation.members) text += StrCat(" ", rank);
  }
  if (operation.registered) text += " registered";
  if (operation.chained) text += " from a callback";
  if (operation.deviation != Deviation::kNone) {
    text += StrCat(" (member ", operation.deviant, " deviates in its ",
                   kDeviations[static_cast<std::size_t>(operation.deviation)], ")");
  }
  return text;
}

}  // namespace ronde::soak
