#pragma once

#include <cstddef>
#include <vector>

namespace ronde {

/// Two that take turns in the order A B B A A B B A..., so that slow changes of the machine hit
/// both alike, until each has `windows` scores. A plain value.
class Duel {
 public:
  enum class Side { kDefault, kBest };

  /// `least_gain`: by which share the best must be ahead at the least.
  Duel(int windows, double least_gain)
      : windows_(static_cast<std::size_t>(windows)), least_gain_(least_gain) {}

  [[nodiscard]] bool over() const { return scores_.size() >= 2 * windows_; }
  /// Whose turn it is.
  [[nodiscard]] Side turn() const {
    return (scores_.size() + 1) / 2 % 2 == 0 ? Side::kDefault : Side::kBest;
  }
  void Add(double score) { scores_.push_back(score); }

  /// The median of a side's scores.
  [[nodiscard]] double Median(Side side) const;
  /// What the best needs: the least gain, or twice the standard error that the scatter of both
  /// medians suggests, whichever is more.
  [[nodiscard]] double NeededGain() const;
  [[nodiscard]] bool BestWins() const {
    return Median(Side::kBest) > Median(Side::kDefault) * (1 + NeededGain());
  }

 private:
  [[nodiscard]] std::vector<double> Of(Side side) const;

  std::size_t windows_;
  double least_gain_;
  std::vector<double> scores_;  // in the order of turns
};

/// The middle value, or the mean of the two in the middle; `values` is not empty.
[[nodiscard]] double Median(std::vector<double> values);

}  // namespace ronde
