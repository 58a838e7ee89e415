#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/control/message.h"

namespace ronde {

/// Who is in which process set. Every rank keeps one and changes it only as agreed responses say,
/// so that all of them know the same sets at the same response. Thread rule: engine-only.
class ProcessSets {
 public:
  /// With the world as the only set.
  explicit ProcessSets(int world_size);

  /// The world ranks of `set`, ascending; null where there is no such set. Valid until its removal.
  [[nodiscard]] const std::vector<int>* Find(int set) const;
  [[nodiscard]] bool Contains(int set, int rank) const;

  /// The number of the next set; numbers are not used twice.
  [[nodiscard]] int next_number() const { return next_number_; }
  void Add(const std::vector<std::int64_t>& members);
  void Remove(int set) { sets_.erase(set); }

 private:
  std::map<int, std::vector<int>> sets_;
  int next_number_ = 1;
};

/// The set whose ranks take part in it: changing the sets themselves takes the whole world.
[[nodiscard]] int SetOf(const Request& request);

/// What tells operations apart that are in flight at the same time: the name, within its set.
[[nodiscard]] std::string KeyOf(int set, const std::string& name);
[[nodiscard]] inline std::string KeyOf(const Request& request) {
  return KeyOf(SetOf(request), request.name);
}

}  // namespace ronde
