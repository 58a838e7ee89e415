#include <algorithm>

#include "collectives/allgather/forms.h"
#include "collectives/shared/block_layout.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/stream_copy.h"

namespace ronde {

Status PushAllgather(CollectiveContext& context, const AllgatherArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer outputs,
                         RegisteredBuffer::Find(context, arguments.output_place, "allgather"));
  const BlockLayout blocks(arguments.rank_bytes);
  const int ranks = context.size();
  const int rank = context.rank();
  const std::size_t begin = blocks.begin(rank);
  const std::size_t size = blocks.size(rank);
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  const bool in_place = input == outputs.of(rank) + begin;
  const bool streams = ExceedsCache(context, blocks.total() * static_cast<std::size_t>(ranks));
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // Nobody still uses what will be overwritten.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  for (std::size_t at = 0; at < size; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, size - at);
    // Each rank begins with its neighbour, so that they do not all write to one.
    for (int distance = 1; distance <= ranks; ++distance) {
      if (distance == ranks && in_place) break;
      std::byte* const target = outputs.of((rank + distance) % ranks) + begin + at;
      CopyBytes(target, input + at, piece, streams);
    }
  }
  if (streams) EndStream();
  context.AddSharedBytes(size * static_cast<std::size_t>(ranks - 1));
  return channel.Step(deadline);
}

}  // namespace ronde
