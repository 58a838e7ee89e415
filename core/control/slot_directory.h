#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/control/message.h"

namespace ronde {

/// Rank 0's side of the response cache: which operation has which slot. It decides for all ranks;
/// the least recently used slot makes room for the next operation.
/// Thread rule: engine-only (rank 0).
class SlotDirectory {
 public:
  /// Capacity 0 is no cache at all.
  explicit SlotDirectory(int capacity);

  /// Whether operations of this kind ask for the same thing again and again.
  [[nodiscard]] static bool IsCacheable(const Request& request);

  /// The slot of an operation, or -1.
  [[nodiscard]] int Find(const std::string& key) const;
  [[nodiscard]] bool Holds(int slot) const;
  [[nodiscard]] const std::string& KeyOfSlot(int slot) const { return entries_[slot].key; }
  [[nodiscard]] const std::shared_ptr<Response>& ResponseOf(int slot) const {
    return entries_[slot].response;
  }
  /// The response list since which the slot means what it means, and waits for what it waits for:
  /// ranks that had not seen it speak of something else.
  [[nodiscard]] std::uint64_t changed_in(int slot) const { return entries_[slot].changed_in; }

  /// Whether Assign needs a slot to be evicted first: the least recently used one.
  [[nodiscard]] bool IsFull() const { return free_.empty(); }
  [[nodiscard]] int Oldest() const { return by_age_.empty() ? -1 : by_age_.front(); }
  /// The slot that stands for `response` from list number `list` on. Requires !IsFull().
  int Assign(const std::string& key, std::shared_ptr<Response> response, std::uint64_t list);
  /// The slot has been answered in list number `list`.
  void Touch(int slot, std::uint64_t list);
  /// It is never the oldest before the next Touch.
  void Pin(int slot);
  [[nodiscard]] bool IsPinned(int slot) const { return entries_[slot].pinned; }
  void Evict(int slot, std::uint64_t list);
  /// Slots of operations in process set `set`.
  [[nodiscard]] std::vector<int> SlotsOf(int set) const;

 private:
  struct Entry {
    std::string key;                     // empty: the slot is free
    std::shared_ptr<Response> response;  // as agreed, for all ranks
    std::uint64_t changed_in = 0;
    bool pinned = false;
    std::list<int>::iterator age;  // in by_age_, or in pinned_
  };

  std::vector<Entry> entries_;
  std::vector<int> free_;
  std::list<int> by_age_;  // slots in use, the least recently used first
  std::list<int> pinned_;
  std::unordered_map<std::string, int> slots_;
};

}  // namespace ronde
