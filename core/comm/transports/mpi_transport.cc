#include "core/comm/transports/mpi_transport.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/strcat.h"
#include "core/comm/shared_memory.h"

namespace ronde {
namespace {

constexpr int kSplitTag = kTagLimit;

}  // namespace

// One rank's colour and key in a Split, and the number that the groups are to have.
struct MpiTransport::SplitEntry {
  int color = 0;
  int key = 0;
  int group = 0;
};

MpiTransport::MpiTransport(MpiWorld& world, std::unique_ptr<MpiWorld> owned, int group,
                           std::vector<int> members, int rank)
    : owned_(std::move(owned)),
      world_(world),
      group_(group),
      members_(std::move(members)),
      rank_(rank) {
  if (group_ != 0) world_.Enter(group_);
}

MpiTransport::~MpiTransport() {
  if (group_ != 0) world_.Leave(group_);
}

Result<MpiTransport::Message> MpiTransport::BeginSend(int peer, int tag,
                                                      std::span<const std::byte> data) {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  Message message;
  message.peer = peer;
  message.tag = tag;
  const int to = members_[peer];
  Result<std::unique_ptr<WireRequest>> sent = world_.WireTo(to).Send(to, {group_, tag}, data);
  if (!sent.ok()) return world_.CauseBehind(sent.status());
  message.request = std::move(sent).value();
  return message;
}

Result<MpiTransport::Message> MpiTransport::BeginReceive(int peer, int tag,
                                                         std::span<std::byte> data) {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  Message message;
  message.receiving = true;
  message.peer = peer;
  message.tag = tag;
  message.receive_bytes = data.size();
  const int from = members_[peer];
  Result<std::unique_ptr<WireRequest>> asked =
      world_.WireTo(from).Receive(from, {group_, tag}, data);
  if (!asked.ok()) return world_.CauseBehind(asked.status());
  message.request = std::move(asked).value();
  return message;
}

Result<bool> MpiTransport::Look(Message& message) {
  if (message.request == nullptr) return true;
  const Result<bool> done = message.request->Test();
  if (!done.ok()) return world_.CauseBehind(done.status());
  if (!done.value()) return false;
  const std::optional<std::size_t> received = message.request->received_bytes();
  message.request.reset();
  if (!message.receiving || received == message.receive_bytes) return true;
  return SizeMismatch(world_.rank(), NameOf(message.peer), message.tag, message.receive_bytes,
                      received);
}

Status MpiTransport::Wait(std::span<Message> messages, const Deadline& deadline) {
  const std::int64_t started_ns = SteadyClock().NowNs();
  for (std::uint64_t turns = 0;; ++turns) {
    if (turns > 0) world_.Progress();  // what is eager needs none
    bool complete = true;
    bool on_net = true;
    for (Message& message : messages) {
      RONDE_ASSIGN_OR_RETURN(const bool done, Look(message));
      complete = complete && done;
      on_net = on_net && (done || world_.IsOnNet(members_[message.peer]));
    }
    if (complete) return Status::Ok();
    RONDE_RETURN_IF_ERROR(CheckLiveness());
    if (deadline.Expired()) return Late(messages, started_ns);
    world_.Pause(turns, on_net);
  }
}

// Of several that are late the receive is named: it says more of who is slow.
Status MpiTransport::Late(std::span<const Message> messages, std::int64_t started_ns) const {
  const double waited_s = static_cast<double>(SteadyClock().NowNs() - started_ns) * 1e-9;
  const Message* late = nullptr;
  for (const Message& message : messages) {
    if (message.request != nullptr && (late == nullptr || message.receiving)) late = &message;
  }
  return PeerTimeout(world_.rank(), waited_s, late->receiving ? "for data from" : "to send data to",
                     NameOf(late->peer));
}

class MpiTransport::Pending final : public PendingTransfer {
 public:
  Pending(MpiTransport& transport, Message message)
      : transport_(transport), message_(std::move(message)) {}

  Result<bool> Progress() override {
    if (message_.request == nullptr) return true;
    transport_.world_.Progress();
    RONDE_ASSIGN_OR_RETURN(const bool done, transport_.Look(message_));
    if (!done) RONDE_RETURN_IF_ERROR(transport_.CheckLiveness());
    return done;
  }

  Status Finish(Deadline deadline) override {
    return transport_.Wait(std::span(&message_, 1), deadline);
  }

 private:
  MpiTransport& transport_;
  Message message_;
};

Result<std::unique_ptr<PendingTransfer>> MpiTransport::StartSend(int peer, int tag,
                                                                 std::span<const std::byte> data) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
  RONDE_ASSIGN_OR_RETURN(Message message, BeginSend(peer, tag, data));
  world_.CountSent(data.size());
  return std::unique_ptr<PendingTransfer>(std::make_unique<Pending>(*this, std::move(message)));
}

