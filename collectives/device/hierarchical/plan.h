#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/allreduce/hierarchical/plan.h"
#include "collectives/wire/wire_codec.h"
#include "core/base/status.h"
#include "core/base/types.h"

namespace ronde {

/// What a plan is made of: values that are equal on all ranks.
struct DevicePlanShape {
  std::int64_t count = 0;
  DataType dtype = DataType::kFloat32;
  std::vector<int> ranks_per_host;  ///< in order of hosts
  /// The largest part of a chunk that one carrier has; at least 64.
  std::size_t chunk_bytes = 256 << 10;
  WireFormat wire = WireFormat::kSame;
  /// The transport sends and receives device memory, so that nothing is staged; not with `wire`.
  bool gpu_direct = false;
  /// One rank a host talks to others, even where all could.
  bool leader = false;
  /// kPairwise (two hosts), kOneShot, kDirect or kRing.
  NetForm net = NetForm::kPairwise;

  [[nodiscard]] int hosts() const { return static_cast<int>(ranks_per_host.size()); }
  friend bool operator==(const DevicePlanShape&, const DevicePlanShape&) = default;
};

/// The form between `hosts` hosts for this many bytes of each carrier.
[[nodiscard]] NetForm DeviceNetForm(int hosts, std::size_t carrier_bytes);

/// What carries a step out. Streams run their steps in the order of the plan; so do the wire's
/// starts for one peer and direction. Otherwise only `after` counts.
enum class PlanEngine : std::uint8_t { kCompute, kCopyOut, kCopyIn, kHost, kWire };

enum class PlanStepKind : std::uint8_t {
  kEnter,        ///< the ranks of the host meet: all inputs are there
  kReduceLocal,  ///< my shard of all local inputs becomes my host's sum, in my output
  kCopyOut,      ///< to pinned memory
  kEncode,       ///< values to wire format
  kSend,
  kReceive,
  kAdd,          ///< all that is read, in this order, to what is written
  kDecode,       ///< wire format to values
  kAddDecoded,   ///< all that is read, decoded in this order, on top of what is written
  kEncodeKeep,   ///< kEncode, and the values become what others decode
  kCopyIn,       ///< back to my output
  kGatherLocal,  ///< my shard of the result to the outputs of my host's other ranks
  kLeave,        ///< the ranks of the host meet: all results are there
};

/// Where a place is.
enum class PlanSpace : std::uint8_t {
  kTensor,  ///< the rank's output, which begins as anything
  kPinned,  ///< a slot of pinned host memory
  kRoom,    ///< a slot of device memory, for what arrives
};

/// Bytes of a step.
struct PlanPlace {
  PlanSpace space = PlanSpace::kTensor;
  int slot = 0;           ///< 0 in the tensor
  std::size_t begin = 0;  ///< in the tensor or the slot
  std::size_t size_bytes = 0;

  [[nodiscard]] std::size_t end() const { return begin + size_bytes; }
  friend bool operator==(const PlanPlace&, const PlanPlace&) = default;
};

/// One step of one rank. Sizes are what is read or written, encoded or not as the kind says.
struct PlanStep {
  PlanStepKind kind = PlanStepKind::kEnter;
  PlanEngine engine = PlanEngine::kCompute;
  int chunk = -1;  ///< -1: of the whole
  int peer = -1;   ///< kSend, kReceive: the other host
  /// The sum has all contributions: it is scaled as the result is.
  bool complete = false;
  std::vector<PlanPlace> reads = {};
  std::vector<PlanPlace> writes = {};
  std::vector<int> after =
      {};  ///< steps that must be done before, ascending; streams' order besides
};

/// What one rank does in a hierarchical allreduce of device memory. The steps, taken one after the
/// other, are a legal order.
///
///     compute    R0 R1 R2 ..   G0 R4 G1 ..      R: reduce inside the host, G: gather
///     copy-out      o0 o1 o2 ..                 to pinned memory
///     wire             w0 w1 w2 w3 ..           between hosts, and its sums by the host
///     copy-in                i0 i1 ..           back
///
/// Chunk c uses slot c mod slots; it comes there when the chunk before has left.
struct DevicePlan {
  int host = 0;
  int local_rank = 0;
  int local_size = 1;
  int carriers = 1;  ///< ranks of every host that talk to others: the first
  int chunks = 0;
  int slots = 0;                 ///< of pinned memory, or of room
  std::size_t slot_bytes = 0;    ///< of each
  std::size_t tensor_bytes = 0;  ///< of the whole
  PlanSpace slot_space = PlanSpace::kPinned;
  std::vector<PlanStep> steps;
};

/// The plan of one rank. A pure function; about 0.2 us a step and transfer.
[[nodiscard]] DevicePlan MakeDevicePlan(const DevicePlanShape& shape, int host, int local_rank);

/// Which shape MakeDevicePlan takes: kInvalidArgument says what is wrong.
[[nodiscard]] Status CheckDevicePlanShape(const DevicePlanShape& shape);

/// Ranks of every host that talk to other hosts: all where hosts are even (rails), else one.
[[nodiscard]] int CarriersOf(const DevicePlanShape& shape);

/// Bytes that one rank sends to other hosts.
[[nodiscard]] std::size_t WireBytesSent(const DevicePlan& plan);

[[nodiscard]] std::string_view Name(PlanStepKind kind);
[[nodiscard]] std::string_view Name(PlanEngine engine);
/// "tensor[0..4096)", "pinned 2[0..4096)".
[[nodiscard]] std::string ToString(const PlanPlace& place);
/// "#7 chunk 1 send wire -> host 1 pinned 1[0..4096) after 5", without the number.
[[nodiscard]] std::string ToString(const PlanStep& step);
/// A line for the whole and one for each step.
[[nodiscard]] std::string ToString(const DevicePlan& plan);
/// "rails of 8, net direct, staged in 8 slots of 511 KiB, 49 chunks" for people.
[[nodiscard]] std::string Describe(const DevicePlanShape& shape);

}  // namespace ronde
