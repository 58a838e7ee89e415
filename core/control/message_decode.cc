#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

#include <flatbuffers/flatbuffers.h>

#include "core/base/strcat.h"
#include "core/control/message.h"
#include "core/control/message_generated.h"
#include "core/control/message_wire.h"

namespace ronde {
namespace {

Status Corrupt(std::string_view part) {
  return Status::Internal(StrCat("corrupt control message: ", part));
}

template <typename Enum>
Status ReadEnum(std::uint8_t value, int count, std::string_view what, Enum& out) {
  if (value >= count) return Corrupt(StrCat(what, " ", int{value}, " is out of range"));
  out = static_cast<Enum>(value);
  return Status::Ok();
}

template <typename Number>
std::vector<Number> ReadVector(const flatbuffers::Vector<Number>* from) {
  if (from == nullptr) return {};
  std::vector<Number> values(from->size());
  // By bytes: the verifier aligns a vector's length, not its 8-byte elements.
  if (!values.empty()) std::memcpy(values.data(), from->Data(), values.size() * sizeof(Number));
  for (Number& value : values) value = flatbuffers::EndianScalar(value);
  return values;
}

MemoryPlace ReadPlace(const wire::Place* from) {
  return from == nullptr ? MemoryPlace() : MemoryPlace{from->block(), from->offset()};
}

Result<Request> Unpack(const wire::Request& from) {
  Request request;
  RONDE_RETURN_IF_ERROR(ReadEnum(from.kind(), kOperationKindCount, "operation kind", request.kind));
  RONDE_RETURN_IF_ERROR(ReadEnum(from.dtype(), kDataTypeCount, "data type", request.dtype));
  RONDE_RETURN_IF_ERROR(ReadEnum(from.op(), kReduceOpCount, "reduction operator", request.op));
  request.name = from.name()->str();
  request.shape = ReadVector(from.shape());
  request.group_counts = ReadVector(from.group_counts());
  request.splits = ReadVector(from.splits());
  request.into_output = from.into_output();
  if (from.objection() != nullptr) request.objection = from.objection()->str();
  request.process_set = from.process_set();
  if (from.group() != nullptr) request.group = from.group()->str();
  request.group_size = from.group_size();
  request.members = ReadVector(from.members());
  request.input_place = ReadPlace(from.input_place());
  request.output_place = ReadPlace(from.output_place());
  request.root = from.root();
  request.prescale = from.prescale();
  request.postscale = from.postscale();
  request.on_device = from.on_device();
  if (const wire::Window* window = from.window()) {
    request.window = {window->period(), window->origin(), window->step()};
  }
  if (const Status valid = Validate(request); !valid.ok()) return Corrupt(valid.message());
  return request;
}

/// One row of blocks for each rank, of which the first is rank 0's, whose request it is.
bool AreBlocksOf(const Request& alltoall, const std::vector<std::int64_t>& extents) {
  const std::size_t ranks = alltoall.splits.size();
  return extents.size() == ranks * ranks &&
         std::equal(alltoall.splits.begin(), alltoall.splits.end(), extents.begin());
}

/// What all ranks have together must be as countable as each rank's part.
Status CheckExtents(const Response& response) {
  if (response.rank_extents.empty()) return Status::Ok();
  Request gathered = response.request;
  if (gathered.shape.empty()) return Corrupt("extents of a tensor without dimensions");
  if (gathered.kind == OperationKind::kAlltoall && !AreBlocksOf(gathered, response.rank_extents)) {
    return Corrupt(StrCat("blocks of '", gathered.name, "' are not what its rank 0 sends"));
  }
  gathered.shape[0] = 0;
  for (const std::int64_t extent : response.rank_extents) {
    if (extent < 0 || __builtin_add_overflow(gathered.shape[0], extent, &gathered.shape[0])) {
      return Corrupt(StrCat("extents of '", gathered.name, "' are negative or overflow"));
    }
  }
  const Status valid = Validate(gathered);
  return valid.ok() ? valid : Corrupt(valid.message());
}

Result<Response> Unpack(const wire::Response& from) {
  Response response;
  RONDE_ASSIGN_OR_RETURN(response.request, Unpack(*from.request()));
  response.rank_extents = ReadVector(from.rank_extents());
  response.slot = from.slot();
  const bool has_slot = response.slot >= 0;
  if (response.slot < -1 || (has_slot && static_cast<std::uint32_t>(response.slot) >= kSlotLimit)) {
    return Corrupt(StrCat("slot ", response.slot, " is out of range"));
  }
  StatusCode code = StatusCode::kOk;
  RONDE_RETURN_IF_ERROR(ReadEnum(from.error_code(), kStatusCodeCount, "status code", code));
  if (code != StatusCode::kOk) {
    response.error = Status(code, from.error_message() ? from.error_message()->str() : "");
    return response;  // whose extents are the ranks that it concerns, if not all
  }
  RONDE_RETURN_IF_ERROR(CheckExtents(response));
  return response;
}

Status ReadSlots(const flatbuffers::Vector<std::uint32_t>* from,
                 std::vector<std::uint32_t>& slots) {
  slots = ReadVector(from);
  for (const std::uint32_t slot : slots) {
    if (slot >= kSlotLimit) return Corrupt(StrCat("slot ", slot, " is out of range"));
  }
  return Status::Ok();
}

Result<RankSlots> Unpack(const wire::RankSlots& from) {
  RankSlots some;
  some.rank = from.rank();
  RONDE_RETURN_IF_ERROR(ReadSlots(from.slots(), some.slots));
  return some;
}

Result<Lock> Unpack(const wire::Lock& from) {
  Lock lock;
  lock.number = from.number();
  RONDE_RETURN_IF_ERROR(ReadSlots(from.slots(), lock.slots));
  lock.unit_ends = ReadVector(from.unit_ends());
  const std::vector<std::uint32_t>& ends = lock.unit_ends;
  const bool covers =
      !ends.empty() && ends.front() > 0 && ends.back() == lock.slots.size() &&
      std::adjacent_find(ends.begin(), ends.end(), std::greater_equal<>()) == ends.end();
  if (lock.number == 0 || !covers) return Corrupt("a lock whose units are not its slots");
  return lock;
}

Result<Tunables> Unpack(const wire::Tunables& from) {
  Tunables tunables;
  tunables.fusion_threshold_bytes = from.fusion_threshold_bytes();
  tunables.cycle_time_ms = from.cycle_time_ms();
  tunables.chunk_bytes = from.chunk_bytes();
  tunables.one_shot_bytes = from.one_shot_bytes();
  tunables.hierarchical = from.hierarchical();
  const bool valid = tunables.fusion_threshold_bytes >= 0 && tunables.cycle_time_ms >= 0 &&
                     tunables.chunk_bytes >= 0 && tunables.one_shot_bytes >= 0;
  if (!valid) return Corrupt("negative tunables");
  return tunables;
}

template <typename Item, typename WireItem>
Status UnpackAll(const flatbuffers::Vector<flatbuffers::Offset<WireItem>>* from,
                 std::vector<Item>& to) {
  if (from == nullptr) return Status::Ok();
  to.reserve(from->size());
  for (const WireItem* item : *from) {
    RONDE_ASSIGN_OR_RETURN(Item unpacked, Unpack(*item));
    to.push_back(std::move(unpacked));
  }
  return Status::Ok();
}

/// Verifies `bytes`, which must be aligned to 8, before anything in them is looked at.
Result<const wire::Envelope*> Open(std::span<const std::byte> bytes) {
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) return Corrupt("more than 2 GiB");
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size());
  if (!wire::VerifyEnvelopeBuffer(verifier)) {
    return Corrupt(StrCat("its ", bytes.size(), " bytes are not a Ronde message"));
  }
  const wire::Envelope* envelope = wire::GetEnvelope(data);
  if (envelope->version() != kWireVersion) {
    return Status::Internal(StrCat("a control message has format version ", envelope->version(),
                                   " but this rank reads version ", kWireVersion,
                                   "; run the same build of Ronde on all ranks"));
  }
  return envelope;
}

