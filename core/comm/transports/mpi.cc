#include "core/comm/transports/mpi.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <mpi.h>

#include "core/base/strcat.h"
#include "core/comm/shared_memory.h"
#include "core/comm/transport_errors.h"
#include "core/comm/transports/mpi_environment.h"
#include "core/comm/transports/mpi_world.h"

namespace ronde {
namespace {

constexpr int kSplitTag = kTagLimit;
static_assert(kSplitTag < MpiWorld::kTagsPerGroup);

// MPI counts are ints: longer messages travel in pieces.
constexpr std::size_t kPieceBytes = std::size_t{1} << 30;

// The requests of one Send, Receive or SendReceive, receives first.
class Transfer {
 public:
  Transfer(MpiWorld& world, MPI_Comm comm) : world_(world), comm_(comm) {}
  // Gives up what has not completed; MPI may write to the buffers even later.
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Status StartReceive(int source, int tag, std::span<std::byte> data);
  Status StartSend(int destination, int tag, std::span<const std::byte> data);
  enum class Outcome { kDone, kFailed, kTimeout };
  // Blocks; `*failure` says why it failed, unless it timed out.
  Outcome Wait(const Deadline& deadline, Status* failure);
  // After Wait has timed out: whether it is the receive that is missing.
  [[nodiscard]] bool receive_is_missing();
  // Bytes that arrived; nothing where the message was longer than the buffer.
  [[nodiscard]] std::optional<std::size_t> received_bytes() const { return received_bytes_; }

 private:
  Status Finish();

  MpiWorld& world_;
  MPI_Comm comm_;
  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
  std::size_t receives_ = 0;
  std::optional<std::size_t> received_bytes_ = 0;
};

Transfer::~Transfer() {
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] == MPI_REQUEST_NULL) continue;
    if (i < receives_) MPI_Cancel(&requests_[i]);
    MPI_Request_free(&requests_[i]);
  }
}

Status Transfer::StartReceive(int source, int tag, std::span<std::byte> data) {
  std::size_t done = 0;
  do {
    const std::size_t piece = std::min(kPieceBytes, data.size() - done);
    const int code = MPI_Irecv(data.data() + done, static_cast<int>(piece), MPI_BYTE, source, tag,
                               comm_, &requests_.emplace_back(MPI_REQUEST_NULL));
    if (code != MPI_SUCCESS) return MpiError(code, "MPI_Irecv");
    done += piece;
  } while (done < data.size());
  receives_ = requests_.size();
  return Status::Ok();
}

Status Transfer::StartSend(int destination, int tag, std::span<const std::byte> data) {
  std::size_t done = 0;
  do {
    const std::size_t piece = std::min(kPieceBytes, data.size() - done);
    const int code = MPI_Isend(data.data() + done, static_cast<int>(piece), MPI_BYTE, destination,
                               tag, comm_, &requests_.emplace_back(MPI_REQUEST_NULL));
    if (code != MPI_SUCCESS) return MpiError(code, "MPI_Isend");
    done += piece;
  } while (done < data.size());
  return Status::Ok();
}

Transfer::Outcome Transfer::Wait(const Deadline& deadline, Status* failure) {
  statuses_.resize(requests_.size());
  for (std::uint64_t turns = 0;; ++turns) {
    int done = 0;
    const int code =
        MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done, statuses_.data());
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) {
      *failure = MpiError(code, "MPI_Testall");
      return Outcome::kFailed;
    }
    if (done != 0 || code == MPI_ERR_IN_STATUS) {
      *failure = Finish();
      return failure->ok() ? Outcome::kDone : Outcome::kFailed;
    }
    *failure = world_.CheckLiveness();
    if (!failure->ok()) return Outcome::kFailed;
    if (deadline.Expired()) return Outcome::kTimeout;
    world_.Pause(turns);
  }
}

