#pragma once

#include <memory>
#include <vector>

#include "bench/collectives/measurement.h"
#include "bench/collectives/runner.h"

namespace ronde::bench {

/// The two buffers that one row of one contender works on, each as large as the larger side of the
/// collective: the input out of place, and the output, which in place holds the input as well.
class CallBuffers {
 public:
  /// Collective where `registered`, between the runner's Begin and End, on the runner's device if
  /// it has one. Pages are touched, so that no timed call meets a page fault.
  Status Allocate(CollectiveRunner& runner, const CollectiveCall& call, bool registered);

  /// `like` with pointers and places for `rank`.
  [[nodiscard]] CollectiveCall Call(const CollectiveRunner& runner, const CollectiveCall& like,
                                    int rank, bool in_place) const;

  /// Writes the input of `call`, which came from Call, and, out of place, an output that no
  /// element of a result equals.
  Status Fill(const CollectiveCall& call, int rank);

  /// The result of `call`, which is at `output`, as the host can read it; until the next Fill or
  /// Result.
  [[nodiscard]] Result<const void*> ResultOf(const CollectiveCall& call, const void* output);

 private:
  BenchDevice* device_ = nullptr;  // null: host memory
  std::vector<std::byte> mirror_;  // of one buffer on the device
  std::shared_ptr<std::byte> input_;
  std::shared_ptr<std::byte> output_;
};

}  // namespace ronde::bench
