#include "core/control/process_sets.h"

#include <algorithm>
#include <numeric>

namespace ronde {

ProcessSets::ProcessSets(int world_size) {
  std::vector<int>& world = sets_[kWorld];
  world.resize(static_cast<std::size_t>(world_size));
  std::iota(world.begin(), world.end(), 0);
}

const std::vector<int>* ProcessSets::Find(int set) const {
  const auto found = sets_.find(set);
  return found == sets_.end() ? nullptr : &found->second;
}

bool ProcessSets::Contains(int set, int rank) const {
  const std::vector<int>* members = Find(set);
  return members != nullptr && std::binary_search(members->begin(), members->end(), rank);
}

void ProcessSets::Add(const std::vector<std::int64_t>& members) {
  sets_[next_number_++].assign(members.begin(), members.end());
}

int SetOf(const Request& request) {
  const bool changes_sets = request.kind == OperationKind::kAddProcessSet ||
                            request.kind == OperationKind::kRemoveProcessSet;
  return changes_sets ? kWorld : request.process_set;
}

std::string KeyOf(int set, const std::string& name) {
  if (set == kWorld) return name;
  // No name contains a zero byte that is followed by a number by accident.
  std::string key = name;
  key.push_back('\0');
  return key.append(std::to_string(set));
}

}  // namespace ronde
