#include <algorithm>
#include <cstring>

#include "collectives/alltoall/forms.h"
#include "collectives/shared/peer_places.h"
#include "collectives/shared/shared_channel.h"
#include "collectives/shared/tiny_round.h"

namespace ronde {
namespace {

// The largest block that goes from one rank to another.
std::size_t LargestMessage(const AlltoallArguments& arguments, int ranks) {
  std::size_t largest = 0;
  for (int from = 0; from < ranks; ++from) {
    const BlockLayout sent = SentBy(arguments, from, ranks);
    for (int to = 0; to < ranks; ++to) {
      if (to != from) largest = std::max(largest, sent.size(to));
    }
  }
  return largest;
}

Status InOneRound(CollectiveContext& context, const AlltoallArguments& arguments) {
  const int ranks = context.size();
  const int rank = context.rank();
  const BlockLayout received = ReceivedBy(arguments, rank, ranks);
  const std::size_t sent_bytes = SentBy(arguments, rank, ranks).total();
  TinyRound round(context);
  if (sent_bytes > 0) std::memcpy(round.mine(), arguments.input, sent_bytes);
  RONDE_RETURN_IF_ERROR(round.Run());
  auto* target = static_cast<std::byte*>(arguments.output);
  for (int peer = 0; peer < ranks; ++peer) {
    const std::size_t size = received.size(peer);
    if (size == 0) continue;
    std::memcpy(target, round.of(peer) + SentBy(arguments, peer, ranks).begin(rank), size);
    target += size;
  }
  context.AddSharedBytes(sent_bytes - received.size(rank));
  return Status::Ok();
}

}  // namespace

Status SharedMemoryAlltoall(CollectiveContext& context, const AlltoallArguments& arguments) {
  const int ranks = context.size();
  const std::size_t largest_input = LargestInput(arguments, ranks);
  if (largest_input == 0) return Status::Ok();
  if (TinyRound::Takes(largest_input)) return InOneRound(context, arguments);
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();
  const PeerPlaces places(channel);
  const int rank = context.rank();
  const BlockLayout sent = SentBy(arguments, rank, ranks);
  const BlockLayout received = ReceivedBy(arguments, rank, ranks);
  const auto* const input = static_cast<const std::byte*>(arguments.input);
  auto* const output = static_cast<std::byte*>(arguments.output);
  const auto piece = [&](const BlockLayout& blocks, int block, std::size_t begin) {
    const std::size_t size = blocks.size(block);
    return begin < size ? std::min(places.place_bytes(), size - begin) : 0;
  };
  const std::size_t largest = LargestMessage(arguments, ranks);
  for (std::size_t begin = 0; begin < largest; begin += places.place_bytes()) {
    for (int distance = 1; distance < ranks; ++distance) {
      const int peer = (rank + distance) % ranks;
      if (const std::size_t size = piece(sent, peer, begin); size > 0) {
        std::memcpy(channel.next_slot() + places.begin(rank, peer),
                    input + sent.begin(peer) + begin, size);
      }
    }
    RONDE_RETURN_IF_ERROR(channel.Step(deadline));
    for (int distance = 1; distance < ranks; ++distance) {
      const int peer = (rank + distance) % ranks;
      if (const std::size_t size = piece(received, peer, begin); size > 0) {
        std::memcpy(output + received.begin(peer) + begin,
                    channel.slot(peer) + places.begin(peer, rank), size);
      }
    }
  }
  if (sent.size(rank) > 0) {
    std::memcpy(output + received.begin(rank), input + sent.begin(rank), sent.size(rank));
  }
  context.AddSharedBytes(sent.total() - sent.size(rank));
  return Status::Ok();
}

}  // namespace ronde
