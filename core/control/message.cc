#include "core/control/message.h"

#include <array>
#include <utility>

#include <flatbuffers/flatbuffers.h>

#include "core/base/strcat.h"
#include "core/control/message_generated.h"
#include "core/control/message_wire.h"

namespace ronde {
namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

constexpr std::array<std::string_view, kOperationKindCount> kKindNames = {
    "allreduce",
    "broadcast",
    "allgather",
    "barrier",
    "model average",
    "allocation",
    "reducescatter",
    "alltoall",
    "join",
    "new process set",
    "removal of a process set"};

Offset<wire::Request> Pack(FlatBufferBuilder& builder, const Request& request) {
  const auto name = builder.CreateString(request.name);
  const auto shape = builder.CreateVector(request.shape);
  // Absent where empty: most requests have none of them.
  const auto group = request.group_counts.empty() ? 0 : builder.CreateVector(request.group_counts);
  const auto splits = request.splits.empty() ? 0 : builder.CreateVector(request.splits);
  const auto objection = request.objection.empty() ? 0 : builder.CreateString(request.objection);
  const auto group_name = request.group.empty() ? 0 : builder.CreateString(request.group);
  const auto members = request.members.empty() ? 0 : builder.CreateVector(request.members);
  const wire::Window window(request.window.period, request.window.origin, request.window.step);
  // The same: absent for buffers in ordinary memory.
  const wire::Place input(request.input_place.block, request.input_place.offset);
  const wire::Place output(request.output_place.block, request.output_place.offset);
  return wire::CreateRequest(
      builder, static_cast<std::uint8_t>(request.kind), name,
      static_cast<std::uint8_t>(request.dtype), static_cast<std::uint8_t>(request.op), shape,
      request.root, request.prescale, request.postscale, &window, group,
      request.input_place.registered() ? &input : nullptr,
      request.output_place.registered() ? &output : nullptr, splits, request.into_output, objection,
      request.process_set, group_name, request.group_size, members, request.on_device);
}

Offset<wire::Response> Pack(FlatBufferBuilder& builder, const Response& response) {
  const auto request = Pack(builder, response.request);
  const auto extents = builder.CreateVector(response.rank_extents);
  const auto message = builder.CreateString(response.error.message());
  return wire::CreateResponse(builder, request, extents,
                              static_cast<std::uint8_t>(response.error.code()), message,
                              response.slot);
}

Offset<wire::RankSlots> Pack(FlatBufferBuilder& builder, const RankSlots& from) {
  return wire::CreateRankSlots(builder, from.rank, builder.CreateVector(from.slots));
}

Offset<wire::Lock> Pack(FlatBufferBuilder& builder, const Lock& lock) {
  if (lock.number == 0) return 0;
  const auto slots = builder.CreateVector(lock.slots);
  return wire::CreateLock(builder, lock.number, slots, builder.CreateVector(lock.unit_ends));
}

Offset<wire::Tunables> Pack(FlatBufferBuilder& builder, const std::optional<Tunables>& tunables) {
  if (!tunables) return 0;
  return wire::CreateTunables(builder, tunables->fusion_threshold_bytes, tunables->cycle_time_ms,
                              tunables->chunk_bytes, tunables->one_shot_bytes,
                              tunables->hierarchical);
}

// Absent where empty: most lists are short.
template <typename Number>
Offset<flatbuffers::Vector<Number>> PackNumbers(FlatBufferBuilder& builder,
                                                const std::vector<Number>& numbers) {
  return numbers.empty() ? 0 : builder.CreateVector(numbers);
}

template <typename WireItem, typename Item>
auto PackAll(FlatBufferBuilder& builder, const std::vector<Item>& items) {
  if (items.empty()) return Offset<flatbuffers::Vector<Offset<WireItem>>>(0);
  std::vector<Offset<WireItem>> offsets;
  offsets.reserve(items.size());
  for (const Item& item : items) offsets.push_back(Pack(builder, item));
  return builder.CreateVector(offsets);
}

std::vector<std::byte> Finish(FlatBufferBuilder& builder, wire::Body type, Offset<void> body) {
  wire::FinishEnvelopeBuffer(builder, wire::CreateEnvelope(builder, kWireVersion, type, body));
  const auto* begin = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {begin, begin + builder.GetSize()};
}

Status CheckGroup(const Request& request) {
  if (request.group_counts.empty()) return Status::Ok();
  std::int64_t sum = 0;
  bool valid = request.kind == OperationKind::kAllreduce;
  for (const std::int64_t count : request.group_counts) {
    valid = valid && count >= 0 && !__builtin_add_overflow(sum, count, &sum);
  }
  if (valid && request.shape == Shape{sum}) return Status::Ok();
  return Status::InvalidArgument(StrCat("tensor '", request.name, "': a group of ",
                                        ToString(request.group_counts), " elements is no ",
                                        Name(request.kind), " of shape ", ToString(request.shape)));
}

bool MovesData(OperationKind kind) {
  switch (kind) {
    case OperationKind::kBarrier:
    case OperationKind::kJoin:
    case OperationKind::kAddProcessSet:
    case OperationKind::kRemoveProcessSet:
      return false;
    default:
      return true;
  }
}

Status CheckFields(const Request& request) {
  std::string_view misplaced;
  if (!request.splits.empty() && request.kind != OperationKind::kAlltoall) misplaced = "splits";
  if (request.into_output && request.kind != OperationKind::kAllgather) misplaced = "into_output";
  if (!request.members.empty() && request.kind != OperationKind::kAddProcessSet) {
    misplaced = "members";
  }
  if (request.group.empty() != (request.group_size == 0)) misplaced = "group_size";
  if (request.on_device && !MovesData(request.kind)) misplaced = "on_device";
  const bool joins = request.kind == OperationKind::kJoin;
  if (joins && request.process_set != kWorld) misplaced = "process_set";
  if (joins && request.name != kJoinName) misplaced = "name";
  if (misplaced.empty()) return Status::Ok();
  return Status::InvalidArgument(StrCat("tensor '", request.name, "': field ", misplaced,
                                        " does not belong to ", Name(request.kind)));
}

}  // namespace

