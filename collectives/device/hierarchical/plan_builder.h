#pragma once

#include <map>
#include <utility>
#include <vector>

#include "collectives/device/hierarchical/plan.h"

namespace ronde {

/// Makes a plan out of steps that would be right one after the other: finds out which must wait for
/// which, so that they may run at once. A step waits for whoever wrote what it reads or writes, and
/// for whoever reads what it writes.
class PlanBuilder {
 public:
  /// Steps are appended to `plan`, which must outlive this.
  explicit PlanBuilder(DevicePlan& plan) : plan_(plan) {}

  void Append(PlanStep step);

 private:
  struct Access {
    std::size_t begin;
    std::size_t end;
    int step;
    bool writes;
  };
  /// Adds what must be done before `place` is read or written.
  void CollectWaits(const PlanPlace& place, bool writes, std::vector<int>& after) const;
  void Remember(const PlanPlace& place, int step, bool writes);

  DevicePlan& plan_;
  // By space and slot. Of the tensor, which each step touches within its own chunk, by chunk.
  std::map<std::pair<PlanSpace, int>, std::vector<Access>> accesses_;
  int chunk_ = 0;
};

}  // namespace ronde
