#include <cstring>

#include "collectives/alltoall/forms.h"
#include "collectives/tags.h"

namespace ronde {

Status PairwiseAlltoall(CollectiveContext& context, const AlltoallArguments& arguments) {
  const Deadline deadline = context.NewDeadline();
  const int ranks = context.size();
  const int rank = context.rank();
  const BlockLayout sent = SentBy(arguments, rank, ranks);
  const BlockLayout received = ReceivedBy(arguments, rank, ranks);
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  auto* const output = static_cast<std::byte*>(arguments.output);
  if (sent.size(rank) > 0) {
    std::memcpy(output + received.begin(rank), input + sent.begin(rank), sent.size(rank));
  }
  for (int distance = 1; distance < ranks; ++distance) {
    const int to = (rank + distance) % ranks;
    const int from = (rank - distance + ranks) % ranks;
    RONDE_RETURN_IF_ERROR(context.transport().SendReceive(
        to, sent.of(input, to), from, received.of(output, from), kAlltoallTag, deadline));
  }
  return Status::Ok();
}

}  // namespace ronde
