#pragma once

#include <string>
#include <string_view>

namespace ronde {

/// `text` of a foreign file for a message of one line: in single quotes, whatever is not printable
/// ASCII as '?', and cut after 80 characters.
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace ronde
