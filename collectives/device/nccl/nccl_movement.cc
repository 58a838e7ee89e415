#include <algorithm>

#include "collectives/device/nccl/nccl_collectives.h"
#include "collectives/shared/block_layout.h"
#include "core/base/strcat.h"

namespace ronde {
Status NcclBroadcast(const NcclCall& call, const BroadcastArguments& arguments) {
  const int ranks = call.communicator.size();
  if (arguments.root < 0 || arguments.root >= ranks) {
    return Status::InvalidArgument(
        StrCat("broadcast: root is ", arguments.root, ", outside 0..", ranks - 1));
  }
  if (arguments.size_bytes == 0) return Status::Ok();
  return call.communicator.Issue("broadcast", call.deadline, [&](NcclApi& nccl, NcclComm comm) {
    return nccl.Broadcast(arguments.data, arguments.data, arguments.size_bytes, arguments.root,
                          comm, call.stream);
  });
}

Status NcclAllgather(const NcclCall& call, const AllgatherArguments& arguments) {
  const int ranks = call.communicator.size();
  const int rank = call.communicator.rank();
  const std::span<const std::int64_t> sizes = arguments.rank_bytes;
  RONDE_RETURN_IF_ERROR(CheckBlockSizes("allgather", sizes, static_cast<std::size_t>(ranks)));
  const auto [smallest, largest] = std::minmax_element(sizes.begin(), sizes.end());
  if (*largest == 0) return Status::Ok();
  const bool even = *smallest == *largest;
  const BlockLayout blocks(sizes);
  auto* output = static_cast<std::byte*>(arguments.output);
  return call.communicator.Issue("allgather", call.deadline, [&](NcclApi& nccl, NcclComm comm) {
    if (even) return nccl.AllGather(arguments.input, output, blocks.size(0), comm, call.stream);
    NcclResult result = NcclResult::kSuccess;
    for (int root = 0; root < ranks; ++root) {
      if (blocks.size(root) == 0 || !Going(result)) continue;
      std::byte* const block = output + blocks.begin(root);
      const void* const input = root == rank ? arguments.input : block;
      result = nccl.Broadcast(input, block, blocks.size(root), root, comm, call.stream);
    }
    return result;
  });
}

Status NcclAlltoall(const NcclCall& call, const AlltoallArguments& arguments) {
  const auto ranks = static_cast<std::size_t>(call.communicator.size());
  const auto rank = static_cast<std::size_t>(call.communicator.rank());
  RONDE_RETURN_IF_ERROR(CheckBlockSizes("alltoall", arguments.block_bytes, ranks * ranks));
  const BlockLayout sent(arguments.block_bytes.subspan(rank * ranks, ranks));
  const BlockLayout received(arguments.block_bytes.subspan(rank), 1, ranks);
  const auto* input = static_cast<const std::byte*>(arguments.input);
  auto* output = static_cast<std::byte*>(arguments.output);
  if (std::all_of(arguments.block_bytes.begin(), arguments.block_bytes.end(),
                  [](std::int64_t size) { return size == 0; })) {
    return Status::Ok();
  }
  return call.communicator.Issue("alltoall", call.deadline, [&](NcclApi& nccl, NcclComm comm) {
    NcclResult result = NcclResult::kSuccess;
    for (int peer = 0; peer < static_cast<int>(ranks); ++peer) {
      if (sent.size(peer) > 0 && Going(result)) {
        result = nccl.Send(input + sent.begin(peer), sent.size(peer), peer, comm, call.stream);
      }
      if (received.size(peer) > 0 && Going(result)) {
        result = nccl.Receive(output + received.begin(peer), received.size(peer), peer, comm,
                              call.stream);
      }
    }
    return result;
  });
}

}  // namespace ronde
