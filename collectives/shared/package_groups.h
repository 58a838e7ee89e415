#pragma once

#include <span>
#include <vector>

namespace ronde {

/// The ranks of one host by package (socket), in ascending order of both.
class PackageGroups {
 public:
  PackageGroups() = default;
  /// `packages`: by local rank, see CollectiveContext::local_packages().
  explicit PackageGroups(std::span<const int> packages);

  /// At least two packages with as many ranks each, and at least two: only then is there something
  /// to gain from reducing inside a package first.
  [[nodiscard]] bool even() const { return even_; }
  /// Even, and each package holds the next 2^k ranks: then a tree over each package and one over
  /// the packages are together the tree over all ranks.
  [[nodiscard]] bool in_tree_order() const { return in_tree_order_; }
  [[nodiscard]] int packages() const { return static_cast<int>(members_.size()); }
  [[nodiscard]] int ranks_per_package() const { return static_cast<int>(members_.front().size()); }
  [[nodiscard]] std::span<const int> members(int package) const { return members_[package]; }

 private:
  std::vector<std::vector<int>> members_;
  bool even_ = false;
  bool in_tree_order_ = false;
};

}  // namespace ronde
