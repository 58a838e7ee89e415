#pragma once

#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// What --process-sets says about `size` ranks: sets separated by semicolons, each a list of ranks
/// and ranges of ranks that ascend, as in "0-3;4-7;0,4". Spaces do not count; an empty text is no
/// sets. A pure function: ranks with equal settings get equal sets or the same error.
/// Errors: kInvalidArgument naming the set, counted from 1, and what is wrong with it.
[[nodiscard]] Result<std::vector<std::vector<int>>> ParseProcessSets(std::string_view text,
                                                                     int size);

}  // namespace ronde
