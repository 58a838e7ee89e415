#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace ronde {

/// What Adasum should give: computed serially in long double by the definition, with a bound on the
/// rounding that the type allows.
class AdasumReference {
 public:
  /// `inputs`: the tensors of all ranks, as stored.
  AdasumReference(DataType dtype, const std::vector<std::vector<std::byte>>& inputs,
                  double prescale, double postscale);

  [[nodiscard]] double at(std::int64_t index) const {
    return static_cast<double>(values_[static_cast<std::size_t>(index)]);
  }
  /// "" when all elements of `result`, as stored, are right; else the first that is not.
  [[nodiscard]] std::string Check(const void* result) const;

 private:
  DataType dtype_;
  double postscale_;
  std::size_t ranks_;
  std::vector<long double> values_;
  std::vector<long double> magnitudes_;
};

}  // namespace ronde
