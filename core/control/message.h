#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

enum class OperationKind : std::uint8_t {
  kAllreduce = 0,
  kBroadcast = 1,
  kAllgather = 2,
  kBarrier = 3,
  kModelAverage = 4,
  kAllocate = 5,  ///< registered memory of shape [bytes]
  kReducescatter = 6,
  kAlltoall = 7,
  kJoin = 8,              ///< this rank has no more data; zeros stand for it until all have joined
  kAddProcessSet = 9,     ///< of `members`; the response's process_set is its number
  kRemoveProcessSet = 10  ///< `process_set`
};
[[nodiscard]] std::string_view Name(OperationKind kind);

/// Which averages a model average belongs to; negotiated, so that ranks which disagree learn it.
struct AverageWindow {
  std::int64_t period = 0;  ///< H: steps between two averages, at least 1
  std::int64_t origin = 0;  ///< step after which windows are counted (T in post-local SGD)
  std::int64_t step = 0;    ///< this average's step, counted from 1

  friend bool operator==(const AverageWindow&, const AverageWindow&) = default;
};

/// The process set that every rank belongs to; others are numbered from 1, as they are added.
inline constexpr int kWorld = 0;

/// What one rank asks for. `process_set` and `name` identify the operation on all ranks; roots,
/// splits and the rows of a result count the ranks of the set.
struct Request {
  OperationKind kind = OperationKind::kAllreduce;
  std::string name;
  int process_set = kWorld;
  /// All or nothing: this operation is one of `group_size` of the same `group`, none of which runs
  /// before all of them can, and which fail together. No group where empty.
  std::string group;
  int group_size = 0;
  /// A new process set: its world ranks, ascending.
  std::vector<std::int64_t> members;
  DataType dtype = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  Shape shape;
  /// A grouped allreduce: the number of elements of each member, in order; shape is [their sum].
  /// Empty for a single tensor.
  std::vector<std::int64_t> group_counts;
  /// An alltoall: rows of the first dimension for each rank, in rank order. Whether they are one
  /// for each rank and add up is the negotiator's to say, so that all ranks hear of it.
  std::vector<std::int64_t> splits;
  /// An allgather: into the caller's buffer, so that all ranks must have as many rows.
  bool into_output = false;
  int root = 0;
  double prescale = 1;
  double postscale = 1;
  AverageWindow window;
  /// Where the buffers lie, if in registered memory; a group's first member, if all of it lies as
  /// it would be packed. In a response: kept where all ranks said the same.
  MemoryPlace input_place;
  MemoryPlace output_place;
  /// What this rank finds wrong with its own buffers, to be told to all ranks: refused alone, it
  /// would let the others wait. Continues "on rank 1 "; empty where all is well.
  std::string objection;

  friend bool operator==(const Request&, const Request&) = default;
};

/// kInvalidArgument when `request` cannot be sent: no name, a negative dimension, more bytes than
/// 63 bits count, a group whose members do not add up, or a field that its kind does not have.
/// Everything that concerns several ranks is the negotiator's.
[[nodiscard]] Status Validate(const Request& request);

/// One operation that all ranks now execute, or an error that all ranks report for that name.
struct Response {
  Request request;  ///< as agreed; shape and splits are this rank's own for the executor
  /// Allgather: first dimension of each rank. Alltoall: rows from rank i to rank j, at [i p + j].
  std::vector<std::int64_t> rank_extents;
  Status error;  ///< not ok: complete the handle with it
};

/// What travels between ranks on the control plane. Versioned; verified before use.
struct RequestList {
  std::vector<Request> requests;
  bool shutdown = false;  ///< the sender will submit nothing more
};
struct ResponseList {
  std::vector<Response> responses;
  bool shutdown = false;  ///< all ranks asked for it: leave after these responses
};

[[nodiscard]] std::vector<std::byte> Encode(const RequestList& list);
[[nodiscard]] std::vector<std::byte> Encode(const ResponseList& list);
/// Errors: kInternal naming the sender's format version or the corrupt part.
[[nodiscard]] Result<RequestList> DecodeRequestList(std::span<const std::byte> bytes);
[[nodiscard]] Result<ResponseList> DecodeResponseList(std::span<const std::byte> bytes);

}  // namespace ronde
