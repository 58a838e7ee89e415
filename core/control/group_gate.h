#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/control/message.h"

namespace ronde {

/// What all ranks are about to be told of one operation.
struct Answer {
  std::shared_ptr<Response> response;
  int slot = -1;              ///< of the response cache
  bool cached = false;        ///< the slot says it all
  bool stands_in = false;     ///< zeros are part of it, of ranks that have joined
  std::int64_t since_ns = 0;  ///< when the first rank asked
};

/// The answer to a member of `group`, which failed with `error`.
[[nodiscard]] Answer FailedMember(const Answer& answer, const std::string& group,
                                  const Status& error);

/// An operation that all ranks have asked for, in a group some of which nobody has asked for yet.
struct HeldMember {
  const Answer* answer = nullptr;
  std::string lack;  ///< "group 'g' has 1 of its 2 operations"
};

/// Holds back the answers of a group until all of its members have one, and fails them together.
/// Thread rule: engine-only (rank 0).
class GroupGate {
 public:
  /// Appends to `ready` what may be said now. `groups`, with their sizes, are those that ranks put
  /// this operation in: one, unless the ranks disagree, which fails all of them.
  void Pass(Answer answer, std::span<const std::pair<std::string, int>> groups,
            std::vector<Answer>& ready);
  [[nodiscard]] bool empty() const { return groups_.empty(); }
  /// Hands out what is held back of a group, and forgets it.
  [[nodiscard]] std::vector<Answer> Take(int set, const std::string& group);
  /// The last rank has joined: who stood in for others until now will not know of what passes
  /// later, so groups with such answers have failed.
  void EndJoin(std::vector<Answer>& ready);
  /// What is held back, the oldest of each group first; when the oldest of all was asked for, or
  /// INT64_MAX.
  [[nodiscard]] std::vector<HeldMember> held() const;
  [[nodiscard]] std::int64_t since_ns() const;
  /// Drops what is held back of process set `set`, which is no more.
  void Forget(int set);

 private:
  struct Group {
    std::vector<Answer> held;
    Status failure;  // of the first member that failed
    int answered = 0;
    int size = 0;
    std::int64_t since_ns = INT64_MAX;  // when the oldest of held was asked for
  };
  using Groups = std::map<std::pair<int, std::string>, Group>;  // by process set and name
  static void FailHeld(const Groups::value_type& item, const Status& error,
                       std::vector<Answer>& ready);
  void NoteFailure(const std::pair<int, std::string>& key, int size, const Status& error,
                   std::vector<Answer>& ready);

  Groups groups_;
};

}  // namespace ronde
