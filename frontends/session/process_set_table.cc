#include "frontends/session/process_set_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/message.h"

namespace ronde {

void ProcessSetTable::Add(int process_set, std::vector<int> ranks) {
  const std::lock_guard lock(mutex_);
  sets_[process_set] = std::move(ranks);
  highest_ = std::max(highest_, process_set);
}

void ProcessSetTable::Remove(int process_set) {
  const std::lock_guard lock(mutex_);
  sets_.erase(process_set);
}

Result<ProcessSetPlace> ProcessSetTable::PlaceIn(int process_set) const {
  if (process_set == kWorld) return ProcessSetPlace{rank_, size_};
  const std::lock_guard lock(mutex_);
  const auto found = sets_.find(process_set);
  if (found == sets_.end()) return DoesNotExist(process_set);
  const std::vector<int>& ranks = found->second;
  const auto place = std::lower_bound(ranks.begin(), ranks.end(), rank_);
  if (place == ranks.end() || *place != rank_) {
    return Status::InvalidArgument(StrCat("rank ", rank_, " is not in process set ", process_set,
                                          ", whose ranks are ", RankList(ranks),
                                          "; only they submit to it"));
  }
  return ProcessSetPlace{static_cast<int>(place - ranks.begin()), static_cast<int>(ranks.size())};
}

Result<std::vector<int>> ProcessSetTable::Ranks(int process_set) const {
  if (process_set == kWorld) {
    std::vector<int> all(static_cast<std::size_t>(size_));
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  const std::lock_guard lock(mutex_);
  const auto found = sets_.find(process_set);
  if (found == sets_.end()) return DoesNotExist(process_set);
  return found->second;
}

Status ProcessSetTable::DoesNotExist(int process_set) const {
  std::string existing = "0 (all ranks)";
  for (const auto& [number, ranks] : sets_) existing += StrCat(", ", number, " ", RankList(ranks));
  const bool removed = process_set > kWorld && process_set <= highest_;
  return Status::InvalidArgument(StrCat("process set ", process_set,
                                        removed ? " has been removed" : " does not exist",
                                        "; there are: ", existing));
}

std::string RankList(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += StrCat(text.empty() ? "" : ", ", rank);
  return StrCat("[", text, "]");
}

}  // namespace ronde
