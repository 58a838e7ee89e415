#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// Which of a process set's `size` ranks this one is.
struct ProcessSetPlace {
  int rank = 0;
  int size = 1;
};

/// The process sets that this rank knows of, whether it is in them or not: what a request must be
/// checked against before it is sent. The set of all ranks (kWorld) is always there.
/// Thread rule: thread-safe; guarded by its own mutex.
class ProcessSetTable {
 public:
  ProcessSetTable(int rank, int size) : rank_(rank), size_(size) {}

  /// `ranks` are world ranks, ascending; numbers ascend and are never used twice.
  void Add(int process_set, std::vector<int> ranks);
  void Remove(int process_set);

  /// This rank's place. Errors: kInvalidArgument saying which sets there are, or which ranks this
  /// set has when this one is not among them.
  [[nodiscard]] Result<ProcessSetPlace> PlaceIn(int process_set) const;
  /// The world ranks of a set. Error: kInvalidArgument saying which sets there are.
  [[nodiscard]] Result<std::vector<int>> Ranks(int process_set) const;

 private:
  [[nodiscard]] Status DoesNotExist(int process_set) const;  // requires mutex_

  const int rank_;
  const int size_;
  mutable std::mutex mutex_;
  std::map<int, std::vector<int>> sets_;  // guarded by mutex_, like what follows
  int highest_ = 0;
};

/// "[0, 2, 5]"
[[nodiscard]] std::string RankList(const std::vector<int>& ranks);

}  // namespace ronde