std::string_view Name(OperationKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

Status Validate(const Request& request) {
  if (request.name.empty()) {
    return Status::InvalidArgument(StrCat("an operation (", Name(request.kind), ") has no name"));
  }
  // Zero dimensions count as one: the product must not overflow in any order.
  std::int64_t size_bytes = static_cast<std::int64_t>(SizeOf(request.dtype));
  for (const std::int64_t dimension : request.shape) {
    if (dimension < 0) {
      return Status::InvalidArgument(StrCat("tensor '", request.name, "': shape ",
                                            ToString(request.shape), " has a negative dimension"));
    }
    if (__builtin_mul_overflow(size_bytes, dimension == 0 ? 1 : dimension, &size_bytes)) {
      return Status::InvalidArgument(StrCat("tensor '", request.name, "': shape ",
                                            ToString(request.shape),
                                            " has more bytes than 63 bits count"));
    }
  }
  RONDE_RETURN_IF_ERROR(CheckFields(request));
  return CheckGroup(request);
}

std::vector<std::byte> Encode(const RequestList& list) {
  FlatBufferBuilder builder;
  const auto requests = PackAll<wire::Request>(builder, list.requests);
  const auto complete = PackNumbers(builder, list.complete);
  const auto partial = PackAll<wire::RankSlots>(builder, list.partial);
  const auto body =
      wire::CreateRequestList(builder, requests, list.shutdown, list.as_of, complete,
                              list.last_rank, partial, list.unlock, list.frozen, list.pledged);
  return Finish(builder, wire::Body_RequestList, body.Union());
}

std::vector<std::byte> Encode(const ResponseList& list) {
  FlatBufferBuilder builder;
  const auto responses = PackAll<wire::Response>(builder, list.responses);
  const auto evicted = PackNumbers(builder, list.evicted);
  const auto cached = PackNumbers(builder, list.cached);
  const auto absent = PackNumbers(builder, list.absent);
  const auto tunables = Pack(builder, list.tunables);
  const auto lock = Pack(builder, list.lock);
  const auto body = wire::CreateResponseList(
      builder, responses, list.shutdown, list.number, evicted, cached, absent, list.absent_changed,
      tunables, list.direct, lock, list.freeze, list.unlocked, list.executed);
  return Finish(builder, wire::Body_ResponseList, body.Union());
}

}  // namespace ronde
