// The data of UcxWire and its connections.

#include "core/comm/transports/ucx_wire.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/comm/transports/ucx_tag.h"

namespace ronde {
namespace {

using ucx_tag::Kind;

constexpr int kNoticeReceives = 8;
constexpr double kForceCloseS = 0.2;

}  // namespace

// A message of data. Its operation is UCX's to write to until it is done.
class UcxWire::Request final : public WireRequest {
 public:
  Request(UcxWire& wire, int peer, bool receiving)
      : wire_(wire),
        peer_(peer),
        receiving_(receiving),
        operation_(std::make_unique<Operation>()) {}
  ~Request() override {
    if (!wire_.Release(*operation_)) wire_.GiveUp(std::move(operation_), receiving_);
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  Operation& operation() { return *operation_; }

  Result<bool> Test() override {
    const Peer& peer = wire_.peers_[peer_];
    if (!operation_->done) {
      // UCX does not know from whom a receive expects its message.
      if (peer.left || peer.failure != UCS_OK) return wire_.Lost(peer_, peer.failure);
      return false;
    }
    const bool truncated = receiving_ && operation_->status == UCS_ERR_MESSAGE_TRUNCATED;
    if (operation_->status != UCS_OK && !truncated) {
      return wire_.Lost(peer_, operation_->status);
    }
    return true;
  }
  [[nodiscard]] std::optional<std::size_t> received_bytes() const override {
    if (operation_->status != UCS_OK) return std::nullopt;
    return operation_->size_bytes;
  }

 private:
  UcxWire& wire_;
  int peer_;
  bool receiving_;
  std::unique_ptr<Operation> operation_;
};

UcxWire::UcxWire(const NetWireSetup& setup, std::unique_ptr<UcxContext> context,
                 std::vector<std::vector<std::byte>> addresses)
    : rank_(setup.rank),
      host_names_(setup.host_names.begin(), setup.host_names.end()),
      peers_(addresses.size()),
      notices_(kNoticeReceives),
      context_(std::move(context)) {
  for (std::size_t peer = 0; peer < peers_.size(); ++peer) {
    peers_[peer].wire = this;
    peers_[peer].address = std::move(addresses[peer]);
  }
  for (Operation& notice : notices_) AwaitNotice(notice);
}

UcxWire::~UcxWire() { Close(Deadline::After(0)); }

int UcxWire::last_group() const { return (1 << ucx_tag::kGroupBits) - 1; }

Status UcxWire::Connect(int peer) {
  Peer& to = peers_[peer];
  if (to.left || to.failure != UCS_OK) return Lost(peer, to.failure);
  if (to.endpoint != nullptr) return Status::Ok();
  ucp_ep_params_t params = {};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLER |
                      UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE;
  params.address = reinterpret_cast<const ucp_address_t*>(to.address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.arg = &to;
  params.err_handler.cb = [](void* arg, ucp_ep_h, ucs_status_t status) {
    Peer& failed = *static_cast<Peer*>(arg);
    failed.failure = status;
    failed.wire->connection_failed_ = true;
  };
  const ucs_status_t status = context_->library().ep_create(worker(), &params, &to.endpoint);
  if (status == UCS_OK) return Status::Ok();
  to.endpoint = nullptr;
  return Status::Unavailable(
      StrCat("rank ", rank_, " (host ", host_names_[rank_], ") cannot reach rank ", peer, " (host ",
             host_names_[peer], ") by UCX: ", context_->library().Text(status),
             "; name the interfaces between the hosts with --network-interface"));
}

Status UcxWire::Lost(int peer, ucs_status_t status) const {
  if (peers_[peer].left) {
    return Status::Aborted(
        StrCat("rank ", peer, " (host ", host_names_[peer], ") has left the job already"));
  }
  return Status::Aborted(StrCat("rank ", peer, " (host ", host_names_[peer], ") was lost (",
                                context_->library().Text(status),
                                "): it crashed or was killed, or its host or the network to it is "
                                "down; see its output"));
}

void UcxWire::Started(Operation& operation, ucs_status_ptr_t started) {
  if (UCS_PTR_IS_PTR(started)) {
    operation.request = started;
    return;
  }
  operation.done = true;  // at once
  operation.status = UCS_PTR_STATUS(started);
}

void UcxWire::StartSend(Operation& operation, int peer, ucp_tag_t tag,
                        std::span<const std::byte> data) {
  ucp_request_param_t param = {};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.send = [](void*, ucs_status_t status, void* user_data) {
    Operation& sent = *static_cast<Operation*>(user_data);
    sent.status = status;
    sent.done = true;
  };
  param.user_data = &operation;
  Started(operation, context_->library().tag_send_nbx(peers_[peer].endpoint, data.data(),
                                                      data.size(), tag, &param));
}

void UcxWire::OnReceived(void*, ucs_status_t status, const ucp_tag_recv_info_t* received,
                         void* operation) {
  Operation& one = *static_cast<Operation*>(operation);
  one.status = status;
  if (received != nullptr && status == UCS_OK) {
    one.size_bytes = received->length;
    one.tag = received->sender_tag;
  }
  one.done = true;
}

void UcxWire::StartReceive(Operation& operation, ucp_tag_t tag, ucp_tag_t mask,
                           std::span<std::byte> data) {
  operation = {};
  ucp_request_param_t param = {};
  // The size is told to the callback alone: it is to be called for those, too, that are here.
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FLAG_NO_IMM_CMPL;
  param.cb.recv = &UcxWire::OnReceived;
  param.user_data = &operation;
  Started(operation,
          context_->library().tag_recv_nbx(worker(), data.data(), data.size(), tag, mask, &param));
}

Result<std::unique_ptr<WireRequest>> UcxWire::Send(int peer, const WireTag& tag,
                                                   std::span<const std::byte> data) {
  RONDE_RETURN_IF_ERROR(Connect(peer));
  auto request = std::make_unique<Request>(*this, peer, /*receiving=*/false);
  StartSend(request->operation(), peer, ucx_tag::Make(Kind::kData, tag, rank_), data);
  return std::unique_ptr<WireRequest>(std::move(request));
}

Result<std::unique_ptr<WireRequest>> UcxWire::Receive(int peer, const WireTag& tag,
                                                      std::span<std::byte> data) {
  // A message of a peer that has left since may be here. The connection tells when it dies.
  const Status connected = Connect(peer);
  if (!connected.ok() && connected.code() != StatusCode::kAborted) return connected;
  auto request = std::make_unique<Request>(*this, peer, /*receiving=*/true);
  StartReceive(request->operation(), ucx_tag::Make(Kind::kData, tag, peer), ucx_tag::kAllBits,
               data);
  return std::unique_ptr<WireRequest>(std::move(request));
}

bool UcxWire::Release(Operation& operation) const {
  if (!operation.done) return false;
  if (operation.request != nullptr) context_->library().request_free(operation.request);
  operation.request = nullptr;
  return true;
}

void UcxWire::GiveUp(std::unique_ptr<Operation> operation, bool receiving) {
  if (receiving) {
    context_->library().request_cancel(worker(), operation->request);
    context_->library().worker_progress(worker());
  }
  given_up_.push_back(std::move(operation));
}

void UcxWire::Progress() {
  context_->library().worker_progress(worker());
  std::erase_if(outgoing_, [this](Outgoing& post) { return Release(post.operation); });
  std::erase_if(given_up_, [this](const auto& operation) { return Release(*operation); });
  TakeNotices();
  if (connection_failed_) LookForLostPeers();
}

bool UcxWire::Arm() { return context_->library().worker_arm(worker()) == UCS_OK; }

void UcxWire::Sleep(double seconds) {
  if (!Arm()) return;
  pollfd event = {event_descriptor(), POLLIN, 0};
  const timespec longest = {0, static_cast<long>(seconds * 1e9)};
  ppoll(&event, 1, &longest, nullptr);
}

// A peer that is lost while nothing is expected of it is lost to the job all the same.
void UcxWire::LookForLostPeers() {
  connection_failed_ = false;
  for (std::size_t peer = 0; peer < peers_.size() && lost_peer_.ok(); ++peer) {
    if (peers_[peer].failure == UCS_OK || peers_[peer].left) continue;
    lost_peer_ = Lost(static_cast<int>(peer), peers_[peer].failure);
  }
}

bool UcxWire::EverybodyLeft() const {
  return std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) {
    return peer.endpoint == nullptr || peer.left || peer.failure != UCS_OK;
  });
}

// Who left first would reset connections on which others' last messages are still on their way.
void UcxWire::Close(const Deadline& deadline) {
  if (context_ == nullptr) return;
  for (std::size_t peer = 0; peer < peers_.size() && !deadline.Expired(); ++peer) {
    const bool connected = peers_[peer].endpoint != nullptr && peers_[peer].failure == UCS_OK;
    if (connected) SendNotice(static_cast<int>(peer), Notice::kGoodbye);
  }
  while (!deadline.Expired() && !(EverybodyLeft() && outgoing_.empty())) {
    Progress();
    sched_yield();
  }
  CloseEndpoints(/*force=*/false, deadline);
  CloseEndpoints(/*force=*/true, Deadline::After(kForceCloseS));
  for (Operation& notice : notices_) {
    if (!notice.done) context_->library().request_cancel(worker(), notice.request);
  }
  context_->library().worker_progress(worker());
  for (Operation& notice : notices_) static_cast<void>(Release(notice));
  for (Outgoing& post : outgoing_) static_cast<void>(Release(post.operation));
  for (const auto& operation : given_up_) static_cast<void>(Release(*operation));
  context_.reset();
}

void UcxWire::CloseEndpoints(bool force, const Deadline& deadline) {
  const UcxLibrary& ucx = context_->library();
  std::vector<void*> closing;
  for (Peer& peer : peers_) {
    if (peer.endpoint == nullptr || (!force && (peer.failure != UCS_OK || deadline.Expired()))) {
      continue;
    }
    ucp_request_param_t param = {};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = force ? UCP_EP_CLOSE_FLAG_FORCE : 0;
    void* const request = ucx.ep_close_nbx(std::exchange(peer.endpoint, nullptr), &param);
    if (UCS_PTR_IS_PTR(request)) closing.push_back(request);
  }
  while (!closing.empty() && !deadline.Expired()) {
    ucx.worker_progress(worker());
    std::erase_if(closing, [&](void* request) {
      if (ucx.request_check_status(request) == UCS_INPROGRESS) return false;
      ucx.request_free(request);
      return true;
    });
  }
}

}  // namespace ronde