Status Transfer::Finish() {
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const int error = statuses_[i].MPI_ERROR;
    int error_class = MPI_SUCCESS;
    // MPI sets the field only where Testall reported errors; elsewhere it keeps its initial 0.
    if (error != MPI_SUCCESS) MPI_Error_class(error, &error_class);
    if (error_class == MPI_ERR_TRUNCATE) {
      received_bytes_.reset();
    } else if (error_class != MPI_SUCCESS && error_class != MPI_ERR_PENDING) {
      return MpiError(error, i < receives_ ? "receiving data" : "sending data");
    } else if (i < receives_ && received_bytes_) {
      int count = 0;
      MPI_Get_count(&statuses_[i], MPI_BYTE, &count);
      *received_bytes_ += static_cast<std::size_t>(std::max(count, 0));
    }
  }
  return Status::Ok();
}

bool Transfer::receive_is_missing() {
  for (std::size_t i = 0; i < receives_; ++i) {
    int done = 0;
    MPI_Request_get_status(requests_[i], &done, MPI_STATUS_IGNORE);
    if (done == 0) return true;
  }
  return false;
}

// One rank's colour and key in a Split, and the number that the groups are to have.
struct SplitEntry {
  int color = 0;
  int key = 0;
  int group = 0;
};

class MpiTransport final : public Transport {
 public:
  // The world's transport, of group 0, owns `owned`; its splits own nothing but their tags.
  MpiTransport(MpiWorld& world, std::unique_ptr<MpiWorld> owned, int group,
               std::vector<int> members, int rank)
      : owned_(std::move(owned)),
        world_(world),
        comm_(world.data()),
        group_(group),
        members_(std::move(members)),
        rank_(rank) {
    if (group_ != 0) world_.Enter(group_);
  }
  ~MpiTransport() override {
    if (group_ != 0) world_.Leave(group_);
  }
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  [[nodiscard]] std::string_view name() const override { return "mpi"; }
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return static_cast<int>(members_.size()); }
  [[nodiscard]] const std::string& host_id(int rank) const override {
    return world_.host_id(members_[rank]);
  }
  [[nodiscard]] const std::string& host_name(int rank) const override {
    return world_.host_name(members_[rank]);
  }

  Status Send(int peer, int tag, std::span<const std::byte> data, Deadline deadline) override;
  Status Receive(int peer, int tag, std::span<std::byte> data, Deadline deadline) override;
  Status SendReceive(int destination, std::span<const std::byte> send, int source,
                     std::span<std::byte> receive, int tag, Deadline deadline) override;

  Status Post(int peer, std::vector<std::byte> payload) override {
    if (!owned_) return NoControlPlane("Post");
    RONDE_RETURN_IF_ERROR(CheckAddress(*this, peer, 0));
    return world_.Post(peer, std::move(payload));
  }
  Result<std::optional<ControlMessage>> Poll() override {
    if (!owned_) return NoControlPlane("Poll");
    return world_.Poll();
  }
  void Ring() override { world_.Ring(); }
  Status WaitForRing(Deadline deadline) override {
    if (!owned_) return NoControlPlane("WaitForRing");
    return world_.WaitForRing(deadline);
  }

  Result<std::unique_ptr<Region>> AllocateRegion(std::size_t size_bytes) override {
    return AllocateSharedMemory(size_bytes);
  }
  Result<std::unique_ptr<Region>> MapRegion(int peer, const RegionToken& token,
                                            std::size_t size_bytes) override;

  [[nodiscard]] bool has_board() const override { return group_ == 0 && world_.has_board(); }
  void Publish(std::uint64_t word) override { world_.Publish(word); }
  [[nodiscard]] std::uint64_t Published(int rank) const override { return world_.Published(rank); }
  void RingPeers() override { world_.RingPeers(); }

  void Abort(const Status& cause) override { world_.Abort(cause); }
  [[nodiscard]] bool gave_cause() const override { return world_.gave_cause(); }
  void RequestAbort(const Status& cause) override { world_.RequestAbort(cause); }
  Status CheckLiveness() override { return world_.CheckLiveness(); }
  Result<std::unique_ptr<Transport>> Split(int color, int key, Deadline deadline) override;
  [[nodiscard]] std::uint64_t bytes_sent() const override { return world_.bytes_sent(); }
  [[nodiscard]] void* native_communicator() override { return group_ == 0 ? &comm_ : nullptr; }

 private:
  [[nodiscard]] PeerName NameOf(int peer) const { return {members_[peer], host_name(peer)}; }
  // Where a transfer's two ends are, for messages; -1 for an end that it does not have.
  struct Ends {
    int destination = -1;
    int source = -1;
    int tag = 0;
    std::size_t receive_bytes = 0;
  };
  Status Complete(Transfer& transfer, const Ends& ends, const Deadline& deadline);
  Status SendTo(int peer, int tag, std::span<const std::byte> data, const Deadline& deadline);
  Status ReceiveFrom(int peer, int tag, std::span<std::byte> data, const Deadline& deadline);
  Status ExchangeSplit(std::span<SplitEntry> entries, const Deadline& deadline);
  // How MPI is to keep this group's messages apart from others'.
  [[nodiscard]] int MpiTag(int tag) const { return group_ * MpiWorld::kTagsPerGroup + tag; }

  std::unique_ptr<MpiWorld> owned_;
  MpiWorld& world_;
  MPI_Comm comm_;
  int group_;                 // which tags are its own; 0: the world
  std::vector<int> members_;  // world ranks
  int rank_;
};

