#include "collectives/allgather/allgather.h"

#include <algorithm>
#include <cstring>

#include "collectives/shared/shared_channel.h"
#include "collectives/tags.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// The output as one block of bytes per rank.
class Blocks {
 public:
  Blocks(void* output, std::span<const std::int64_t> rank_bytes)
      : output_(static_cast<std::byte*>(output)), rank_bytes_(rank_bytes) {}

  std::span<std::byte> of(int rank) const {
    std::int64_t begin = 0;
    for (int lower = 0; lower < rank; ++lower) begin += rank_bytes_[lower];
    return {output_ + begin, static_cast<std::size_t>(rank_bytes_[rank])};
  }
  std::size_t largest() const {
    return static_cast<std::size_t>(*std::max_element(rank_bytes_.begin(), rank_bytes_.end()));
  }

 private:
  std::byte* output_;
  std::span<const std::int64_t> rank_bytes_;
};

Status ThroughSharedMemory(CollectiveContext& context, const Blocks& blocks) {
  SharedChannel& channel = *context.shared_channel();
  const Deadline deadline = context.NewDeadline();
  const auto chunk_of = [&](int rank, std::size_t begin) {
    const std::span<std::byte> block = blocks.of(rank);
    if (begin >= block.size()) return std::span<std::byte>();
    return block.subspan(begin, std::min(channel.slot_bytes(), block.size() - begin));
  };
  context.AddSharedBytes(blocks.of(context.rank()).size());
  for (std::size_t begin = 0; begin < blocks.largest(); begin += channel.slot_bytes()) {
    const auto own = chunk_of(context.rank(), begin);
    if (!own.empty()) std::memcpy(channel.next_slot(), own.data(), own.size());
    RONDE_RETURN_IF_ERROR(channel.Step(deadline));
    for (int peer = 0; peer < context.size(); ++peer) {
      const auto chunk = chunk_of(peer, begin);
      if (peer == context.rank() || chunk.empty()) continue;
      std::memcpy(chunk.data(), channel.slot(peer), chunk.size());
    }
  }
  return Status::Ok();
}

Status Ring(CollectiveContext& context, const Blocks& blocks) {
  const Deadline deadline = context.NewDeadline();
  const int ranks = context.size();
  const int rank = context.rank();
  for (int step = 0; step < ranks - 1; ++step) {
    const auto outgoing = blocks.of((rank - step + ranks) % ranks);
    const auto incoming = blocks.of((rank - step - 1 + ranks) % ranks);
    RONDE_RETURN_IF_ERROR(context.transport().SendReceive((rank + 1) % ranks, outgoing,
                                                          (rank + ranks - 1) % ranks, incoming,
                                                          kAllgatherTag, deadline));
  }
  return Status::Ok();
}

}  // namespace

Status Allgatherv(CollectiveContext& context, const void* input, void* output,
                  std::span<const std::int64_t> rank_bytes) {
  if (static_cast<int>(rank_bytes.size()) != context.size()) {
    return Status::InvalidArgument(
        StrCat("allgather: ", rank_bytes.size(), " block sizes for ", context.size(), " ranks"));
  }
  if (const auto negative = std::find_if(rank_bytes.begin(), rank_bytes.end(),
                                         [](std::int64_t bytes) { return bytes < 0; });
      negative != rank_bytes.end()) {
    return Status::InvalidArgument(StrCat("allgather: the block of rank ",
                                          negative - rank_bytes.begin(), " has ", *negative,
                                          " bytes, below 0"));
  }
  const Blocks blocks(output, rank_bytes);
  const std::span<std::byte> own = blocks.of(context.rank());
  if (!own.empty() && own.data() != input) std::memcpy(own.data(), input, own.size());
  if (context.size() == 1) return Status::Ok();
  const bool shared = context.shared_channel() != nullptr && context.communicator().single_host();
  return shared ? ThroughSharedMemory(context, blocks) : Ring(context, blocks);
}

}  // namespace ronde
