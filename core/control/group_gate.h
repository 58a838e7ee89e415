#pragma once

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
  int slot = -1;        ///< of the response cache
  bool cached = false;  ///< the slot says it all
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
  /// Drops what is held back of process set `set`, which is no more.
  void Forget(int set);

 private:
  struct Group {
    std::vector<Answer> held;
    Status failure;  // of the first member that failed
    int answered = 0;
  };
  void Fail(const std::pair<int, std::string>& key, int size, const Status& error,
            std::vector<Answer>& ready);

  std::map<std::pair<int, std::string>, Group> groups_;  // by process set and name
};

}  // namespace ronde
