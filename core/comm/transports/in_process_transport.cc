#include "core/comm/transports/in_process_transport.h"

#include <iterator>
#include <set>
#include <utility>

#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde::in_process {
namespace {

constexpr int kSplitTag = kTagLimit;

class InProcessRegion final : public Region {
 public:
  InProcessRegion(std::shared_ptr<Memory> memory, std::uint64_t id)
      : memory_(std::move(memory)), id_(id) {}
  [[nodiscard]] std::byte* data() const override { return memory_->data(); }
  [[nodiscard]] std::size_t size_bytes() const override { return memory_->size_bytes(); }
  [[nodiscard]] RegionToken token() const override { return {{id_, 0, 0, 0}}; }

 private:
  std::shared_ptr<Memory> memory_;
  std::uint64_t id_;
};

}  // namespace

// One rank's colour and key in a Split, and the id of the group that it ends up in.
struct InProcessTransport::SplitEntry {
  std::int64_t color = 0;
  std::int64_t key = 0;
  std::uint64_t group = 0;
};

Status InProcessTransport::Finish(WaitOutcome outcome, std::int64_t started_ns,
                                  std::string_view action, int peer) {
  switch (outcome) {
    case WaitOutcome::kDone:
      return Status::Ok();
    case WaitOutcome::kAborted:
      return state_->status();
    case WaitOutcome::kTimeout:
      break;
  }
  const double waited_s = static_cast<double>(SteadyClock().NowNs() - started_ns) * 1e-9;
  return PeerTimeout(world_rank(), waited_s, action, NameOf(peer));
}

Status InProcessTransport::SendTo(int peer, int tag, std::span<const std::byte> data,
                                  const Deadline& deadline) {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  const std::int64_t started_ns = SteadyClock().NowNs();
  Mailbox& mailbox = MailboxOf(rank_, peer, tag);
  const std::shared_ptr<Letter> letter = mailbox.Put(data);
  *bytes_sent_ += data.size();
  return Finish(mailbox.WaitTaken(letter, deadline), started_ns, "to send data to", peer);
}

Status InProcessTransport::ReceiveFrom(int peer, int tag, std::span<std::byte> data,
                                       const Deadline& deadline) {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  const std::int64_t started_ns = SteadyClock().NowNs();
  Mailbox& mailbox = MailboxOf(peer, rank_, tag);
  const std::shared_ptr<Slip> slip = mailbox.Ask(data);
  const WaitOutcome outcome = mailbox.WaitFilled(slip, deadline);
  RONDE_RETURN_IF_ERROR(Finish(outcome, started_ns, "for data from", peer));
  return CheckSize(*slip, peer, tag);
}

Status InProcessTransport::CheckSize(const Slip& slip, int peer, int tag) const {
  if (slip.size_bytes == slip.out.size()) return Status::Ok();
  return SizeMismatch(world_rank(), NameOf(peer), tag, slip.out.size(), slip.size_bytes);
}

class InProcessTransport::PendingSend final : public PendingTransfer {
 public:
  PendingSend(InProcessTransport& transport, Mailbox& mailbox, int peer,
              std::span<const std::byte> data)
      : transport_(transport), mailbox_(mailbox), peer_(peer), letter_(mailbox.Put(data)) {}
  ~PendingSend() override { mailbox_.Withdraw(letter_); }
  PendingSend(const PendingSend&) = delete;
  PendingSend& operator=(const PendingSend&) = delete;

  Result<bool> Progress() override {
    if (mailbox_.IsTaken(*letter_)) return true;
    RONDE_RETURN_IF_ERROR(transport_.CheckLiveness());
    return false;
  }
  Status Finish(Deadline deadline) override {
    const std::int64_t started_ns = SteadyClock().NowNs();
    return transport_.Finish(mailbox_.WaitTaken(letter_, deadline), started_ns, "to send data to",
                             peer_);
  }

