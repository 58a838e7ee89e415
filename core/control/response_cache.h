#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/control/message.h"

namespace ronde {

/// What rank 0 has answered before, on this rank: the whole request -> one slot. Changed only as
/// response lists say, so that a slot means the same operation on all ranks; a rank that asks for
/// something else under that name does not find its request here, and asks in full.
/// Thread rule: engine-only.
class ResponseCache {
 public:
  /// The slot of exactly this request of this rank, or -1.
  [[nodiscard]] int Find(const Request& request) const;
  /// Whether `slot` stands for exactly this request of this rank: as Find, where the slot is known.
  [[nodiscard]] bool Matches(int slot, const Request& request) const;

  /// The slot of the operation, whatever this rank asked for; or -1.
  [[nodiscard]] int SlotOf(const std::string& key) const;

  /// Slot `slot` stands for `response` from list number `list` on. `mine` is what this rank asked
  /// for, or null where it is not in the process set.
  void Put(int slot, std::shared_ptr<Response> response, const Request* mine, std::uint64_t list);
  void Evict(int slot, std::uint64_t list);
  /// The slot was answered in list number `list`.
  void MarkAnswered(int slot, std::uint64_t list) { entries_[slot].changed_in = list; }

  [[nodiscard]] bool Holds(int slot) const;
  [[nodiscard]] const std::shared_ptr<Response>& ResponseOf(int slot) const {
    return entries_[slot].response;
  }
  [[nodiscard]] const std::string& KeyOfSlot(int slot) const { return entries_[slot].key; }
  /// See SlotDirectory::changed_in; 0 for slots that were never used.
  [[nodiscard]] std::uint64_t changed_in(int slot) const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<Response> response;  // null: the slot means nothing; shape is this rank's
    std::optional<Request> mine;
    std::uint64_t changed_in = 0;
  };

  std::vector<Entry> entries_;  // by slot
  std::unordered_map<std::string, int> slots_;
};

}  // namespace ronde
