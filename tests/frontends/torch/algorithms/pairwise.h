#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace ronde {

/// Rows of choices, one per dimension (dimension d has sizes[d] of them), such that every pair of
/// choices of two dimensions occurs in some row: nearly every slip that needs two options to meet
/// shows, in a small part of the full product. Greedy, the same in every run.
class PairwiseRows {
 public:
  explicit PairwiseRows(std::vector<int> sizes) : sizes_(std::move(sizes)) {
    for (int a = 0; a < dimensions(); ++a) {
      for (int b = a + 1; b < dimensions(); ++b) {
        for (int x = 0; x < sizes_[a]; ++x) {
          for (int y = 0; y < sizes_[b]; ++y) missing_.insert({a, x, b, y});
        }
      }
    }
    while (!missing_.empty()) rows_.push_back(NextRow());
  }

  [[nodiscard]] const std::vector<std::vector<int>>& rows() const { return rows_; }

 private:
  static constexpr int kOpen = -1;
  using Pair = std::array<int, 4>;  // dimension, choice, later dimension, choice

  [[nodiscard]] int dimensions() const { return static_cast<int>(sizes_.size()); }

  std::vector<int> NextRow() {
    const auto [a, x, b, y] = *missing_.begin();
    std::vector<int> row(sizes_.size(), kOpen);
    row[a] = x;
    row[b] = y;
    for (int d = 0; d < dimensions(); ++d) {
      if (row[d] == kOpen) row[d] = BestChoice(row, d);
    }
    for (int c = 0; c < dimensions(); ++c) {
      for (int d = c + 1; d < dimensions(); ++d) missing_.erase({c, row[c], d, row[d]});
    }
    return row;
  }

  // Ties go to another choice from row to row, so that none is favoured.
  [[nodiscard]] int BestChoice(const std::vector<int>& row, int dimension) const {
    int best = 0;
    int most = -1;
    for (int i = 0; i < sizes_[dimension]; ++i) {
      const int choice = (i + static_cast<int>(rows_.size())) % sizes_[dimension];
      int covers = 0;
      for (int d = 0; d < dimensions(); ++d) {
        if (row[d] == kOpen) continue;
        covers += static_cast<int>(d < dimension ? missing_.count({d, row[d], dimension, choice})
                                                 : missing_.count({dimension, choice, d, row[d]}));
      }
      if (covers > most) {
        most = covers;
        best = choice;
      }
    }
    return best;
  }

  std::vector<int> sizes_;
  std::set<Pair> missing_;
  std::vector<std::vector<int>> rows_;
};

}  // namespace ronde
