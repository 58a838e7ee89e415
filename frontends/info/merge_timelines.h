#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace ronde {

/// What a merge has written.
struct MergedTimelines {
  std::size_t ranks = 0;
  std::size_t events = 0;
  std::vector<std::string> warnings;  ///< input that is incomplete, or does not belong together
};

/// Writes the events of `inputs`, timelines of different ranks of one job, into `output`, replaced
/// as a whole. Times need no change: all are rank 0's. A file that ends in the middle is read as
/// far as it goes. Memory: one event at a time. Errors: kInvalidArgument naming the file: it cannot
/// be read or written, is no timeline, or has the rank of another.
[[nodiscard]] Result<MergedTimelines> MergeTimelines(const std::vector<std::string>& inputs,
                                                     const std::string& output);

}  // namespace ronde
