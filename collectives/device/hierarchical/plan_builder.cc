#include "collectives/device/hierarchical/plan_builder.h"

#include <algorithm>

namespace ronde {
namespace {

std::pair<PlanSpace, int> KeyOf(const PlanPlace& place, int chunk) {
  return {place.space, place.space == PlanSpace::kTensor ? chunk : place.slot};
}

}  // namespace

void PlanBuilder::Append(PlanStep step) {
  chunk_ = step.chunk;
  const int number = static_cast<int>(plan_.steps.size());
  for (const PlanPlace& place : step.reads) CollectWaits(place, /*writes=*/false, step.after);
  for (const PlanPlace& place : step.writes) CollectWaits(place, /*writes=*/true, step.after);
  std::sort(step.after.begin(), step.after.end());
  step.after.erase(std::unique(step.after.begin(), step.after.end()), step.after.end());
  for (const PlanPlace& place : step.reads) Remember(place, number, /*writes=*/false);
  for (const PlanPlace& place : step.writes) Remember(place, number, /*writes=*/true);
  plan_.steps.push_back(std::move(step));
}

void PlanBuilder::CollectWaits(const PlanPlace& place, bool writes, std::vector<int>& after) const {
  const auto found = accesses_.find(KeyOf(place, chunk_));
  if (found == accesses_.end()) return;
  for (const Access& access : found->second) {
    const bool overlaps = access.begin < place.end() && place.begin < access.end;
    if (overlaps && (writes || access.writes)) after.push_back(access.step);
  }
}

void PlanBuilder::Remember(const PlanPlace& place, int step, bool writes) {
  std::vector<Access>& known = accesses_[KeyOf(place, chunk_)];
  if (writes) {
    // Whoever waits for this step waits for those, too.
    std::erase_if(known, [&](const Access& access) {
      return place.begin <= access.begin && access.end <= place.end() && access.step != step;
    });
  }
  known.push_back({place.begin, place.end(), step, writes});
}

}  // namespace ronde
