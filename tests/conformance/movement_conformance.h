#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "collectives/collective_context.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// Two buffers per rank that the cases run in, with guards around what a case uses.
class MovementMemory {
 public:
  /// Collective. Registered or ordinary memory for operands of up to `size_bytes` each.
  static Result<MovementMemory> Create(CollectiveContext& context, std::size_t size_bytes,
                                       bool registered);

  /// `size_bytes` of the buffer, `skew` bytes behind a cache line; the bytes around become guards.
  [[nodiscard]] std::byte* Input(std::size_t size_bytes, std::size_t skew) const;
  [[nodiscard]] std::byte* Output(std::size_t size_bytes, std::size_t skew) const;
  /// Nothing was written around a range that Input or Output has given.
  [[nodiscard]] static bool GuardsHold(const std::byte* data, std::size_t size_bytes);

 private:
  std::shared_ptr<std::byte> input_;
  std::shared_ptr<std::byte> output_;
};

/// One call of the suite. Inputs are a function of (seed, block, rank, index), so that every rank
/// knows what all put in and can check its result by itself.
struct MovementCase {
  std::vector<std::int64_t> counts;  ///< of the blocks, one per rank; broadcast: the first
  DataType dtype = DataType::kUInt8;
  ReduceOp op = ReduceOp::kSum;
  int root = 0;
  bool in_place = false;
  std::size_t skew = 0;  ///< bytes behind a cache line, a multiple of the element's size
  std::uint64_t seed = 1;
  double prescale = 1;
  double postscale = 1;
};

/// Each runs one case and checks that outputs hold what they should and nothing else was written.
/// Collective.
[[nodiscard]] Status CheckAllgather(CollectiveContext& context, const MovementMemory& memory,
                                    const MovementCase& test);
[[nodiscard]] Status CheckBroadcast(CollectiveContext& context, const MovementMemory& memory,
                                    const MovementCase& test);
/// Where all ranks share memory: the bits of Reduce() over the ranks. Elsewhere within the rounding
/// of p operations.
[[nodiscard]] Status CheckReducescatter(CollectiveContext& context, const MovementMemory& memory,
                                        const MovementCase& test);
/// Rank r sends rank s the s-th count of elements, or one more where r is odd.
[[nodiscard]] Status CheckAlltoall(CollectiveContext& context, const MovementMemory& memory,
                                   const MovementCase& test);

/// How much CheckAllMovement runs.
struct MovementExtent {
  std::vector<std::int64_t> counts;  ///< elements of a block
  std::vector<DataType> dtypes;      ///< of reducescatter
  std::vector<ReduceOp> ops;         ///< of reducescatter
};

/// Every collective in ordinary and in registered memory (all registered forms at any size, with
/// and without streaming), with even and uneven blocks, in place and not. Collective.
[[nodiscard]] Status CheckAllMovement(CollectiveContext& context, const MovementExtent& extent);

/// Every type and operator.
[[nodiscard]] MovementExtent FullExtent(std::vector<std::int64_t> counts);

}  // namespace ronde