 private:
  InProcessTransport& transport_;
  Mailbox& mailbox_;
  int peer_;
  std::shared_ptr<Letter> letter_;
};

class InProcessTransport::PendingReceive final : public PendingTransfer {
 public:
  PendingReceive(InProcessTransport& transport, Mailbox& mailbox, int peer, int tag,
                 std::span<std::byte> data)
      : transport_(transport),
        mailbox_(mailbox),
        peer_(peer),
        tag_(tag),
        slip_(mailbox.Ask(data)) {}
  ~PendingReceive() override { mailbox_.Withdraw(slip_); }
  PendingReceive(const PendingReceive&) = delete;
  PendingReceive& operator=(const PendingReceive&) = delete;

  Result<bool> Progress() override {
    if (mailbox_.IsFilled(*slip_)) {
      RONDE_RETURN_IF_ERROR(transport_.CheckSize(*slip_, peer_, tag_));
      return true;
    }
    RONDE_RETURN_IF_ERROR(transport_.CheckLiveness());
    return false;
  }
  Status Finish(Deadline deadline) override {
    const std::int64_t started_ns = SteadyClock().NowNs();
    RONDE_RETURN_IF_ERROR(transport_.Finish(mailbox_.WaitFilled(slip_, deadline), started_ns,
                                            "for data from", peer_));
    return transport_.CheckSize(*slip_, peer_, tag_);
  }

 private:
  InProcessTransport& transport_;
  Mailbox& mailbox_;
  int peer_;
  int tag_;
  std::shared_ptr<Slip> slip_;
};

Result<std::unique_ptr<PendingTransfer>> InProcessTransport::StartSend(
    int peer, int tag, std::span<const std::byte> data) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  *bytes_sent_ += data.size();
  return std::unique_ptr<PendingTransfer>(
      std::make_unique<PendingSend>(*this, MailboxOf(rank_, peer, tag), peer, data));
}

Result<std::unique_ptr<PendingTransfer>> InProcessTransport::StartReceive(
    int peer, int tag, std::span<std::byte> data) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  return std::unique_ptr<PendingTransfer>(
      std::make_unique<PendingReceive>(*this, MailboxOf(peer, rank_, tag), peer, tag, data));
}

Status InProcessTransport::SendReceive(int destination, std::span<const std::byte> send, int source,
                                       std::span<std::byte> receive, int tag, Deadline deadline) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, destination, tag));
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, source, tag));
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  const std::int64_t started_ns = SteadyClock().NowNs();
  Mailbox& outgoing = MailboxOf(rank_, destination, tag);
  const std::shared_ptr<Letter> letter = outgoing.Put(send);
  *bytes_sent_ += send.size();
  const Status received = ReceiveFrom(source, tag, receive, deadline);
  // The letter points into `send`: it must be taken or withdrawn whatever became of the receive.
  const WaitOutcome sent =
      outgoing.WaitTaken(letter, received.ok() ? deadline : Deadline::After(0));
  RONDE_RETURN_IF_ERROR(received);
  return Finish(sent, started_ns, "to send data to", destination);
}

Status InProcessTransport::Post(int peer, std::vector<std::byte> payload) {
  if (group_ != 0) return NoControlPlane("Post");
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, 0));
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  state_->inbox(peer).Deliver({rank_, std::move(payload)});
  return Status::Ok();
}

Result<std::optional<ControlMessage>> InProcessTransport::Poll() {
  if (group_ != 0) return NoControlPlane("Poll");
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  return state_->inbox(rank_).Next();
}

Status InProcessTransport::WaitForRing(Deadline deadline) {
  if (group_ != 0) return NoControlPlane("WaitForRing");
  const WaitOutcome outcome = state_->inbox(rank_).WaitForRing(deadline);
  return outcome == WaitOutcome::kAborted ? state_->status() : Status::Ok();
}

