#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ronde {

/// The name that was probably meant by `wrong`: the one with the fewest edits (a letter added, left
/// out, changed, or swapped with the next), at most a third of its length; "" where there is none.
[[nodiscard]] std::string NearestName(std::string_view wrong, std::span<const std::string> names);

/// "; did you mean 'name'?", or "".
[[nodiscard]] std::string DidYouMean(std::string_view wrong, std::span<const std::string> names);

}  // namespace ronde
