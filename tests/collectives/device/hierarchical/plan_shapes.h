#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "collectives/device/hierarchical/plan.h"

namespace ronde {

/// An invented topology and how the plan is to be for it.
struct PlanCase {
  std::string name;
  DevicePlanShape shape;
};
inline std::ostream& operator<<(std::ostream& out, const PlanCase& plan_case) {
  return out << plan_case.name;
}

/// `ranks` on each of `hosts` hosts, with the form that is chosen for them.
inline DevicePlanShape EvenShape(int hosts, int ranks, std::int64_t count,
                                 std::size_t chunk_bytes) {
  DevicePlanShape shape;
  shape.count = count;
  shape.dtype = DataType::kFloat32;
  shape.ranks_per_host.assign(static_cast<std::size_t>(hosts), ranks);
  shape.chunk_bytes = chunk_bytes;
  shape.net =
      DeviceNetForm(hosts, static_cast<std::size_t>(count) * 4 / static_cast<std::size_t>(ranks));
  return shape;
}

/// Every topology, form, way and awkward count that the invariants are checked on.
[[nodiscard]] std::vector<PlanCase> PlanCases();

}  // namespace ronde
