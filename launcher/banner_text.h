#pragma once

#include <optional>
#include <string_view>

#include "launcher/rank_failure.h"

namespace ronde {

/// Whether a boxed help text that begins with `line` is one that ronderun says better itself.
[[nodiscard]] bool IsBannerFirstLine(std::string_view line);

/// Whether a whole line, "[host:pid] text", mpirun's word that it forwards a signal or srun's about
/// tasks that have ended, is bookkeeping without use to the user.
[[nodiscard]] bool IsNoiseLine(std::string_view line);

/// Whether a line that begins with `first` may be one.
[[nodiscard]] bool MayBeginNoise(char first);

/// Whether an unfinished line can still become one for which IsNoiseLine holds.
[[nodiscard]] bool MayBeNoiseLine(std::string_view line);

/// What a help text (without its rules) says about a rank, if it does. time_ns is 0.
[[nodiscard]] std::optional<RankFailure> ParseBanner(std::string_view text);

}  // namespace ronde
