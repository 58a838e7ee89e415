#include <cstring>
#include <span>

#include "collectives/allgather/forms.h"
#include "collectives/shared/block_layout.h"
#include "collectives/shared/segments.h"
#include "collectives/tags.h"

namespace ronde {

Status RingAllgather(CollectiveContext& context, const AllgatherArguments& arguments) {
  const Deadline deadline = context.NewDeadline();
  const BlockLayout blocks(arguments.rank_bytes);
  const int ranks = context.size();
  const int rank = context.rank();
  auto* const output = static_cast<std::byte*>(arguments.output);
  const std::span<std::byte> own = blocks.of(output, rank);
  if (!own.empty() && own.data() != arguments.input) {
    std::memcpy(own.data(), arguments.input, own.size());
  }
  for (int step = 0; step < ranks - 1; ++step) {
    const auto outgoing = blocks.of(output, (rank - step + ranks) % ranks);
    const auto incoming = blocks.of(output, (rank - step - 1 + ranks) % ranks);
    RONDE_RETURN_IF_ERROR(ExchangeInSegments(context, (rank + 1) % ranks, outgoing,
                                             (rank + ranks - 1) % ranks, incoming, kAllgatherTag,
                                             deadline));
  }
  return Status::Ok();
}

}  // namespace ronde
