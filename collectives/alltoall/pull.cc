#include "collectives/alltoall/forms.h"
#include "collectives/shared/one_host.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/stream_copy.h"

namespace ronde {

Status PullAlltoall(CollectiveContext& context, const AlltoallArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const RegisteredBuffer inputs,
                         RegisteredBuffer::Find(context, arguments.input_place, "alltoall"));
  const int ranks = context.size();
  const int rank = context.rank();
  const BlockLayout received = ReceivedBy(arguments, rank, ranks);
  auto* const output = static_cast<std::byte*>(arguments.output);
  const bool streams =
      ExceedsCache(context, 2 * received.total() * static_cast<std::size_t>(ranks));
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();

  // All inputs are complete.
  RONDE_RETURN_IF_ERROR(channel.Step(deadline));
  // Each rank begins with its neighbour, so that they do not all read from one.
  for (int distance = 1; distance <= ranks; ++distance) {
    const int peer = (rank + distance) % ranks;
    const std::size_t begin = SentBy(arguments, peer, ranks).begin(rank);
    CopyBytes(output + received.begin(peer), inputs.of(peer) + begin, received.size(peer), streams);
  }
  if (streams) EndStream();
  context.AddSharedBytes(received.total() - received.size(rank));
  // Nobody changes an input that is still being read.
  return channel.Step(deadline);
}

}  // namespace ronde
