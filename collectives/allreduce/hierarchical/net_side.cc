#include "collectives/allreduce/hierarchical/net_side.h"

#include <array>

#include "collectives/tags.h"
#include "collectives/wire/wire_codec.h"

namespace ronde {
namespace {

std::span<const float> Floats(const std::byte* values, std::size_t size_bytes) {
  return {reinterpret_cast<const float*>(values), size_bytes / sizeof(float)};
}

std::span<float> Floats(std::byte* values, std::size_t size_bytes) {
  return {reinterpret_cast<float*>(values), size_bytes / sizeof(float)};
}

}  // namespace

NetSide::NetSide(const NetCall& call)
    : call_(call), operands_(static_cast<std::size_t>(call.hosts)) {}

std::size_t NetSide::OnWire(std::size_t size_bytes) const {
  if (!encodes()) return size_bytes;
  return WireBytes(call_.wire, static_cast<std::int64_t>(size_bytes / sizeof(float)));
}

std::size_t NetSide::WireRoom(std::size_t size_bytes) const {
  return (OnWire(size_bytes) + 63) / 64 * 64;
}

Status NetSide::Send(Lane& lane, int host, const std::byte* data, std::size_t size_bytes) {
  if (size_bytes == 0) return Status::Ok();
  RONDE_ASSIGN_OR_RETURN(auto transfer,
                         call_.rail.transport().StartSend(host, kAllreduceTag, {data, size_bytes}));
  lane.transfers.push_back(std::move(transfer));
  return Status::Ok();
}

Status NetSide::Receive(Lane& lane, int host, std::byte* data, std::size_t size_bytes) {
  if (size_bytes == 0) return Status::Ok();
  RONDE_ASSIGN_OR_RETURN(
      auto transfer, call_.rail.transport().StartReceive(host, kAllreduceTag, {data, size_bytes}));
  lane.transfers.push_back(std::move(transfer));
  return Status::Ok();
}

Status NetSide::WaitForAll(Lane& lane) {
  for (const auto& transfer : lane.transfers) {
    // Each wait anew: a large message over a slow wire may take longer than a peer may be silent.
    RONDE_RETURN_IF_ERROR(transfer->Finish(call_.rail.NewDeadline()));
  }
  lane.transfers.clear();
  return Status::Ok();
}

void NetSide::Add(std::span<const void* const> operands, std::byte* result, std::size_t size_bytes,
                  bool complete) const {
  Reduce(call_.op, call_.dtype, operands, result,
         static_cast<std::int64_t>(size_bytes / element_bytes()),
         complete ? call_.result : Scaling{});
}

void NetSide::Scale(std::byte* result, std::size_t size_bytes) const {
  if (call_.result.postscale == 1 && call_.result.divisor == 1) return;
  Add(std::array<const void*, 1>{result}, result, size_bytes, /*complete=*/true);
}

void NetSide::EncodeTo(const std::byte* values, std::size_t size_bytes, std::byte* wire) const {
  Encode(call_.wire, Floats(values, size_bytes), wire);
}

void NetSide::DecodeTo(const std::byte* wire, std::byte* values, std::size_t size_bytes) const {
  Decode(call_.wire, wire, Floats(values, size_bytes));
}

void NetSide::AddDecoded(const std::byte* wire, std::byte* values, std::size_t size_bytes) const {
  DecodeAdd(call_.wire, wire, Floats(values, size_bytes));
}

void NetSide::EncodeAndKeep(std::byte* values, std::size_t size_bytes, std::byte* wire) const {
  EncodeAndRound(call_.wire, Floats(values, size_bytes), wire);
}

std::unique_ptr<NetSide> MakeNetSide(const NetCall& call, const HierarchicalPlan& plan) {
  switch (plan.net) {
    case NetForm::kPairwise:
    case NetForm::kOneShot:
      return MakeOneShotNet(call);
    case NetForm::kGather:
      return MakeGatherNet(call);
    case NetForm::kDirect:
      return MakeDirectNet(call);
    case NetForm::kRing:
      return MakeRingNet(call);
    case NetForm::kNamed:
      break;
  }
  return MakeNamedNet(call, *plan.named);
}

}  // namespace ronde
