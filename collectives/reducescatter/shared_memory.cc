#include <algorithm>
#include <cstring>
#include <span>

#include "collectives/reducescatter/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/peer_places.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/tiny_round.h"

namespace ronde {
namespace {

Status InOneRound(CollectiveContext& context, const ReducescatterArguments& arguments) {
  const BlockLayout blocks = BlocksOf(arguments);
  const int rank = context.rank();
  TinyRound round(context);
  std::memcpy(round.mine(), arguments.input, blocks.total());
  RONDE_RETURN_IF_ERROR(round.Run());
  const std::span<const void*> operands = PointerScratch(context).operands;
  for (int peer = 0; peer < context.size(); ++peer) {
    operands[static_cast<std::size_t>(peer)] = round.of(peer) + blocks.begin(rank);
  }
  const std::int64_t count = arguments.rank_counts[static_cast<std::size_t>(rank)];
  if (count > 0) {
    Reduce(arguments.op, arguments.dtype, operands, arguments.output, count,
           ScalingFor(arguments, context.size()));
  }
  context.AddSharedBytes(blocks.total() - blocks.size(rank));
  return Status::Ok();
}

}  // namespace

Status SharedMemoryReducescatter(CollectiveContext& context,
                                 const ReducescatterArguments& arguments) {
  const BlockLayout blocks = BlocksOf(arguments);
  const std::size_t largest = blocks.largest();
  if (largest == 0) return Status::Ok();
  if (TinyRound::Takes(blocks.total())) return InOneRound(context, arguments);
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();
  const PeerPlaces places(channel);
  const Scaling scaling = ScalingFor(arguments, context.size());
  const int ranks = context.size();
  const int rank = context.rank();
  const std::span<const void*> operands = PointerScratch(context).operands;
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  const auto piece = [&](int block, std::size_t begin) {
    const std::size_t size = blocks.size(block);
    return begin < size ? std::min(places.place_bytes(), size - begin) : 0;
  };
  for (std::size_t begin = 0; begin < largest; begin += places.place_bytes()) {
    for (int distance = 1; distance < ranks; ++distance) {
      const int peer = (rank + distance) % ranks;
      if (const std::size_t size = piece(peer, begin); size > 0) {
        std::memcpy(channel.next_slot() + places.begin(rank, peer),
                    input + blocks.begin(peer) + begin, size);
      }
    }
    RONDE_RETURN_IF_ERROR(channel.Step(deadline));
    for (int peer = 0; peer < ranks; ++peer) {
      operands[static_cast<std::size_t>(peer)] = channel.slot(peer) + places.begin(peer, rank);
    }
    operands[static_cast<std::size_t>(rank)] = input + blocks.begin(rank) + begin;
    const auto count = static_cast<std::int64_t>(piece(rank, begin) / SizeOf(arguments.dtype));
    if (count > 0) {
      Reduce(arguments.op, arguments.dtype, operands,
             static_cast<std::byte*>(arguments.output) + begin, count, scaling);
    }
  }
  context.AddSharedBytes(blocks.total() - blocks.size(rank));
  return Status::Ok();
}

}  // namespace ronde
