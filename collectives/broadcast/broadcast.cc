#include "collectives/broadcast/broadcast.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

Status ThroughSharedMemory(CollectiveContext& context, std::span<std::byte> data, int root) {
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();
  const bool is_root = context.rank() == root;
  if (is_root) context.AddSharedBytes(data.size());
  for (std::size_t begin = 0; begin < data.size(); begin += channel.slot_bytes()) {
    const auto chunk = data.subspan(begin, std::min(channel.slot_bytes(), data.size() - begin));
    if (is_root) std::memcpy(channel.next_slot(), chunk.data(), chunk.size());
    RONDE_RETURN_IF_ERROR(channel.Step(deadline));
    if (!is_root) std::memcpy(chunk.data(), channel.slot(root), chunk.size());
  }
  return Status::Ok();
}

// Ranks are counted from the root on. A rank receives from the one that lacks its lowest set bit,
// and sends to those that have one lower bit set besides.
Status BinomialTree(CollectiveContext& context, std::span<std::byte> data, int root) {
  Transport& transport = context.transport();
  const Deadline deadline = context.NewDeadline();
  const int ranks = context.size();
  const int relative = (context.rank() - root + ranks) % ranks;
  const auto absolute = [&](int place) { return (place + root) % ranks; };
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

}  // namespace

Status Broadcast(CollectiveContext& context, void* data, std::size_t size_bytes, int root) {
  if (root < 0 || root >= context.size()) {
    return Status::InvalidArgument(
        StrCat("broadcast: root is ", root, ", outside 0..", context.size() - 1));
  }
  if (context.size() == 1 || size_bytes == 0) return Status::Ok();
  const std::span bytes(static_cast<std::byte*>(data), size_bytes);
  const bool shared = context.shared_channel() != nullptr && context.communicator().single_host();
  return shared ? ThroughSharedMemory(context, bytes, root) : BinomialTree(context, bytes, root);
}

}  // namespace ronde
