#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace ronde::soak {

/// What is asked of the session.
enum class Form : std::uint8_t {
  kAllreduce,
  kGroup,
  kBroadcast,
  kAllgather,
  kAllgatherInto,
  kReducescatter,
  kAlltoall,
  kBarrier,
  kModelAverage,
  kGatherGroup,
  kScatterGroup,
};

/// What one rank asks for instead, so that all ranks are told of a mismatch.
enum class Deviation : std::uint8_t {
  kNone,
  kKind,
  kType,
  kShape,
  kOperator,
  kRoot,
  kPrescale,
  kPostscale,
  kWindow,
  kGroup,
  kSplits,
  kDestination,
};

/// One operation as all ranks of its set know it: a function of the seed. Ranks here are members of
/// the set, counted from 0.
struct Operation {
  Form form = Form::kAllreduce;
  std::string name;
  int set = 0;               ///< key of the process set in the plan; 0 is the world
  std::vector<int> members;  ///< its world ranks, ascending
  std::uint64_t values = 0;  ///< what its inputs are made of
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  double prescale = 1;
  double postscale = 1;
  std::int64_t columns = 1;
  /// Rows of each tensor of the group, or of the one there is. Allgather, alltoall: see `dealt`.
  std::vector<std::int64_t> rows = {1};
  /// Allgather: rows of each member, by tensor of the group. Alltoall: rows to each member, by
  /// sender.
  std::vector<std::vector<std::int64_t>> dealt;
  int root = 0;
  std::int64_t step = 1;    ///< of a model average
  bool in_place = false;    ///< allreduce: output is input
  bool registered = false;  ///< buffers lie in registered memory, at `place` on all ranks
  std::size_t place = 0;    ///< bytes from its beginning
  Deviation deviation = Deviation::kNone;
  int deviant = 0;           ///< the member that deviates
  std::vector<bool> joined;  ///< members that had run out of data; empty: none
  int then = -1;             ///< the operation of the batch that its callback submits
  bool chained = false;      ///< it is one that a callback submits
};

inline constexpr std::int64_t kAveragePeriod = 4;

/// "allreduce 't3' in set 2 (values 17)".
[[nodiscard]] std::string ToText(const Operation& operation);

}  // namespace ronde::soak
