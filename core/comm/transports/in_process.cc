#include "core/comm/transports/in_process.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <numeric>
#include <set>

#include "core/base/strcat.h"
#include "core/comm/transport_errors.h"
#include "core/comm/transports/in_process_state.h"

namespace ronde {
namespace {

using in_process::Letter;
using in_process::Mailbox;
using in_process::Memory;
using in_process::SharedState;
using in_process::WaitOutcome;

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

// One rank's colour and key in a Split, and the id of the group that it ends up in.
struct SplitEntry {
  std::int64_t color = 0;
  std::int64_t key = 0;
  std::uint64_t group = 0;
};

class InProcessTransport final : public Transport {
 public:
  // `members` are world ranks; `counter` is shared by a rank's world and its splits.
  InProcessTransport(std::shared_ptr<SharedState> state,
                     std::shared_ptr<const std::vector<std::string>> host_ids, std::uint64_t group,
                     std::vector<int> members, int rank, std::shared_ptr<std::uint64_t> counter)
      : state_(std::move(state)),
        host_ids_(std::move(host_ids)),
        group_(group),
        members_(std::move(members)),
        rank_(rank),
        bytes_sent_(std::move(counter)) {}
  ~InProcessTransport() override {
    if (group_ != 0) state_->LeaveGroup(group_, size());
  }
  InProcessTransport(const InProcessTransport&) = delete;
  InProcessTransport& operator=(const InProcessTransport&) = delete;

  [[nodiscard]] std::string_view name() const override { return "in_process"; }
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(members_.size()); }
  [[nodiscard]] const std::string& host_id(int rank) const override {
    return (*host_ids_)[members_[rank]];
  }
  [[nodiscard]] const std::string& host_name(int rank) const override { return host_id(rank); }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override {
    RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
    return SendTo(peer, tag, data, deadline);
  }
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override {
    RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, tag));
    return ReceiveFrom(peer, tag, data, deadline);
  }
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override;

  Status Post(int peer, std::vector<std::byte> payload) override;
  Result<std::optional<ControlMessage>> Poll() override;
  void Ring() override { state_->inbox(world_rank()).Ring(); }
  Status WaitForRing(Deadline deadline) override;

  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override;
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override;

  [[nodiscard]] bool has_board() const override {
    // As between processes: only where all ranks are said to share a host.
    return group_ == 0 && std::adjacent_find(host_ids_->begin(), host_ids_->end(),
                                             std::not_equal_to<>()) == host_ids_->end();
  }
  void Publish(std::uint64_t word) override {
    state_->notice(world_rank()).store(word, std::memory_order_seq_cst);
  }
  [[nodiscard]] std::uint64_t Published(int rank) const override {
    return state_->notice(members_[rank]).load(std::memory_order_seq_cst);
  }
  void RingPeers() override {
    for (const int member : members_) {
      if (member != world_rank()) state_->inbox(member).Ring();
    }
  }

  void Abort(const Status& cause) override {
    // Relaxed: read by whoever has seen that the job has ended.
    if (state_->Abort(cause)) gave_cause_.store(true, std::memory_order_relaxed);
  }
  void RequestAbort(const Status& cause) override { Abort(cause); }
  [[nodiscard]] bool gave_cause() const override {
    return gave_cause_.load(std::memory_order_relaxed);
  }
  Status CheckLiveness() override { return state_->status(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override;
  [[nodiscard]] std::uint64_t bytes_sent() const override { return *bytes_sent_; }

 private:
  [[nodiscard]] int world_rank() const { return members_[rank_]; }
  [[nodiscard]] PeerName NameOf(int peer) const { return {members_[peer], host_name(peer)}; }

  // Addresses are looked up under a lock once and remembered: the engine's thread alone comes here.
  Mailbox& MailboxOf(int source, int destination, int tag) {
    Mailbox*& mailbox = mailboxes_[{source, destination, tag}];
    if (mailbox == nullptr) mailbox = &state_->MailboxOf(group_, source, destination, tag);
    return *mailbox;
  }

  Status Finish(WaitOutcome outcome, std::int64_t started_ns, std::string_view action, int peer);
  Status SendTo(int peer, int tag, std::span<const std::byte> data, const Deadline& deadline);
  Status ReceiveFrom(int peer, int tag, std::span<std::byte> data, const Deadline& deadline);
  Status ExchangeSplit(std::vector<SplitEntry>* entries, const Deadline& deadline);

  std::shared_ptr<SharedState> state_;
  std::shared_ptr<const std::vector<std::string>> host_ids_;
  std::uint64_t group_;
  std::vector<int> members_;
  int rank_;
  std::atomic<bool> gave_cause_{false};
  std::shared_ptr<std::uint64_t> bytes_sent_;
  std::map<std::tuple<int, int, int>, Mailbox*> mailboxes_;
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
  std::size_t size_bytes = 0;
  const WaitOutcome outcome = MailboxOf(peer, rank_, tag).Take(data, deadline, &size_bytes);
  RONDE_RETURN_IF_ERROR(Finish(outcome, started_ns, "for data from", peer));
  if (size_bytes == data.size()) return Status::Ok();
  return SizeMismatch(world_rank(), NameOf(peer), tag, data.size(), size_bytes);
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

}  // namespace

InProcessWorld::InProcessWorld(int size, InProcessOptions options)
    : state_(std::make_shared<SharedState>(size)) {
  if (options.host_ids.empty()) {
    char name[256] = {};
    gethostname(name, sizeof(name) - 1);
    options.host_ids.assign(static_cast<std::size_t>(size), name);
  }
  options.host_ids.resize(static_cast<std::size_t>(size));
  host_ids_ = std::make_shared<const std::vector<std::string>>(std::move(options.host_ids));
}

std::unique_ptr<Transport> InProcessWorld::Connect(int rank) const {
  std::vector<int> members(host_ids_->size());
  std::iota(members.begin(), members.end(), 0);
  return std::make_unique<InProcessTransport>(state_, host_ids_, 0, std::move(members), rank,
                                              std::make_shared<std::uint64_t>(0));
}

void InProcessWorld::Abort(const Status& cause) const { static_cast<void>(state_->Abort(cause)); }

std::vector<std::unique_ptr<Transport>> MakeInProcessWorld(int size, InProcessOptions options) {
  const InProcessWorld world(size, std::move(options));
  std::vector<std::unique_ptr<Transport>> transports;
  for (int rank = 0; rank < size; ++rank) transports.push_back(world.Connect(rank));
  return transports;
}

Result<std::unique_ptr<Transport>> CreateInProcessWorld(const Config& config) {
  InProcessOptions options;
  const std::string& host_id = config.GetText(Setting::kHostId);
  if (!host_id.empty()) options.host_ids = {host_id};
  return InProcessWorld(1, std::move(options)).Connect(0);
}

}  // namespace ronde