Result<std::unique_ptr<PendingTransfer>> MpiTransport::StartReceive(int peer, int tag,
                                                                    std::span<std::byte> data) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
  RONDE_ASSIGN_OR_RETURN(Message message, BeginReceive(peer, tag, data));
  return std::unique_ptr<PendingTransfer>(std::make_unique<Pending>(*this, std::move(message)));
}

Status MpiTransport::Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
  world_.CountSent(data.size());
  return SendTo(peer, tag, data, deadline);
}

Status MpiTransport::Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
  return ReceiveFrom(peer, tag, data, deadline);
}

Status MpiTransport::SendTo(int peer, int tag, std::span<const std::byte> data,
                            const Deadline& deadline) {
  RONDE_ASSIGN_OR_RETURN(Message message, BeginSend(peer, tag, data));
  return Wait(std::span(&message, 1), deadline);
}

Status MpiTransport::ReceiveFrom(int peer, int tag, std::span<std::byte> data,
                                 const Deadline& deadline) {
  RONDE_ASSIGN_OR_RETURN(Message message, BeginReceive(peer, tag, data));
  return Wait(std::span(&message, 1), deadline);
}

Status MpiTransport::SendReceive(int destination, std::span<const std::byte> send, int source,
                                 std::span<std::byte> receive, int tag, Deadline deadline) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, destination, tag));
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, source, tag));
  std::array<Message, 2> messages;
  RONDE_ASSIGN_OR_RETURN(messages[0], BeginReceive(source, tag, receive));
  RONDE_ASSIGN_OR_RETURN(messages[1], BeginSend(destination, tag, send));
  world_.CountSent(send.size());
  return Wait(messages, deadline);
}

Status MpiTransport::Post(int peer, std::vector<std::byte> payload) {
  if (!owned_) return NoControlPlane("Post");
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, 0));
  return world_.Post(peer, std::move(payload));
}

Result<std::optional<ControlMessage>> MpiTransport::Poll() {
  if (!owned_) return NoControlPlane("Poll");
  return world_.Poll();
}

Status MpiTransport::WaitForRing(Deadline deadline) {
  if (!owned_) return NoControlPlane("WaitForRing");
  return world_.WaitForRing(deadline);
}

Result<std::unique_ptr<Region>> MpiTransport::AllocateRegion(std::size_t size_bytes) {
  return AllocateSharedMemory(size_bytes);
}

Result<std::unique_ptr<Region>> MpiTransport::MapRegion(int peer, const RegionToken& token,
                                                        std::size_t size_bytes) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, 0));
  if (host_id(peer) != host_id(rank_)) {
    return Status::Unavailable(StrCat("rank ", world_.rank(), " on host ", host_name(rank_),
                                      " cannot map memory of rank ", members_[peer], " on host ",
                                      host_name(peer)));
  }
  return MapSharedMemory(token, size_bytes);
}

// Rank 0 of the group collects colours and keys and says which number the new groups have: groups
// of different colours have no pair of ranks in common, so that one number does for all.
Status MpiTransport::ExchangeSplit(std::span<SplitEntry> entries, const Deadline& deadline) {
  if (rank_ != 0) {
    RONDE_RETURN_IF_ERROR(SendTo(0, kSplitTag, std::as_bytes(entries.subspan(rank_, 1)), deadline));
    return ReceiveFrom(0, kSplitTag, std::as_writable_bytes(entries), deadline);
  }
  int group = entries[0].group;
  for (int peer = 1; peer < size(); ++peer) {
    RONDE_RETURN_IF_ERROR(
        ReceiveFrom(peer, kSplitTag, std::as_writable_bytes(entries.subspan(peer, 1)), deadline));
    group = std::max(group, entries[peer].group);
  }
  for (SplitEntry& entry : entries) entry.group = group;
  for (int peer = 1; peer < size(); ++peer) {
    RONDE_RETURN_IF_ERROR(SendTo(peer, kSplitTag, std::as_bytes(entries), deadline));
  }
  return Status::Ok();
}

// MPI_Comm_split would wait for a dead rank for ever.
Result<std::unique_ptr<Transport>> MpiTransport::Split(int color, int key, Deadline deadline) {
  std::vector<SplitEntry> entries(members_.size());
  entries[rank_] = {color, key, world_.FreeGroup()};
  RONDE_RETURN_IF_ERROR(ExchangeSplit(entries, deadline));
  const int group = entries[rank_].group;
  if (group > world_.last_group()) {
    return Status::Unavailable(StrCat("this MPI has tags for ", world_.last_group(),
                                      " groups of ranks at a time, and all are in use; remove ",
                                      "process sets that are no longer needed"));
  }
  std::vector<int> order;
  for (int peer = 0; peer < size(); ++peer) {
    if (entries[peer].color == color) order.push_back(peer);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return entries[a].key < entries[b].key; });
  const auto position = std::find(order.begin(), order.end(), rank_) - order.begin();
  for (int& peer : order) peer = members_[peer];
  return std::unique_ptr<Transport>(std::make_unique<MpiTransport>(
      world_, nullptr, group, std::move(order), static_cast<int>(position)));
}

}  // namespace ronde
