#include "collectives/device/hierarchical/plan_schedule.h"

#include <map>
#include <utility>

namespace ronde {

PlanSchedule::PlanSchedule(DevicePlan plan_in)
    : plan(std::move(plan_in)), observed(plan.steps.size()) {
  std::map<std::pair<int, PlanStepKind>, std::vector<int>> links;
  for (std::size_t number = 0; number < plan.steps.size(); ++number) {
    const PlanStep& step = plan.steps[number];
    const int id = static_cast<int>(number);
    if (IsStream(step.engine)) {
      streams[static_cast<std::size_t>(step.engine)].push_back(id);
    } else if (step.engine == PlanEngine::kHost) {
      host.push_back(id);
    } else {
      links[{step.peer, step.kind}].push_back(id);
    }
    for (const int before : step.after) {
      const PlanEngine other = plan.steps[static_cast<std::size_t>(before)].engine;
      if (IsStream(other) && other != step.engine)
        observed[static_cast<std::size_t>(before)] = true;
    }
  }
  for (auto& [link, steps] : links) wire.push_back(std::move(steps));
  for (const std::vector<int>& steps : streams) {
    if (!steps.empty()) observed[static_cast<std::size_t>(steps.back())] = true;
  }
}

}  // namespace ronde