/// A copy at an aligned address for messages that do not start at one.
class Aligned {
 public:
  explicit Aligned(std::span<const std::byte> bytes) : bytes_(bytes) {
    if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::max_align_t) == 0) return;
    copy_.assign(bytes.begin(), bytes.end());
    bytes_ = copy_;
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> copy_;
  std::span<const std::byte> bytes_;
};

Result<RequestList> Unpack(const wire::RequestList& from) {
  RequestList list;
  RONDE_RETURN_IF_ERROR(UnpackAll(from.requests(), list.requests));
  list.shutdown = from.shutdown();
  list.as_of = from.as_of();
  RONDE_RETURN_IF_ERROR(ReadSlots(from.complete(), list.complete));
  list.last_rank = from.last_rank();
  RONDE_RETURN_IF_ERROR(UnpackAll(from.partial(), list.partial));
  list.unlock = from.unlock();
  list.frozen = from.frozen();
  list.pledged = from.pledged();
  return list;
}

Result<ResponseList> Unpack(const wire::ResponseList& from) {
  ResponseList list;
  RONDE_RETURN_IF_ERROR(UnpackAll(from.responses(), list.responses));
  list.shutdown = from.shutdown();
  list.number = from.number();
  RONDE_RETURN_IF_ERROR(ReadSlots(from.evicted(), list.evicted));
  RONDE_RETURN_IF_ERROR(ReadSlots(from.cached(), list.cached));
  list.absent = ReadVector(from.absent());
  list.absent_changed = from.absent_changed();
  if (from.tunables() != nullptr) {
    RONDE_ASSIGN_OR_RETURN(list.tunables, Unpack(*from.tunables()));
  }
  list.direct = from.direct();
  if (from.lock() != nullptr) {
    RONDE_ASSIGN_OR_RETURN(list.lock, Unpack(*from.lock()));
  }
  list.freeze = from.freeze();
  list.unlocked = from.unlocked();
  list.executed = from.executed();
  return list;
}

}  // namespace

Result<std::variant<RequestList, ResponseList>> Decode(std::span<const std::byte> bytes) {
  const Aligned aligned(bytes);
  RONDE_ASSIGN_OR_RETURN(const wire::Envelope* envelope, Open(aligned.bytes()));
  std::variant<RequestList, ResponseList> message;
  if (const wire::RequestList* requests = envelope->body_as_RequestList()) {
    RONDE_ASSIGN_OR_RETURN(message, Unpack(*requests));
    return message;
  }
  if (const wire::ResponseList* responses = envelope->body_as_ResponseList()) {
    RONDE_ASSIGN_OR_RETURN(message, Unpack(*responses));
    return message;
  }
  return Corrupt("it is neither a request list nor a response list");
}

Result<RequestList> DecodeRequestList(std::span<const std::byte> bytes) {
  RONDE_ASSIGN_OR_RETURN(auto message, Decode(bytes));
  if (auto* list = std::get_if<RequestList>(&message)) return std::move(*list);
  return Corrupt("a request list was expected");
}

Result<ResponseList> DecodeResponseList(std::span<const std::byte> bytes) {
  RONDE_ASSIGN_OR_RETURN(auto message, Decode(bytes));
  if (auto* list = std::get_if<ResponseList>(&message)) return std::move(*list);
  return Corrupt("a response list was expected");
}

}  // namespace ronde
