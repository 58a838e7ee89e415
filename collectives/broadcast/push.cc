#include <algorithm>

#include "collectives/broadcast/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/stream_copy.h"

namespace ronde {

Status PushBroadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer data,
                         RegisteredBuffer::Find(context, arguments.place, "broadcast"));
  const int ranks = context.size();
  const int rank = context.rank();
  const ByteRange share = ShareOf(arguments.size_bytes, rank, ranks);
  const std::byte* const source = data.of(arguments.root);
  const bool streams =
      ExceedsCache(context, arguments.size_bytes * static_cast<std::size_t>(ranks));
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // The root's data are complete, and nobody still uses what will be overwritten.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  for (std::size_t at = share.begin; at < share.end; at += kPieceBytes) {
    const std::size_t piece = std::min(kPieceBytes, share.end - at);
    // Each rank begins with its neighbour, so that they do not all write to one.
    for (int distance = 1; distance <= ranks; ++distance) {
      const int target = (rank + distance) % ranks;
      if (target != arguments.root) CopyBytes(data.of(target) + at, source + at, piece, streams);
    }
  }
  if (streams) EndStream();
  const int peers_written = rank == arguments.root ? ranks - 1 : ranks - 2;
  context.AddSharedBytes(share.size() * static_cast<std::size_t>(peers_written));
  return channel.Step(deadline);
}

}  // namespace ronde
