#include <algorithm>
#include <cstring>

#include "collectives/allgather/forms.h"
#include "collectives/shared/block_layout.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/tiny_round.h"

namespace ronde {
namespace {

Status InOneRound(CollectiveContext& context, const AllgatherArguments& arguments) {
  const BlockLayout blocks(arguments.rank_bytes);
  TinyRound round(context);
  if (const std::size_t own = blocks.size(context.rank()); own > 0) {
    std::memcpy(round.mine(), arguments.input, own);
  }
  RONDE_RETURN_IF_ERROR(round.Run());
  auto* target = static_cast<std::byte*>(arguments.output);
  for (int rank = 0; rank < context.size(); ++rank) {
    if (blocks.size(rank) > 0) std::memcpy(target, round.of(rank), blocks.size(rank));
    target += blocks.size(rank);
  }
  context.AddSharedBytes(blocks.size(context.rank()));
  return Status::Ok();
}

}  // namespace

Status SharedMemoryAllgather(CollectiveContext& context, const AllgatherArguments& arguments) {
  const BlockLayout blocks(arguments.rank_bytes);
  const std::size_t largest = blocks.largest();
  if (largest == 0) return Status::Ok();
  if (TinyRound::Takes(largest)) return InOneRound(context, arguments);
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();
  const int ranks = context.size();
  const int rank = context.rank();
  auto* const output = static_cast<std::byte*>(arguments.output);
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  const auto chunk = [&](int block, std::size_t begin) {
    const std::size_t size = blocks.size(block);
    return begin < size ? std::min(channel.slot_bytes(), size - begin) : 0;
  };
  for (std::size_t begin = 0; begin < largest; begin += channel.slot_bytes()) {
    if (const std::size_t size = chunk(rank, begin); size > 0) {
      std::memcpy(channel.next_slot(), input + begin, size);
    }
    RONDE_RETURN_IF_ERROR(channel.Step(deadline));
    for (int distance = 1; distance <= ranks; ++distance) {
      const int peer = (rank + distance) % ranks;
      const std::byte* const source = peer == rank ? input + begin : channel.slot(peer);
      std::byte* const target = output + blocks.begin(peer) + begin;
      const std::size_t size = chunk(peer, begin);
      if (size > 0 && source != target) std::memcpy(target, source, size);
    }
  }
  context.AddSharedBytes(blocks.size(rank));
  return Status::Ok();
}

}  // namespace ronde
