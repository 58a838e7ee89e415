#include <span>

#include "collectives/broadcast/forms.h"
#include "collectives/tags.h"

namespace ronde {

// A place receives from the one that lacks its lowest set bit, and sends to those that have one
// lower bit set besides.
Status SendDownTree(Transport& transport, int place, int places,
                    const std::function<int(int)>& rank_at, std::span<std::byte> data,
                    const Deadline& deadline) {
  int bit = 1;
  while (bit < places && (place & bit) == 0) bit *= 2;
  if (place != 0) {
    RONDE_RETURN_IF_ERROR(transport.Receive(rank_at(place - bit), kBroadcastTag, data, deadline));
  }
  for (bit /= 2; bit > 0; bit /= 2) {
    if (place + bit >= places) continue;
    RONDE_RETURN_IF_ERROR(transport.Send(rank_at(place + bit), kBroadcastTag, data, deadline));
  }
  return Status::Ok();
}

Status BinomialTreeBroadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  const int ranks = context.size();
  const int relative = (context.rank() - arguments.root + ranks) % ranks;
  const auto absolute = [&](int place) { return (place + arguments.root) % ranks; };
  return SendDownTree(context.transport(), relative, ranks, absolute,
                      {static_cast<std::byte*>(arguments.data), arguments.size_bytes},
                      context.NewDeadline());
}

}  // namespace ronde
