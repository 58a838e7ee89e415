#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bench/collectives/direct_runner.h"
#include "bench/collectives/runner.h"

namespace ronde::bench {

/// What memory itself can do with the buffers of an allreduce, as if it were a library: all ranks
/// at once pass over their own buffers, in the best of several ways, and then meet in a barrier.
/// Whatever the algorithm, p ranks read pS bytes of input and write pS bytes of output (S: the size
/// of a buffer), and that is what these kernels do: in t = 2pS/B, B being the rate at which memory
/// is copied out of place or changed where it is in place. So t is the lower bound of the call.
class BoundRunner final : public CollectiveRunner {
 public:
  enum class Kind {
    kReadAndWrite,  ///< copies the input to the output; in place combines it with zeros
    kRead,          ///< reads the input
  };
  /// In memory that `direct` allocates.
  BoundRunner(DirectRunner& direct, Kind kind) : direct_(direct), kind_(kind) {}

  [[nodiscard]] bool Supports(const CollectiveCall& call) const override {
    return call.collective == Collective::kAllreduce;
  }
  Status Begin() override { return Status::Ok(); }
  /// Finds the fastest way for these buffers.
  Status Prepare(const CollectiveCall& call) override;
  Status Run(const CollectiveCall& call) override;
  Status Barrier() override { return direct_.Barrier(); }
  void End() override {}
  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall& call) override;
  [[nodiscard]] Result<std::shared_ptr<std::byte>> AllocateRegistered(
      std::size_t size_bytes) override {
    return direct_.AllocateRegistered(size_bytes);
  }

 private:
  // How a buffer is passed over.
  struct Way {
    int streams = 1;
    bool past_cache = false;
  };
  [[nodiscard]] std::vector<Way> WaysFor(const CollectiveCall& call) const;
  void Pass(const CollectiveCall& call, const Way& way) const;

  DirectRunner& direct_;
  Kind kind_;
  // Out of place and in place; of the last call that was prepared.
  struct Prepared {
    const void* output = nullptr;
    std::size_t size_bytes = 0;
    Way way;
  };
  std::array<Prepared, 2> prepared_;
};

}  // namespace ronde::bench
