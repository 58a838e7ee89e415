#include "collectives/device/hierarchical/plan.h"

#include <algorithm>
#include <memory>

#include "collectives/device/hierarchical/plan_builder.h"
#include "collectives/device/hierarchical/plan_net.h"
#include "collectives/shared/one_host.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kLineBytes = 64;  // a whole number of elements of any type
// Up to this size of a shard hosts send it to all others whole, which saves a phase.
constexpr std::size_t kOneShotBytes = 8 << 10;
// More messages at once than this are worse than more steps.
constexpr int kDirectHosts = 16;
// Chunks under way at a time: one that is copied out, one that is copied in, and enough between
// them that the wire has the next message when one ends, also while sums are taken. In the timing
// model of the tests the wire of three hosts idles for a fifth of the time with 6, for an eighth
// with 8 and with 12; that of others for a twentieth at most.
constexpr int kLeastSlots = 8;

// Writes the rounds of a plan: in each the next chunk enters, and those before it move on.
class Planner {
 public:
  Planner(const DevicePlanShape& shape, int host, DevicePlan& plan)
      : shape_(shape), plan_(plan), builder_(plan) {
    CutIntoChunks();
    net_ = MakePlanNet(shape, host, shard_bytes_, builder_);
    if (net_ == nullptr) return;
    rounds_per_phase_ = std::max(1, (kLeastSlots + net_->phases() - 1) / net_->phases());
    rounds_ = rounds_per_phase_ * net_->phases();
    slot_bytes_ = (net_->SlotBytes() + 255) / 256 * 256;
  }

  void Plan() {
    plan_.slots = std::min(rounds_, plan_.chunks);
    plan_.slot_bytes = plan_.slots == 0 ? 0 : slot_bytes_;
    const bool meets = plan_.local_size > 1;
    if (meets) builder_.Append({.kind = PlanStepKind::kEnter});
    if (plan_.local_rank < plan_.carriers) PlanRounds();
    if (meets) builder_.Append({.kind = PlanStepKind::kLeave});
  }

 private:
  // Equal chunks, as few as there can be.
  void CutIntoChunks() {
    const auto carriers = static_cast<std::size_t>(plan_.carriers);
    const std::size_t shard = std::max(kLineBytes, shape_.chunk_bytes / kLineBytes * kLineBytes);
    const std::size_t most = shard * carriers;
    const std::size_t chunks = (plan_.tensor_bytes + most - 1) / most;
    const std::size_t unit = kLineBytes * carriers;
    const std::size_t each = (plan_.tensor_bytes + chunks - 1) / chunks;
    chunk_bytes_ = (each + unit - 1) / unit * unit;
    shard_bytes_ = chunk_bytes_ / carriers;
    plan_.chunks = static_cast<int>((plan_.tensor_bytes + chunk_bytes_ - 1) / chunk_bytes_);
  }

  [[nodiscard]] PlanLane LaneOf(int chunk) const {
    const std::size_t begin = static_cast<std::size_t>(chunk) * chunk_bytes_;
    const std::size_t size = std::min(chunk_bytes_, plan_.tensor_bytes - begin);
    const ByteRange share = ShareOf(size, plan_.local_rank, plan_.carriers);
    return {.chunk = chunk,
            .slot = plan_.slots == 0 ? 0 : chunk % plan_.slots,
            .tensor = {begin + share.begin, begin + share.end}};
  }

  void PlanRounds() {
    for (int round = 0; round < plan_.chunks + rounds_; ++round) {
      MoveOn(round);
      if (round < plan_.chunks) Bring(LaneOf(round));
      if (net_ == nullptr) Take(LaneOf(round));
    }
  }

  // Ends and begins phases, the latest first.
  void MoveOn(int round) {
    for (int phase = net_ == nullptr ? -1 : net_->phases() - 1; phase >= 0; --phase) {
      const int chunk = round - rounds_per_phase_ * (phase + 1);
      if (chunk < 0 || chunk >= plan_.chunks) continue;
      const PlanLane lane = LaneOf(chunk);
      if (lane.tensor.size() == 0) continue;
      net_->Finish(phase, lane);
      if (phase + 1 < net_->phases()) {
        net_->Start(phase + 1, lane);
      } else {
        Take(lane);
      }
    }
  }

  [[nodiscard]] PlanPlace Shard(const PlanLane& lane) const {
    return {PlanSpace::kTensor, 0, lane.tensor.begin, lane.tensor.size()};
  }

