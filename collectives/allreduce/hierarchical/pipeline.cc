#include "collectives/allreduce/hierarchical/pipeline.h"

#include <algorithm>

#include "collectives/shared/shared_channel.h"

namespace ronde {
namespace {

std::size_t WholeLines(std::size_t size_bytes) { return (size_bytes + 63) / 64 * 64; }

}  // namespace

Pipeline::Pipeline(CollectiveContext& context, const Sides& sides, std::size_t shard_bytes)
    : context_(context), sides_(sides), lanes_(sides.net_rounds + 1) {
  const std::size_t own_bytes = WholeLines(shard_bytes);
  const std::size_t room_bytes = sides.net == nullptr ? 0 : WholeLines(sides.net->RoomBytes());
  std::byte* next = context.OuterScratch(lanes_.size() * (own_bytes + room_bytes));
  for (Lane& lane : lanes_) {
    lane.own = next;
    lane.room = next + own_bytes;
    next += own_bytes + room_bytes;
  }
}

Status Pipeline::MoveOn(std::size_t round, std::size_t chunks) {
  if (sides_.net == nullptr) return Status::Ok();
  NetSide& net = *sides_.net;
  const auto rounds = static_cast<std::size_t>(net.rounds_per_phase());
  for (int phase = net.phases() - 1; phase >= 0; --phase) {
    const std::size_t age = rounds * static_cast<std::size_t>(phase + 1);
    if (round < age || round - age >= chunks) continue;
    Lane& lane = LaneOf(round - age);
    RONDE_RETURN_IF_ERROR(net.Finish(phase, lane));
    if (phase + 1 < net.phases()) RONDE_RETURN_IF_ERROR(net.Start(phase + 1, lane));
  }
  return Status::Ok();
}

Status Pipeline::Nudge() {
  for (Lane& lane : lanes_) {
    for (const auto& transfer : lane.transfers) {
      RONDE_RETURN_IF_ERROR(transfer->Progress().status());
    }
  }
  return Status::Ok();
}

Status Pipeline::Run(std::size_t chunks) {
  SharedChannel* const channel = context_.local_context().shared_channel();
  const MeanwhileScope meanwhile(channel, [this] { return Nudge(); });
  RONDE_RETURN_IF_ERROR(sides_.local.Open());
  for (std::size_t round = 0; round < chunks + sides_.net_rounds; ++round) {
    RONDE_RETURN_IF_ERROR(MoveOn(round, chunks));
    const bool brings = round < chunks;
    const bool takes = round >= sides_.net_rounds;
    Lane* const in = brings ? &LaneOf(round) : nullptr;
    const std::size_t out_chunk = takes ? round - sides_.net_rounds : 0;
    const Lane* const out = takes ? &LaneOf(out_chunk) : nullptr;
    RONDE_RETURN_IF_ERROR(sides_.local.Round(round, in, out_chunk, out));
    if (brings && sides_.net != nullptr) RONDE_RETURN_IF_ERROR(sides_.net->Start(0, *in));
  }
  return sides_.local.Close();
}

}  // namespace ronde
