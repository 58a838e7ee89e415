#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/status.h"
#include "core/control/executor.h"
#include "core/control/message.h"

namespace ronde {

/// Whether an operation has a meaning where `joined` (world ranks, in the set, not empty) have no
/// more data: zeros in a sum or an average, no rows in an allgather. `root_joined`: its root is one
/// of them. kInvalidArgument for all others.
[[nodiscard]] Status CheckJoined(const Request& request, std::span<const int> joined,
                                 bool root_joined);

/// What a rank that has joined would submit beside `request`.
[[nodiscard]] Request StandInFor(const Request& request);

/// The buffers of a rank that has joined: zeros to read and room to write that nobody looks at.
/// Grows to the largest operation and stays. Thread rule: engine-only.
class StandInBuffers {
 public:
  /// This rank's part of what `response` says, for rank number `rank` of `size` in the set; valid
  /// until the next Reserve.
  [[nodiscard]] TensorEntry EntryFor(const Response& response, int rank, int size);
  /// Makes room for `response`, where it is no error; before the entries of one list are made, for
  /// each of them.
  void Reserve(const Response& response);

 private:
  std::vector<std::byte> zeros_;
  std::vector<std::byte> output_;
};

}  // namespace ronde