  void Bring(const PlanLane& lane) {
    if (lane.tensor.size() == 0) return;
    builder_.Append({.kind = PlanStepKind::kReduceLocal,
                     .chunk = lane.chunk,
                     .complete = net_ == nullptr,
                     .writes = {Shard(lane)}});
    if (net_ == nullptr) return;
    if (!shape_.gpu_direct) {
      builder_.Append({.kind = PlanStepKind::kCopyOut,
                       .engine = PlanEngine::kCopyOut,
                       .chunk = lane.chunk,
                       .reads = {Shard(lane)},
                       .writes = {net_->Values(lane)}});
    }
    net_->Start(0, lane);
  }

  void Take(const PlanLane& lane) {
    if (lane.tensor.size() == 0) return;
    if (net_ != nullptr && !shape_.gpu_direct) {
      builder_.Append({.kind = PlanStepKind::kCopyIn,
                       .engine = PlanEngine::kCopyIn,
                       .chunk = lane.chunk,
                       .reads = {net_->Values(lane)},
                       .writes = {Shard(lane)}});
    }
    if (plan_.local_size > 1) {
      builder_.Append(
          {.kind = PlanStepKind::kGatherLocal, .chunk = lane.chunk, .reads = {Shard(lane)}});
    }
  }

  const DevicePlanShape& shape_;
  DevicePlan& plan_;
  PlanBuilder builder_;
  std::unique_ptr<PlanNet> net_;  // null: one host
  std::size_t chunk_bytes_ = 0;   // of the tensor
  std::size_t shard_bytes_ = 0;   // the largest of a carrier
  std::size_t slot_bytes_ = 0;
  int rounds_per_phase_ = 0;
  int rounds_ = 0;  // from a chunk's sum to its result
};

}  // namespace

NetForm DeviceNetForm(int hosts, std::size_t carrier_bytes) {
  if (hosts <= 2) return NetForm::kPairwise;
  if (hosts > kDirectHosts) return NetForm::kRing;
  return carrier_bytes <= kOneShotBytes ? NetForm::kOneShot : NetForm::kDirect;
}

int CarriersOf(const DevicePlanShape& shape) {
  const int first = shape.ranks_per_host.front();
  const bool even = std::all_of(shape.ranks_per_host.begin(), shape.ranks_per_host.end(),
                                [&](int ranks) { return ranks == first; });
  return even && !shape.leader ? first : 1;
}

Status CheckDevicePlanShape(const DevicePlanShape& shape) {
  const bool filled = std::all_of(shape.ranks_per_host.begin(), shape.ranks_per_host.end(),
                                  [](int ranks) { return ranks > 0; });
  if (shape.count < 0 || shape.ranks_per_host.empty() || !filled) {
    return Status::Internal("hierarchical plan: a host without ranks, or a negative count");
  }
  if (shape.gpu_direct && shape.wire != WireFormat::kSame) {
    return Status::Internal("hierarchical plan: wire compression needs staging in host memory");
  }
  if (shape.wire != WireFormat::kSame && shape.dtype != DataType::kFloat32) {
    return Status::Internal("hierarchical plan: wire compression is for float32");
  }
  const bool known = shape.net == NetForm::kPairwise || shape.net == NetForm::kOneShot ||
                     shape.net == NetForm::kDirect || shape.net == NetForm::kRing;
  if (!known || (shape.net == NetForm::kPairwise && shape.hosts() > 2)) {
    return Status::Internal(
        StrCat("hierarchical plan: no such form between ", shape.hosts(), " hosts"));
  }
  return Status::Ok();
}

DevicePlan MakeDevicePlan(const DevicePlanShape& shape, int host, int local_rank) {
  DevicePlan plan;
  plan.host = host;
  plan.local_rank = local_rank;
  plan.local_size = shape.ranks_per_host[static_cast<std::size_t>(host)];
  plan.carriers = CarriersOf(shape);
  plan.tensor_bytes = static_cast<std::size_t>(shape.count) * SizeOf(shape.dtype);
  plan.slot_space = shape.gpu_direct ? PlanSpace::kRoom : PlanSpace::kPinned;
  if (shape.count > 0) Planner(shape, host, plan).Plan();
  return plan;
}

std::size_t WireBytesSent(const DevicePlan& plan) {
  std::size_t bytes = 0;
  for (const PlanStep& step : plan.steps) {
    if (step.kind == PlanStepKind::kSend) bytes += step.reads.front().size_bytes;
  }
  return bytes;
}

}  // namespace ronde
