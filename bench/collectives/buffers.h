#pragma once

#include <memory>

#include "bench/collectives/measurement.h"
#include "bench/collectives/runner.h"

namespace ronde::bench {

/// The two buffers that one row of one contender works on, each as large as the larger side of the
/// collective: the input out of place, and the output, which in place holds the input as well.
class CallBuffers {
 public:
  /// Collective where `registered`, between the runner's Begin and End. Pages are touched, so that
  /// no timed call meets a page fault.
  Status Allocate(CollectiveRunner& runner, const CollectiveCall& call, bool registered);

  /// `like` with pointers and places for `rank`.
  [[nodiscard]] CollectiveCall Call(const CollectiveRunner& runner, const CollectiveCall& like,
                                    int rank, bool in_place) const;

  /// Writes the input of `call`, which came from Call, and, out of place, an output that no
  /// element of a result equals.
  void Fill(const CollectiveCall& call, int rank) const;

 private:
  std::shared_ptr<std::byte> input_;
  std::shared_ptr<std::byte> output_;
};

}  // namespace ronde::bench
