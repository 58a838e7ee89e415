#include "collectives/shared/segments.h"

#include <utility>

namespace ronde {

std::size_t SegmentBytes(CollectiveContext& context) {
  constexpr std::size_t kLineBytes = 64;
  return std::max(kLineBytes, context.chunk_bytes() / kLineBytes * kLineBytes);
}

Status TransferQueue::Add(Result<std::unique_ptr<PendingTransfer>> started) {
  if (!started.ok()) return started.status();
  transfers_.push_back(std::move(started).value());
  ++added_;
  return Status::Ok();
}

Status TransferQueue::Send(Transport& transport, int peer, int tag, std::span<const std::byte> data,
                           std::size_t segment_bytes) {
  const Segments segments(data.size(), segment_bytes);
  for (std::size_t segment = 0; segment < segments.count(); ++segment) {
    RONDE_RETURN_IF_ERROR(Add(transport.StartSend(peer, tag, segments.of(data, segment))));
  }
  return Status::Ok();
}

Status TransferQueue::Receive(Transport& transport, int peer, int tag, std::span<std::byte> data,
                              std::size_t segment_bytes) {
  const Segments segments(data.size(), segment_bytes);
  for (std::size_t segment = 0; segment < segments.count(); ++segment) {
    RONDE_RETURN_IF_ERROR(Add(transport.StartReceive(peer, tag, segments.of(data, segment))));
  }
  return Status::Ok();
}

Status TransferQueue::FinishFirst(std::size_t count) {
  while (added_ - transfers_.size() < count) {
    RONDE_RETURN_IF_ERROR(transfers_.front()->Finish(deadline_));
    transfers_.pop_front();
  }
  return Status::Ok();
}

Status TransferQueue::Progress() {
  while (!transfers_.empty()) {
    RONDE_ASSIGN_OR_RETURN(const bool complete, transfers_.front()->Progress());
    if (!complete) break;
    transfers_.pop_front();
  }
  return Status::Ok();
}

Status ExchangeInSegments(CollectiveContext& context, int destination,
                          std::span<const std::byte> send, int source, std::span<std::byte> receive,
                          int tag, const Deadline& deadline) {
  const std::size_t segment_bytes = SegmentBytes(context);
  Transport& transport = context.transport();
  const Segments outgoing(send.size(), segment_bytes);
  const Segments incoming(receive.size(), segment_bytes);
  const std::size_t count = std::max(outgoing.count(), incoming.count());
  if (count <= 1) return transport.SendReceive(destination, send, source, receive, tag, deadline);
  TransferQueue transfers(deadline);
  // An empty message is one message, as it is above: a peer whose other one is small expects it.
  const std::size_t sends = std::max<std::size_t>(1, outgoing.count());
  const std::size_t receives = std::max<std::size_t>(1, incoming.count());
  for (std::size_t segment = 0; segment < count; ++segment) {
    if (segment < receives) {
      RONDE_RETURN_IF_ERROR(
          transfers.Add(transport.StartReceive(source, tag, incoming.of(receive, segment))));
    }
    if (segment < sends) {
      RONDE_RETURN_IF_ERROR(
          transfers.Add(transport.StartSend(destination, tag, outgoing.of(send, segment))));
    }
  }
  return transfers.FinishAllBut(0);
}

}  // namespace ronde
