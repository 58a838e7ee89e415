#include "core/control/slot_directory.h"

#include <utility>

#include "core/control/process_sets.h"

namespace ronde {

SlotDirectory::SlotDirectory(int capacity) : entries_(static_cast<std::size_t>(capacity)) {
  for (int slot = capacity - 1; slot >= 0; --slot) free_.push_back(slot);
}

bool SlotDirectory::IsCacheable(const Request& request) {
  switch (request.kind) {
    case OperationKind::kAllreduce:
    case OperationKind::kBroadcast:
    case OperationKind::kAllgather:
    case OperationKind::kBarrier:
    case OperationKind::kReducescatter:
    case OperationKind::kAlltoall:
      return true;
    case OperationKind::kModelAverage:  // no two are of the same step
    case OperationKind::kAllocate:
    case OperationKind::kJoin:
    case OperationKind::kAddProcessSet:
    case OperationKind::kRemoveProcessSet:
      return false;
  }
  return false;
}

int SlotDirectory::Find(const std::string& key) const {
  const auto found = slots_.find(key);
  return found == slots_.end() ? -1 : found->second;
}

bool SlotDirectory::Holds(int slot) const {
  return slot >= 0 && static_cast<std::size_t>(slot) < entries_.size() &&
         !entries_[slot].key.empty();
}

int SlotDirectory::Assign(const std::string& key, std::shared_ptr<Response> response,
                          std::uint64_t list) {
  const int slot = free_.back();
  free_.pop_back();
  Entry& entry = entries_[slot];
  entry.key = key;
  entry.response = std::move(response);
  entry.changed_in = list;
  entry.age = by_age_.insert(by_age_.end(), slot);
  slots_[key] = slot;
  return slot;
}

void SlotDirectory::Touch(int slot, std::uint64_t list) {
  Entry& entry = entries_[slot];
  entry.changed_in = list;
  by_age_.splice(by_age_.end(), entry.pinned ? pinned_ : by_age_, entry.age);
  entry.pinned = false;
}

void SlotDirectory::Pin(int slot) {
  Entry& entry = entries_[slot];
  if (entry.pinned) return;
  pinned_.splice(pinned_.end(), by_age_, entry.age);
  entry.pinned = true;
}

void SlotDirectory::Evict(int slot, std::uint64_t list) {
  Entry& entry = entries_[slot];
  slots_.erase(entry.key);
  (entry.pinned ? pinned_ : by_age_).erase(entry.age);
  entry.pinned = false;
  entry.key.clear();
  entry.response.reset();
  entry.changed_in = list;
  free_.push_back(slot);
}

std::vector<int> SlotDirectory::SlotsOf(int set) const {
  std::vector<int> slots;
  for (const auto* used : {&by_age_, &pinned_}) {
    for (const int slot : *used) {
      if (SetOf(entries_[slot].response->request) == set) slots.push_back(slot);
    }
  }
  return slots;
}

}  // namespace ronde
