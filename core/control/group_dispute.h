#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/control/message.h"

namespace ronde {

/// A group that ranks think differently of: of its size, or of what is in it. What all of them put
/// into it fails by itself, since they must agree on groups; what only those with the larger size,
/// or some of them, put into it would wait for ever, but for this: it knows how much is still to
/// come of each rank. Meanwhile it keeps what ranks that are done with it put into the group's next
/// use. Thread rule: engine-only (rank 0).
class GroupDispute {
 public:
  struct Deferred {
    int rank = 0;
    Request request;
    std::int64_t since_ns = 0;
  };

  /// Between `member_count` ranks, which are spoken of by their position in the process set.
  GroupDispute(Status error, std::size_t member_count)
      : error_(std::move(error)), members_(member_count) {}

  [[nodiscard]] const Status& error() const { return error_; }
  /// The rank has left, and puts nothing into it any more.
  void MarkGone(std::size_t position) { members_[position].is_done = true; }
  /// A rank puts the operation of `key` into the group, in which it says there are `size`. False
  /// where this belongs to the group's next use, to be deferred.
  bool Note(std::size_t position, const std::string& key, int size) {
    Member& member = members_[position];
    const bool asks_again = member.keys.contains(key);  // its slot was evicted
    if (answered_.contains(key) || (member.is_done && !asks_again)) {
      member.is_done = true;
      return false;
    }
    member.keys.insert(key);
    member.is_done = static_cast<int>(member.keys.size()) >= size;
    return true;
  }
  /// The rank may ask for `key`, or ask again for it.
  [[nodiscard]] bool IsComing(std::size_t position, const std::string& key) const {
    return !members_[position].is_done || members_[position].keys.contains(key);
  }
  void MarkAnswered(const std::string& key) { answered_.insert(key); }

  /// All ranks have asked for all that they speak of, and it was answered.
  [[nodiscard]] bool IsOver() const {
    return std::all_of(members_.begin(), members_.end(), [this](const Member& member) {
      return member.is_done && std::includes(answered_.begin(), answered_.end(),
                                             member.keys.begin(), member.keys.end());
    });
  }

  void Defer(Deferred deferred) { deferred_.push_back(std::move(deferred)); }
  [[nodiscard]] const std::vector<Deferred>& deferred() const { return deferred_; }
  [[nodiscard]] std::vector<Deferred> TakeDeferred() { return std::move(deferred_); }

 private:
  struct Member {
    std::set<std::string> keys;
    bool is_done = false;
  };

  Status error_;
  std::vector<Member> members_;
  std::set<std::string> answered_;
  std::vector<Deferred> deferred_;
};

}  // namespace ronde
