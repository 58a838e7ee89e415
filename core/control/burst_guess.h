#pragma once

#include <cstddef>

namespace ronde {

/// How many operations a rank will submit before it waits: as many as the last time, where that was
/// so twice in a row. A burst begins where nothing was in flight before. Thread rule: engine-only.
class BurstGuess {
 public:
  /// `count` operations have come; `is_first`: nothing else was in flight.
  void Note(std::size_t count, bool is_first) {
    if (is_first) {
      is_steady_ = count_ == last_;
      last_ = count_;
      count_ = 0;
    }
    count_ += count;
  }
  /// What is still to come of the burst under way, or of the next one; 1 where nobody can say.
  [[nodiscard]] std::size_t remaining(bool nothing_in_flight) const {
    if (nothing_in_flight) return count_ == last_ && count_ > 0 ? count_ : 1;
    return is_steady_ && count_ < last_ ? last_ - count_ : 1;
  }

 private:
  std::size_t count_ = 0;  // of the burst under way
  std::size_t last_ = 0;   // of the one before
  bool is_steady_ = false;
};

}  // namespace ronde
