#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ronde {

/// Makes damaged inputs out of well-formed ones. Immutable.
class Mutator {
 public:
  /// At least one seed. `words` must outlive this.
  Mutator(std::vector<std::string> seeds, std::span<const std::string_view> words);

  /// Input `index` of `seed`: the same bytes on every machine, whatever was made before. The first
  /// inputs are the seeds as they are.
  [[nodiscard]] std::string Make(std::uint64_t seed, std::uint64_t index) const;

 private:
  std::vector<std::string> seeds_;
  std::span<const std::string_view> words_;
};

}  // namespace ronde
