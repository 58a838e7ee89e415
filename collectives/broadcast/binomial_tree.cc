#include <span>

#include "collectives/broadcast/forms.h"
#include "collectives/tags.h"

namespace ronde {

// Ranks are counted from the root on. A rank receives from the one that lacks its lowest set bit,
// and sends to those that have one lower bit set besides.
Status BinomialTreeBroadcast(CollectiveContext& context, const BroadcastArguments& arguments) {
  Transport& transport = context.transport();
  const Deadline deadline = context.NewDeadline();
  const std::span data(static_cast<std::byte*>(arguments.data), arguments.size_bytes);
  const int ranks = context.size();
  const int relative = (context.rank() - arguments.root + ranks) % ranks;
  const auto absolute = [&](int place) { return (place + arguments.root) % ranks; };
  int bit = 1;
  while (bit < ranks && (relative & bit) == 0) bit *= 2;
  if (relative != 0) {
    RONDE_RETURN_IF_ERROR(
        transport.Receive(absolute(relative - bit), kBroadcastTag, data, deadline));
  }
  for (bit /= 2; bit > 0; bit /= 2) {
    if (relative + bit >= ranks) continue;
    RONDE_RETURN_IF_ERROR(transport.Send(absolute(relative + bit), kBroadcastTag, data, deadline));
  }
  return Status::Ok();
}

}  // namespace ronde