Status InProcessTransport::WaitForRing(Deadline deadline, std::unique_lock<std::mutex>& turn) {
  if (group_ != 0) return NoControlPlane("WaitForRing");
  const WaitOutcome outcome = state_->inbox(rank_).WaitForRing(deadline, &turn);
  return outcome == WaitOutcome::kAborted ? state_->status() : Status::Ok();
}

Result<std::unique_ptr<Region>> InProcessTransport::AllocateRegion(std::size_t size_bytes) {
  auto memory = std::make_shared<Memory>(size_bytes);
  const std::uint64_t id = state_->AddMemory(memory);
  return std::unique_ptr<Region>(std::make_unique<InProcessRegion>(std::move(memory), id));
}

Result<std::unique_ptr<Region>> InProcessTransport::MapRegion(int peer, const RegionToken& token,
                                                              std::size_t size_bytes) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, 0));
  if (host_id(peer) != host_id(rank_)) {
    return Status::Unavailable(StrCat("rank ", world_rank(), " on host ", host_name(rank_),
                                      " cannot map memory of rank ", members_[peer], " on host ",
                                      host_name(peer)));
  }
  std::shared_ptr<Memory> memory = state_->FindMemory(token.words[0]);
  if (!memory || memory->size_bytes() < size_bytes) {
    return Status::Unavailable(StrCat("rank ", members_[peer], " has no region ", token.words[0],
                                      " of ", size_bytes, " bytes (any more)"));
  }
  return std::unique_ptr<Region>(
      std::make_unique<InProcessRegion>(std::move(memory), token.words[0]));
}

// Rank 0 of the group collects colours and keys, numbers the new groups and tells everybody.
Status InProcessTransport::ExchangeSplit(std::vector<SplitEntry>* entries,
                                         const Deadline& deadline) {
  if (rank_ != 0) {
    RONDE_RETURN_IF_ERROR(
        SendTo(0, kSplitTag, std::as_bytes(std::span(&(*entries)[rank_], 1)), deadline));
    return ReceiveFrom(0, kSplitTag, std::as_writable_bytes(std::span(*entries)), deadline);
  }
  for (int peer = 1; peer < size(); ++peer) {
    RONDE_RETURN_IF_ERROR(ReceiveFrom(
        peer, kSplitTag, std::as_writable_bytes(std::span(&(*entries)[peer], 1)), deadline));
  }
  std::set<std::int64_t> colors;
  for (const SplitEntry& entry : *entries) colors.insert(entry.color);
  const std::uint64_t first = state_->NewGroups(colors.size());
  for (SplitEntry& entry : *entries) {
    entry.group = first + std::distance(colors.begin(), colors.find(entry.color));
  }
  for (int peer = 1; peer < size(); ++peer) {
    RONDE_RETURN_IF_ERROR(SendTo(peer, kSplitTag, std::as_bytes(std::span(*entries)), deadline));
  }
  return Status::Ok();
}

Result<std::unique_ptr<Transport>> InProcessTransport::Split(int color, int key,
                                                             Deadline deadline) {
  const std::uint64_t bytes_before = *bytes_sent_;
  std::vector<SplitEntry> entries(members_.size());
  entries[rank_] = {color, key, 0};
  RONDE_RETURN_IF_ERROR(ExchangeSplit(&entries, deadline));
  *bytes_sent_ = bytes_before;  // not data

  std::vector<int> order;
  for (int peer = 0; peer < size(); ++peer) {
    if (entries[peer].color == color) order.push_back(peer);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return entries[a].key < entries[b].key; });
  const auto position = std::find(order.begin(), order.end(), rank_) - order.begin();
  std::vector<int> members;
  for (int peer : order) members.push_back(members_[peer]);
  return std::unique_ptr<Transport>(std::make_unique<InProcessTransport>(
      state_, host_ids_, entries[rank_].group, std::move(members), static_cast<int>(position),
      bytes_sent_));
}

}  // namespace ronde::in_process
