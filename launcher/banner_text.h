#pragma once

#include <optional>
#include <string_view>

#include "launcher/rank_failure.h"

namespace ronde {

/// Whether a boxed help text that begins with `line` is one that ronderun says better itself.
[[nodiscard]] bool IsBannerFirstLine(std::string_view line);

/// Whether a whole line of the form "[host:pid] text" is bookkeeping without use to the user.
[[nodiscard]] bool IsNoiseLine(std::string_view line);

/// Whether an unfinished line can still become one for which IsNoiseLine holds.
[[nodiscard]] bool MayBeNoiseLine(std::string_view line);

/// What a help text (without its rules) says about a rank, if it does. time_ns is 0.
[[nodiscard]] std::optional<RankFailure> ParseBanner(std::string_view body);

}  // namespace ronde
