#include <algorithm>
#include <cstdint>
#include <cstring>
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

std::vector<std::int64_t> ReadVector(const flatbuffers::Vector<std::int64_t>* from) {
  if (from == nullptr) return {};
  std::vector<std::int64_t> values(from->size());
  // By bytes: the verifier aligns a vector's length, not its 8-byte elements.
  if (!values.empty()) std::memcpy(values.data(), from->Data(), values.size() * sizeof(values[0]));
  for (std::int64_t& value : values) value = flatbuffers::EndianScalar(value);
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
  RONDE_RETURN_IF_ERROR(CheckExtents(response));
  StatusCode code = StatusCode::kOk;
  RONDE_RETURN_IF_ERROR(ReadEnum(from.error_code(), kStatusCodeCount, "status code", code));
  if (code != StatusCode::kOk) {
    response.error = Status(code, from.error_message() ? from.error_message()->str() : "");
  }
  return response;
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

}  // namespace

Result<RequestList> DecodeRequestList(std::span<const std::byte> bytes) {
  const Aligned aligned(bytes);
  RONDE_ASSIGN_OR_RETURN(const wire::Envelope* envelope, Open(aligned.bytes()));
  const wire::RequestList* from = envelope->body_as_RequestList();
  if (from == nullptr) return Corrupt("a request list was expected");
  RequestList list;
  RONDE_RETURN_IF_ERROR(UnpackAll(from->requests(), list.requests));
  list.shutdown = from->shutdown();
  return list;
}

Result<ResponseList> DecodeResponseList(std::span<const std::byte> bytes) {
  const Aligned aligned(bytes);
  RONDE_ASSIGN_OR_RETURN(const wire::Envelope* envelope, Open(aligned.bytes()));
  const wire::ResponseList* from = envelope->body_as_ResponseList();
  if (from == nullptr) return Corrupt("a response list was expected");
  ResponseList list;
  RONDE_RETURN_IF_ERROR(UnpackAll(from->responses(), list.responses));
  list.shutdown = from->shutdown();
  return list;
}

}  // namespace ronde
