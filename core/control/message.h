#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/memory_place.h"
#include "core/base/status.h"
#include "core/base/types.h"
#include "core/control/tunables.h"

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

/// The only name under which ranks join.
inline constexpr std::string_view kJoinName = "ronde.join";

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
  /// The buffers are in the memory of a device, on all ranks.
  bool on_device = false;
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
  /// Where all ranks keep this response from now on; -1 is nowhere.
  std::int32_t slot = -1;
};

/// Operations that one rank asks for again, by their slots in the response cache.
struct RankSlots {
  std::int32_t rank = 0;
  std::vector<std::uint32_t> slots;
};

/// What travels towards rank 0. Versioned; verified before use. Requests go to rank 0 itself, slots
/// from rank to rank along a tree (see ReadinessTree).
struct RequestList {
  std::vector<Request> requests;
  bool shutdown = false;  ///< the sender will submit nothing more
  /// The last response list that the sender knew.
  std::uint64_t as_of = 0;
  /// Slots that all ranks below the sender in the tree, and it, ask for.
  std::vector<std::uint32_t> complete;
  /// The rank that was the last to ask for one of `complete`.
  std::int32_t last_rank = -1;
  /// Slots that only some of them ask for, where somebody has to know before the rest comes.
  std::vector<RankSlots> partial;
  std::uint64_t unlock = 0;   ///< the lock that the sender cannot keep to; 0 is none
  std::uint64_t frozen = 0;   ///< the lock under which the sender will pledge nothing more...
  std::uint64_t pledged = 0;  ///< ...than this many units
};

/// The order in which all ranks execute from now on without being told, again and again.
struct Lock {
  std::uint64_t number = 0;          ///< counts the locks from 1; 0 is none
  std::vector<std::uint32_t> slots;  ///< each once
  /// Ends of the units, as positions in `slots`, ascending: what is executed at once.
  std::vector<std::uint32_t> unit_ends;
};

/// What rank 0 tells all ranks; they pass it on along the tree, and apply it in this order.
struct ResponseList {
  std::uint64_t number = 0;            ///< counts the lists that answer something from 1
  std::vector<std::uint32_t> evicted;  ///< slots that mean nothing any more
  std::vector<Response> responses;
  std::vector<std::uint32_t> cached;  ///< answers that all ranks have in these slots
  /// Ranks that do not ask any more: joined or shut down. Meaningful where `absent_changed`.
  std::vector<std::int32_t> absent;
  bool absent_changed = false;
  std::optional<Tunables> tunables;  ///< in force from here on
  Lock lock;                         ///< begins after this list
  std::uint64_t freeze = 0;          ///< the lock under which nothing more is to be pledged
  std::uint64_t unlocked = 0;        ///< the lock that ends...
  std::uint64_t executed = 0;        ///< ...when this many units of it have been executed
  bool direct = false;               ///< was sent to every rank by rank 0: do not pass it on
  bool shutdown = false;             ///< all ranks asked for it: leave after these responses
};

[[nodiscard]] std::vector<std::byte> Encode(const RequestList& list);
[[nodiscard]] std::vector<std::byte> Encode(const ResponseList& list);
/// Errors: kInternal naming the sender's format version or the corrupt part.
[[nodiscard]] Result<RequestList> DecodeRequestList(std::span<const std::byte> bytes);
[[nodiscard]] Result<ResponseList> DecodeResponseList(std::span<const std::byte> bytes);
/// Whichever of them it is.
[[nodiscard]] Result<std::variant<RequestList, ResponseList>> Decode(
    std::span<const std::byte> bytes);

}  // namespace ronde