Status MpiTransport::Complete(Transfer& transfer, const Ends& ends, const Deadline& deadline) {
  const std::int64_t started_ns = SteadyClock().NowNs();
  Status failure;
  switch (transfer.Wait(deadline, &failure)) {
    case Transfer::Outcome::kDone:
      break;
    case Transfer::Outcome::kFailed:
      return failure;
    case Transfer::Outcome::kTimeout: {
      const bool receiving = transfer.receive_is_missing();
      const double waited_s = static_cast<double>(SteadyClock().NowNs() - started_ns) * 1e-9;
      return PeerTimeout(world_.rank(), waited_s, receiving ? "for data from" : "to send data to",
                         NameOf(receiving ? ends.source : ends.destination));
    }
  }
  if (ends.source < 0 || transfer.received_bytes() == ends.receive_bytes) return Status::Ok();
  return SizeMismatch(world_.rank(), NameOf(ends.source), ends.tag, ends.receive_bytes,
                      transfer.received_bytes());
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
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  Transfer transfer(world_, comm_);
  RONDE_RETURN_IF_ERROR(transfer.StartSend(members_[peer], MpiTag(tag), data));
  return Complete(transfer, {.destination = peer, .tag = tag}, deadline);
}

Status MpiTransport::ReceiveFrom(int peer, int tag, std::span<std::byte> data,
                                 const Deadline& deadline) {
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  Transfer transfer(world_, comm_);
  RONDE_RETURN_IF_ERROR(transfer.StartReceive(members_[peer], MpiTag(tag), data));
  return Complete(transfer, {.source = peer, .tag = tag, .receive_bytes = data.size()}, deadline);
}

Status MpiTransport::SendReceive(int destination, std::span<const std::byte> send, int source,
                                 std::span<std::byte> receive, int tag, Deadline deadline) {
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, destination, tag));
  RONDE_RETURN_IF_ERROR(CheckAddress(*this, source, tag));
  RONDE_RETURN_IF_ERROR(CheckLiveness());
  Transfer transfer(world_, comm_);
  RONDE_RETURN_IF_ERROR(transfer.StartReceive(members_[source], MpiTag(tag), receive));
  RONDE_RETURN_IF_ERROR(transfer.StartSend(members_[destination], MpiTag(tag), send));
  world_.CountSent(send.size());
  return Complete(transfer, {destination, source, tag, receive.size()}, deadline);
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

}  // namespace

Result<std::unique_ptr<Transport>> CreateMpiWorld(const Config& config) {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<MpiWorld> world, MpiWorld::Create(config));
  MpiWorld& borrowed = *world;
  std::vector<int> members(static_cast<std::size_t>(borrowed.size()));
  std::iota(members.begin(), members.end(), 0);
  return std::unique_ptr<Transport>(std::make_unique<MpiTransport>(
      borrowed, std::move(world), /*group=*/0, std::move(members), borrowed.rank()));
}

}  // namespace ronde
