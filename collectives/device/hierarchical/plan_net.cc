#include "collectives/device/hierarchical/plan_net.h"

#include <utility>

namespace ronde {

PlanNet::PlanNet(const DevicePlanShape& shape, int host, std::size_t shard_bytes,
                 PlanBuilder& builder)
    : shape_(shape),
      host_(host),
      shard_bytes_(shard_bytes),
      values_room_(shape.gpu_direct ? 0 : (shard_bytes + 63) / 64 * 64),
      builder_(builder) {}

std::size_t PlanNet::OnWire(std::size_t size_bytes) const {
  if (!encodes()) return size_bytes;
  return WireBytes(shape_.wire, static_cast<std::int64_t>(size_bytes / sizeof(float)));
}

std::size_t PlanNet::WireRoom(std::size_t size_bytes) const {
  return (OnWire(size_bytes) + 63) / 64 * 64;
}

PlanPlace PlanNet::Values(const PlanLane& lane, const ByteRange& part) const {
  if (shape_.gpu_direct) {
    return {PlanSpace::kTensor, 0, lane.tensor.begin + part.begin, part.size()};
  }
  return {PlanSpace::kPinned, lane.slot, part.begin, part.size()};
}

PlanPlace PlanNet::Room(const PlanLane& lane, std::size_t begin, std::size_t size_bytes) const {
  return {shape_.gpu_direct ? PlanSpace::kRoom : PlanSpace::kPinned, lane.slot,
          values_room_ + begin, size_bytes};
}

void PlanNet::Send(const PlanLane& lane, int peer, const PlanPlace& from) {
  if (from.size_bytes == 0) return;
  builder_.Append({.kind = PlanStepKind::kSend,
                   .engine = PlanEngine::kWire,
                   .chunk = lane.chunk,
                   .peer = peer,
                   .reads = {from}});
}

void PlanNet::Receive(const PlanLane& lane, int peer, const PlanPlace& to) {
  if (to.size_bytes == 0) return;
  builder_.Append({.kind = PlanStepKind::kReceive,
                   .engine = PlanEngine::kWire,
                   .chunk = lane.chunk,
                   .peer = peer,
                   .writes = {to}});
}

void PlanNet::Sum(PlanStepKind kind, const PlanLane& lane, std::vector<PlanPlace> reads,
                  const PlanPlace& to, bool complete) {
  if (to.size_bytes == 0) return;
  builder_.Append({.kind = kind,
                   .engine = shape_.gpu_direct ? PlanEngine::kCompute : PlanEngine::kHost,
                   .chunk = lane.chunk,
                   .complete = complete,
                   .reads = std::move(reads),
                   .writes = {to}});
}

void PlanNet::Convert(PlanStepKind kind, const PlanLane& lane, const PlanPlace& from,
                      const PlanPlace& to) {
  if (to.size_bytes == 0) return;
  PlanStep step = {.kind = kind,
                   .engine = PlanEngine::kHost,
                   .chunk = lane.chunk,
                   .reads = {from},
                   .writes = {to}};
  if (kind == PlanStepKind::kEncodeKeep) step.writes.push_back(from);
  builder_.Append(std::move(step));
}

}  // namespace ronde
