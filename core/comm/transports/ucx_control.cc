// The control messages of UcxWire, and the notices by which ranks take leave of one another.

#include <algorithm>
#include <utility>

#include "core/comm/transports/ucx_tag.h"
#include "core/comm/transports/ucx_wire.h"

namespace ronde {

using ucx_tag::Kind;

Status UcxWire::Post(int peer, std::vector<std::byte> payload) {
  RONDE_RETURN_IF_ERROR(Connect(peer));
  Outgoing& post = outgoing_.emplace_back();
  post.payload = std::move(payload);
  StartSend(post.operation, peer, ucx_tag::Make(Kind::kControl, {}, rank_), post.payload);
  Progress();
  return Status::Ok();
}

void UcxWire::CollectArrivals() {
  const UcxLibrary& ucx = context_->library();
  while (true) {
    ucp_tag_recv_info_t info = {};
    ucp_tag_message_h found =
        ucx.tag_probe_nb(worker(), ucx_tag::Make(Kind::kControl, {}, 0), ucx_tag::kKindMask,
                         /*remove=*/1, &info);
    if (found == nullptr) return;
    Incoming& arrival = incoming_.emplace_back();
    arrival.message.source = ucx_tag::SourceOf(info.sender_tag);
    arrival.message.payload.resize(info.length);
    ReceiveFound(arrival.operation, found, arrival.message.payload);
    // So that it hears when this rank leaves. What is wrong with it shows when it is sent to.
    static_cast<void>(Connect(arrival.message.source));
  }
}

void UcxWire::ReceiveFound(Operation& operation, ucp_tag_message_h message,
                           std::span<std::byte> data) {
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.recv = &UcxWire::OnReceived;
  param.user_data = &operation;
  Started(operation, context_->library().tag_msg_recv_nbx(worker(), data.data(), data.size(),
                                                          message, &param));
}

bool UcxWire::HasMessage() {
  CollectArrivals();
  // One whose sender was lost half-way will never be whole.
  while (!incoming_.empty() && Release(incoming_.front().operation)) {
    if (incoming_.front().operation.status == UCS_OK) return true;
    incoming_.pop_front();
  }
  return false;
}

std::optional<ControlMessage> UcxWire::Poll() {
  if (!HasMessage()) return std::nullopt;
  ControlMessage message = std::move(incoming_.front().message);
  incoming_.pop_front();
  return message;
}

void UcxWire::SendNotice(int peer, Notice notice) {
  Outgoing& post = outgoing_.emplace_back();
  const WireTag tag = {.tag = static_cast<int>(notice)};
  StartSend(post.operation, peer, ucx_tag::Make(Kind::kNotice, tag, rank_), {});
}

void UcxWire::TakeNotices() {
  for (Operation& received : notices_) {
    // As soon as one is awaited again, the next may be there.
    while (Release(received) && received.status == UCS_OK) {
      const int source = ucx_tag::SourceOf(received.tag);
      if (ucx_tag::TagOf(received.tag) == static_cast<int>(Notice::kGoodbye)) {
        peers_[source].left = true;
      } else if (failed_peer_ < 0) {
        failed_peer_ = source;
      }
      AwaitNotice(received);
    }
  }
}

void UcxWire::AwaitNotice(Operation& operation) {
  StartReceive(operation, ucx_tag::Make(Kind::kNotice, {}, 0), ucx_tag::kKindMask, {});
}

void UcxWire::AnnounceFailure() {
  for (std::size_t peer = 0; peer < peers_.size(); ++peer) {
    const bool connected = peers_[peer].endpoint != nullptr && peers_[peer].failure == UCS_OK;
    if (connected) SendNotice(static_cast<int>(peer), Notice::kFailure);
  }
  Progress();
}

}  // namespace ronde
