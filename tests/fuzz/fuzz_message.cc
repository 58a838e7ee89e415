// What ranks tell each other on the control plane, as bytes from a peer that may be damaged.
#include <algorithm>

#include "core/control/message.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

// What was accepted survives another round trip. Bytes are compared: a scale may be NaN.
template <typename List, typename Decode>
void CheckRoundTrip(const Result<List>& list, Decode decode) {
  if (!list.ok()) {
    FUZZ_REQUIRE(list.status().code() == StatusCode::kInternal);
    FUZZ_REQUIRE(!list.status().message().empty());
    return;
  }
  const std::vector<std::byte> encoded = Encode(list.value());
  const Result<List> again = decode(encoded);
  FUZZ_REQUIRE(again.ok());
  FUZZ_REQUIRE(Encode(again.value()) == encoded);
}

// Nobody downstream checks again: names, counts and extents must be usable.
void CheckUsable(const Request& request) {
  FUZZ_REQUIRE(Validate(request).ok());
  FUZZ_REQUIRE(!Name(request.kind).empty() && !Name(request.op).empty());
  FUZZ_REQUIRE(ElementCount(request.shape) >= 0 && SizeOf(request.dtype) > 0);
}

void CheckUsable(const Response& response) {
  CheckUsable(response.request);
  FUZZ_REQUIRE(response.slot >= -1);
  if (!response.error.ok()) return;  // its extents only are looked for a rank
  std::int64_t total = 0;
  for (const std::int64_t extent : response.rank_extents) {
    FUZZ_REQUIRE(extent >= 0 && !__builtin_add_overflow(total, extent, &total));
  }
  if (response.request.kind != OperationKind::kAlltoall || response.rank_extents.empty()) return;
  const std::vector<std::int64_t>& splits = response.request.splits;
  FUZZ_REQUIRE(response.rank_extents.size() == splits.size() * splits.size());
  FUZZ_REQUIRE(std::equal(splits.begin(), splits.end(), response.rank_extents.begin()));
}

// Units follow one another and are the whole lock.
void CheckUsable(const Lock& lock) {
  if (lock.number == 0) return;
  FUZZ_REQUIRE(!lock.unit_ends.empty() && lock.unit_ends.back() == lock.slots.size());
  std::uint32_t last = 0;
  for (const std::uint32_t end : lock.unit_ends) {
    FUZZ_REQUIRE(end > last);
    last = end;
  }
}

int FuzzMessage(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const Result<RequestList> requests = DecodeRequestList(bytes);
  CheckRoundTrip(requests, [](std::span<const std::byte> b) { return DecodeRequestList(b); });
  if (requests.ok()) {
    for (const Request& request : requests.value().requests) CheckUsable(request);
  }
  const Result<ResponseList> responses = DecodeResponseList(bytes);
  CheckRoundTrip(responses, [](std::span<const std::byte> b) { return DecodeResponseList(b); });
  if (responses.ok()) {
    for (const Response& response : responses.value().responses) CheckUsable(response);
    CheckUsable(responses.value().lock);
  }
  // Whoever does not know which of them it is reads the same.
  const auto either = Decode(bytes);
  FUZZ_REQUIRE(either.ok() == (requests.ok() || responses.ok()));
  return 0;
}

Request GradientRequest() {
  Request request;
  request.name = "layer1.0.conv1.weight";
  request.dtype = DataType::kBFloat16;
  request.op = ReduceOp::kAverage;
  request.shape = {64, 3, 7, 7};
  request.root = 3;
  request.prescale = 0.5;
  return request;
}

Request AverageRequest() {
  Request request;
  request.kind = OperationKind::kModelAverage;
  request.name = "model";
  request.shape = {25557032};
  request.window = {.period = 8, .origin = 100, .step = 116};
  return request;
}

Response GatherResponse() {
  Response response;
  response.request.kind = OperationKind::kAllgather;
  response.request.name = "correct";
  response.request.shape = {4, 2};
  response.rank_extents = {4, 0, 9};
  return response;
}

Request ExchangeRequest() {
  Request request;
  request.kind = OperationKind::kAlltoall;
  request.name = "tokens";
  request.shape = {9, 2};
  request.splits = {4, 5};
  request.objection = "its input is too short";
  return request;
}

Response ExchangeResponse() {
  Response response;
  response.request = ExchangeRequest();
  response.rank_extents = {4, 5, 0, 3};
  return response;
}

Request ScatterRequest() {
  Request request;
  request.kind = OperationKind::kReducescatter;
  request.name = "shards";
  request.shape = {5, 7};
  request.input_place = {.block = 1, .offset = 128};
  return request;
}

Request GatherIntoRequest() {
  Request request;
  request.kind = OperationKind::kAllgather;
  request.name = "weights";
  request.shape = {5, 7};
  request.into_output = true;
  request.output_place = {.block = 2, .offset = 0};
  return request;
}

Request SetRequest() {
  Request request;
  request.kind = OperationKind::kAddProcessSet;
  request.name = "add";
  request.members = {0, 2, 5};
  return request;
}

Request MemberRequest() {
  Request request;
  request.kind = OperationKind::kBroadcast;
  request.name = "bias";
  request.shape = {7};
  request.process_set = 3;
  request.group = "step";
  request.group_size = 4;
  return request;
}

// What goes along the tree of ranks.
RequestList ReadinessList() {
  RequestList list;
  list.as_of = 41;
  list.complete = {0, 1, 5};
  list.last_rank = 9;
  list.partial = {{3, {7, 8}}, {4, {7}}};
  list.unlock = 2;
  list.frozen = 2;
  list.pledged = 100;
  return list;
}

ResponseList CachedList() {
  ResponseList list;
  list.number = 42;
  list.evicted = {5};
  list.cached = {0, 1, 7};
  list.absent = {3, 4};
  list.absent_changed = true;
  list.tunables = Tunables{.fusion_threshold_bytes = 1 << 20, .cycle_time_ms = 0.5};
  return list;
}

ResponseList LockList() {
  ResponseList list;
  list.number = 43;
  list.lock = {.number = 2, .slots = {1, 0, 7}, .unit_ends = {1, 3}};
  list.freeze = 1;
  list.unlocked = 1;
  list.executed = 64;
  list.direct = true;
  return list;
}

std::vector<std::string> MessageSeeds() {
  Response failed;
  failed.request = GradientRequest();
  failed.error = Status::Mismatch("tensor 'layer1.0.conv1.weight': shapes differ");
  Request scalar;
  scalar.name = "loss";
  std::vector<std::string> seeds;
  for (const std::vector<std::byte>& bytes :
       {Encode(RequestList{.requests = {GradientRequest(), AverageRequest(), scalar}}),
        Encode(RequestList{.requests = {scalar}, .shutdown = true}), Encode(RequestList{}),
        Encode(RequestList{.requests = {ExchangeRequest(), ScatterRequest(), GatherIntoRequest()}}),
        Encode(ResponseList{.responses = {GatherResponse(), failed}}),
        Encode(ResponseList{.responses = {ExchangeResponse()}}),
        Encode(ResponseList{.responses = {GatherResponse()}, .shutdown = true}),
        Encode(RequestList{.requests = {SetRequest(), MemberRequest()}}), Encode(ReadinessList()),
        Encode(CachedList()), Encode(LockList()), Encode(ResponseList{})}) {
    seeds.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return seeds;
}

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzMessage, &MessageSeeds, {}};

}  // namespace ronde
