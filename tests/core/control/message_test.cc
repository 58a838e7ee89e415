#include "core/control/message.h"

#include <cstring>
#include <random>
#include <variant>

#include <gtest/gtest.h>

namespace ronde {
namespace {

Request SampleRequest() {
  Request request;
  request.kind = OperationKind::kModelAverage;
  request.name = "layer1.0.conv1.weight";
  request.dtype = DataType::kBFloat16;
  request.op = ReduceOp::kAverage;
  request.shape = {64, 3, 7, 7};
  request.root = 3;
  request.prescale = 0.1;
  request.postscale = -2.5;
  request.window = {.period = 8, .origin = 100, .step = 116};
  return request;
}

RequestList SampleRequests() {
  Request scalar;
  scalar.name = "loss";
  Request group;
  group.name = "gradients.0";
  group.shape = {9};
  group.group_counts = {4, 0, 5};
  group.input_place = {.block = 3, .offset = 64};
  group.output_place = {.block = 4, .offset = 0};
  Request exchange;
  exchange.kind = OperationKind::kAlltoall;
  exchange.name = "tokens";
  exchange.shape = {9, 2};
  exchange.splits = {4, 0, 5};
  exchange.objection = "its output is too short";
  Request into;
  into.kind = OperationKind::kAllgather;
  into.name = "shards";
  into.shape = {3};
  into.into_output = true;
  into.on_device = true;
  Request member;
  member.kind = OperationKind::kBroadcast;
  member.name = "member";
  member.process_set = 7;
  member.group = "step";
  member.group_size = 3;
  Request add;
  add.kind = OperationKind::kAddProcessSet;
  add.name = "add";
  add.members = {0, 2, 1000};
  return {.requests = {SampleRequest(), scalar, group, exchange, into, member, add},
          .shutdown = true,
          .as_of = 1ULL << 40,
          .complete = {0, 5, 65535},
          .last_rank = 12,
          .partial = {{3, {1, 2}}, {4, {}}},
          .unlock = 9,
          .frozen = 10,
          .pledged = 11};
}

ResponseList SampleResponses() {
  Response gather;
  gather.request.kind = OperationKind::kAllgather;
  gather.request.name = "correct";
  gather.request.shape = {4, 2};
  gather.rank_extents = {4, 0, 9};
  Response exchange;
  exchange.request.kind = OperationKind::kAlltoall;
  exchange.request.name = "tokens";
  exchange.request.shape = {3, 2};
  exchange.request.splits = {1, 2};
  exchange.rank_extents = {1, 2, 0, 7};
  Response failed;
  failed.request = SampleRequest();
  failed.error = Status::Mismatch("tensor 'x': shapes differ");
  gather.slot = 17;
  ResponseList list;
  list.number = 1ULL << 41;
  list.evicted = {4, 5};
  list.responses = {gather, exchange, failed};
  list.cached = {9, 8, 7};
  list.absent = {1, 2};
  list.absent_changed = true;
  list.tunables = Tunables{.fusion_threshold_bytes = 1 << 20,
                           .cycle_time_ms = 0.25,
                           .chunk_bytes = 4096,
                           .one_shot_bytes = 512,
                           .hierarchical = false};
  list.lock = {.number = 3, .slots = {9, 7, 8}, .unit_ends = {2, 3}};
  list.freeze = 2;
  list.unlocked = 1;
  list.executed = 77;
  list.direct = true;
  return list;
}

std::span<const std::byte> Bytes(const std::vector<std::byte>& bytes) { return bytes; }

TEST(Message, RequestListSurvivesTheRoundTrip) {
  const RequestList sent = SampleRequests();
  const Result<RequestList> decoded = DecodeRequestList(Encode(sent));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  const RequestList& received = decoded.value();
  EXPECT_EQ(received.requests, sent.requests);
  EXPECT_TRUE(received.shutdown);
  EXPECT_EQ(received.as_of, sent.as_of);
  EXPECT_EQ(received.complete, sent.complete);
  EXPECT_EQ(received.last_rank, sent.last_rank);
  ASSERT_EQ(received.partial.size(), sent.partial.size());
  for (std::size_t i = 0; i < sent.partial.size(); ++i) {
    EXPECT_EQ(received.partial[i].rank, sent.partial[i].rank);
    EXPECT_EQ(received.partial[i].slots, sent.partial[i].slots);
  }
  EXPECT_EQ(received.unlock, sent.unlock);
  EXPECT_EQ(received.frozen, sent.frozen);
  EXPECT_EQ(received.pledged, sent.pledged);
}

TEST(Message, ResponseListSurvivesTheRoundTrip) {
  const ResponseList sent = SampleResponses();
  const Result<ResponseList> decoded = DecodeResponseList(Encode(sent));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  const ResponseList& received = decoded.value();
  ASSERT_EQ(received.responses.size(), sent.responses.size());
  for (std::size_t i = 0; i < sent.responses.size(); ++i) {
    EXPECT_EQ(received.responses[i].request, sent.responses[i].request);
    EXPECT_EQ(received.responses[i].rank_extents, sent.responses[i].rank_extents);
    EXPECT_EQ(received.responses[i].error, sent.responses[i].error);
    EXPECT_EQ(received.responses[i].slot, sent.responses[i].slot);
  }
  EXPECT_FALSE(received.shutdown);
  EXPECT_EQ(received.number, sent.number);
  EXPECT_EQ(received.evicted, sent.evicted);
  EXPECT_EQ(received.cached, sent.cached);
  EXPECT_EQ(received.absent, sent.absent);
  EXPECT_TRUE(received.absent_changed);
  EXPECT_EQ(received.tunables, sent.tunables);
  EXPECT_EQ(received.lock.number, sent.lock.number);
  EXPECT_EQ(received.lock.slots, sent.lock.slots);
  EXPECT_EQ(received.lock.unit_ends, sent.lock.unit_ends);
  EXPECT_EQ(received.freeze, sent.freeze);
  EXPECT_EQ(received.unlocked, sent.unlocked);
  EXPECT_EQ(received.executed, sent.executed);
  EXPECT_TRUE(received.direct);
}

TEST(Message, WhatIsAbsentIsReadAsItsDefault) {
  const RequestList requests = DecodeRequestList(Encode(RequestList{})).value();
  EXPECT_EQ(requests.last_rank, -1);
  EXPECT_EQ(requests.as_of, 0u);
  EXPECT_TRUE(requests.complete.empty());
  Response response;
  response.request.name = "w";
  const ResponseList list =
      DecodeResponseList(Encode(ResponseList{.responses = {response}})).value();
  EXPECT_EQ(list.responses.at(0).slot, -1);
  EXPECT_FALSE(list.tunables.has_value());
  EXPECT_EQ(list.lock.number, 0u);
  EXPECT_FALSE(list.absent_changed);
  EXPECT_FALSE(list.direct);
}

TEST(Message, EitherListIsTakenForWhatItIs) {
  const auto requests = Decode(Encode(SampleRequests()));
  ASSERT_TRUE(requests.ok());
  EXPECT_TRUE(std::holds_alternative<RequestList>(requests.value()));
  const auto responses = Decode(Encode(SampleResponses()));
  ASSERT_TRUE(responses.ok());
  EXPECT_TRUE(std::holds_alternative<ResponseList>(responses.value()));
}

TEST(Message, RefusesALockWhoseUnitsAreNotItsSlots) {
  const auto code = [](const Lock& lock) {
    ResponseList list;
    list.lock = lock;
    return DecodeResponseList(Encode(list)).status().code();
  };
  EXPECT_EQ(code({1, {4, 5}, {1, 2}}), StatusCode::kOk);
  EXPECT_EQ(code({1, {4, 5}, {2}}), StatusCode::kOk);
  EXPECT_EQ(code({1, {4, 5}, {}}), StatusCode::kInternal);
  EXPECT_EQ(code({1, {}, {}}), StatusCode::kInternal);
  EXPECT_EQ(code({1, {4, 5}, {1}}), StatusCode::kInternal) << "a slot in no unit";
  EXPECT_EQ(code({1, {4, 5}, {1, 3}}), StatusCode::kInternal);
  EXPECT_EQ(code({1, {4, 5}, {0, 2}}), StatusCode::kInternal) << "an empty unit";
  EXPECT_EQ(code({1, {4, 5}, {1, 1, 2}}), StatusCode::kInternal) << "another empty unit";
  EXPECT_EQ(code({1, {4, 5}, {2, 1, 2}}), StatusCode::kInternal);
}

TEST(Message, RefusesSlotsBeyondAnyResponseCache) {
  // Ranks keep tables by slot.
  const auto refused = [](auto change) {
    ResponseList list;
    Response response;
    response.request.name = "w";
    list.responses = {response};
    change(list);
    return DecodeResponseList(Encode(list)).status().code() == StatusCode::kInternal;
  };
  EXPECT_FALSE(refused([](ResponseList&) {}));
  for (const std::uint32_t slot : {1U << 16, 1U << 31, UINT32_MAX}) {
    EXPECT_TRUE(refused([&](ResponseList& list) { list.evicted = {slot}; })) << slot;
    EXPECT_TRUE(refused([&](ResponseList& list) { list.cached = {slot}; })) << slot;
    EXPECT_TRUE(refused([&](ResponseList& list) { list.lock = {1, {slot}, {1}}; })) << slot;
  }
  EXPECT_TRUE(refused([](ResponseList& list) { list.responses[0].slot = -2; }));
  EXPECT_TRUE(refused([](ResponseList& list) { list.responses[0].slot = 1 << 16; }));
}

TEST(Message, EmptyListsSurviveTheRoundTrip) {
  EXPECT_TRUE(DecodeRequestList(Encode(RequestList{})).value().requests.empty());
  EXPECT_TRUE(DecodeResponseList(Encode(ResponseList{})).value().responses.empty());
}

TEST(Message, IsReadAtAnyAddress) {
  const std::vector<std::byte> encoded = Encode(SampleRequests());
  for (std::size_t offset = 0; offset < 8; ++offset) {
    std::vector<std::byte> shifted(offset);
    shifted.insert(shifted.end(), encoded.begin(), encoded.end());
    EXPECT_TRUE(DecodeRequestList(Bytes(shifted).subspan(offset)).ok());
  }
}

TEST(Message, OneListIsNotTakenForTheOther) {
  EXPECT_EQ(DecodeRequestList(Encode(ResponseList{})).status().code(), StatusCode::kInternal);
  EXPECT_EQ(DecodeResponseList(Encode(RequestList{})).status().code(), StatusCode::kInternal);
}

TEST(Message, NamesAForeignFormatVersion) {
  std::vector<std::byte> bytes = Encode(RequestList{});
  // The version is the only 16-bit field of the root table that is 4; find it by trying.
  bool found = false;
  for (std::size_t at = 8; at + 1 < bytes.size() && !found; ++at) {
    std::vector<std::byte> changed = bytes;
    if (changed[at] != std::byte{4} || changed[at + 1] != std::byte{0}) continue;
    changed[at] = std::byte{77};
    const Result<RequestList> list = DecodeRequestList(changed);
    found = !list.ok() && list.status().message().find("format version 77") != std::string::npos;
  }
  EXPECT_TRUE(found);
}

TEST(Message, RefusesValuesOutOfRange) {
  const auto decode = [](auto change) {
    RequestList list{.requests = {SampleRequest()}};
    change(list.requests[0]);
    return DecodeRequestList(Encode(list)).status();
  };
  EXPECT_TRUE(decode([](Request&) {}).ok());
  const auto refused = [&](auto change) { return decode(change).code() == StatusCode::kInternal; };
  EXPECT_TRUE(refused([](Request& r) { r.kind = static_cast<OperationKind>(11); }));
  EXPECT_TRUE(refused([](Request& r) { r.dtype = static_cast<DataType>(kDataTypeCount); }));
  EXPECT_TRUE(refused([](Request& r) { r.op = static_cast<ReduceOp>(kReduceOpCount); }));
  EXPECT_TRUE(refused([](Request& r) { r.shape = {3, -1}; }));
  EXPECT_TRUE(refused([](Request& r) { r.shape = {1LL << 40, 1LL << 40}; }));
  EXPECT_TRUE(refused([](Request& r) { r.shape = {1LL << 40, 1LL << 40, 0}; }));
  EXPECT_TRUE(refused([](Request& r) { r.name = ""; }));
  const auto group_refused = [&](Shape shape, std::vector<std::int64_t> counts) {
    return refused([&](Request& r) {
      r.kind = OperationKind::kAllreduce;
      r.shape = shape;
      r.group_counts = counts;
    });
  };
  EXPECT_FALSE(group_refused({3}, {1, 2}));
  EXPECT_TRUE(group_refused({4}, {1, 2}));
  EXPECT_TRUE(group_refused({3, 1}, {1, 2}));
  EXPECT_TRUE(group_refused({1}, {2, -1}));
  EXPECT_TRUE(group_refused({0}, {INT64_MAX, INT64_MAX, 2}));
  EXPECT_TRUE(refused([](Request& r) { r.group_counts = {64 * 3 * 7 * 7}; }));
  EXPECT_TRUE(refused([](Request& r) { r.splits = {64}; })) << "no alltoall";
  EXPECT_TRUE(refused([](Request& r) { r.into_output = true; })) << "no allgather";
  EXPECT_TRUE(refused([](Request& r) {
    r.kind = OperationKind::kBarrier;
    r.on_device = true;
  })) << "no data";
  EXPECT_TRUE(refused([](Request& r) { r.members = {1}; })) << "no new process set";
  EXPECT_TRUE(refused([](Request& r) { r.group = "g"; })) << "of how many";
  EXPECT_TRUE(refused([](Request& r) { r.group_size = 2; })) << "of which group";
}

TEST(Message, RefusesExtentsOutOfRange) {
  for (const std::vector<std::int64_t>& extents :
       {std::vector<std::int64_t>{-1}, {INT64_MAX, 1}, {1LL << 62, 0}}) {
    ResponseList list = SampleResponses();
    list.responses[0].rank_extents = extents;
    EXPECT_EQ(DecodeResponseList(Encode(list)).status().code(), StatusCode::kInternal);
  }
}

TEST(Message, SplitsThatDoNotAddUpReachTheNegotiation) {
  RequestList list = SampleRequests();
  list.requests[3].splits = {INT64_MAX, INT64_MAX, -1, 7};
  const Result<RequestList> received = DecodeRequestList(Encode(list));
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received.value().requests[3].splits, list.requests[3].splits);
}

TEST(Message, RefusesBlocksThatAreNotTheSplitsOfAllRanks) {
  const auto code = [](const std::vector<std::int64_t>& extents) {
    ResponseList list = SampleResponses();
    list.responses[1].rank_extents = extents;
    return DecodeResponseList(Encode(list)).status().code();
  };
  EXPECT_EQ(code({1, 2, 0, 7}), StatusCode::kOk);
  EXPECT_EQ(code({1, 2}), StatusCode::kInternal) << "a rank too few";
  EXPECT_EQ(code({1, 2, 0, 7, 0}), StatusCode::kInternal);
  EXPECT_EQ(code({2, 1, 0, 7}), StatusCode::kInternal) << "not what rank 0 sends";
  EXPECT_EQ(code({1, 2, -1, 7}), StatusCode::kInternal);
  EXPECT_EQ(code({1, 2, INT64_MAX, 0}), StatusCode::kInternal);
  EXPECT_EQ(code({1, 2, 1LL << 61, 0}), StatusCode::kInternal) << "too many bytes";
}

TEST(Message, TruncatedBytesAreAnError) {
  const std::vector<std::byte> requests = Encode(SampleRequests());
  for (std::size_t size = 0; size < requests.size(); ++size) {
    // A copy of exact size, so that a read past the end is seen by the address sanitizer.
    const std::vector<std::byte> cut(requests.begin(), requests.begin() + size);
    (void)DecodeRequestList(cut);
    (void)DecodeResponseList(cut);
  }
  EXPECT_FALSE(DecodeRequestList({}).ok());
  EXPECT_FALSE(DecodeRequestList(Bytes(requests).first(requests.size() / 2)).ok());
}

template <typename Decode>
void FlipBits(const std::vector<std::byte>& original, Decode decode) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::byte> bytes = original;
    const int flips = 1 + static_cast<int>(random() % 4);
    for (int flip = 0; flip < flips; ++flip) {
      bytes[random() % bytes.size()] ^= static_cast<std::byte>(1u << (random() % 8));
    }
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    const auto list = decode(bytes);
    if (!list.ok()) {
      EXPECT_FALSE(list.status().message().empty());
    }
  }
}

TEST(Message, FlippedBitsNeverCrash) {
  FlipBits(Encode(SampleRequests()), [](const auto& bytes) { return DecodeRequestList(bytes); });
  FlipBits(Encode(SampleResponses()), [](const auto& bytes) { return DecodeResponseList(bytes); });
}

TEST(Message, RandomBytesNeverCrash) {
  std::mt19937 random(11);
  const std::vector<std::byte> header = Encode(RequestList{});
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::byte> bytes(random() % 256);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    // Past the identifier check, too.
    if (bytes.size() >= 8) std::memcpy(bytes.data(), header.data(), 8);
    (void)DecodeRequestList(bytes);
    (void)DecodeResponseList(bytes);
  }
}

}  // namespace
}  // namespace ronde
