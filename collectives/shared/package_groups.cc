#include "collectives/shared/package_groups.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <map>

namespace ronde {

PackageGroups::PackageGroups(std::span<const int> packages) {
  std::map<int, std::vector<int>> by_package;
  for (std::size_t rank = 0; rank < packages.size(); ++rank) {
    by_package[packages[rank]].push_back(static_cast<int>(rank));
  }
  for (auto& [package, ranks] : by_package) members_.push_back(std::move(ranks));
  even_ = members_.size() >= 2 && members_.front().size() >= 2 &&
          std::all_of(members_.begin(), members_.end(), [this](const std::vector<int>& ranks) {
            return ranks.size() == members_.front().size();
          });
  in_tree_order_ = even_ && std::has_single_bit(members_.front().size()) &&
                   std::is_sorted(packages.begin(), packages.end());
}

}  // namespace ronde
