#include "core/comm/transports/mpi_world.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "core/base/strcat.h"
#include "core/comm/host_identity.h"
#include "core/comm/topology.h"
#include "core/comm/transports/mpi_environment.h"

namespace ronde {
namespace {

constexpr std::int64_t kEndlessNs = std::int64_t{1} << 55;  // a year
// How much longer than a data wait a rank may be silent: whoever waits for its data knows more.
// Short, because launchers need some 4 s to end a job, and --timeout-s and 5 s are promised for all
// of it.
constexpr double kSilenceS = 0.5;
// Less is a rank that got no core for a moment.
constexpr double kLeastSilenceS = 2;

// What every rank tells all others at creation.
struct HostRecord {
  std::array<char, 256> id{};
  std::array<char, 256> name{};
  std::array<char, 512> failure{};  // why it has no doorbell, empty where it has
  bool makes_net = false;           // takes part in making a wire between hosts
  RegionToken doorbell;
};

template <std::size_t N>
void CopyText(std::array<char, N>* out, const std::string& text) {
  std::memcpy(out->data(), text.data(), std::min(text.size(), N - 1));
}

}  // namespace

Result<std::unique_ptr<MpiWorld>> MpiWorld::Create(NetWireFactory make_net, const Config& config) {
  RONDE_RETURN_IF_ERROR(MpiEnvironment::EnsureInitialized());
  std::unique_ptr<MpiWorld> world(new MpiWorld());
  MpiEnvironment::TransportCreated();
  RONDE_RETURN_IF_ERROR(world->DuplicateCommunicators());
  RONDE_RETURN_IF_ERROR(world->ExchangeHosts(make_net != nullptr, config));
  if (make_net != nullptr) RONDE_RETURN_IF_ERROR(world->MakeNet(make_net, config));
  world->ChooseWaiting(config);
  world->heartbeat_ = std::make_unique<MpiHeartbeat>(
      world->abort_, *world->doorbell_, world->host_ids_, world->host_names_,
      std::max(config.GetReal(Setting::kTimeoutS) + kSilenceS, kLeastSilenceS));
  return world;
}

Status MpiWorld::DuplicateCommunicators() {
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  for (MPI_Comm* comm : {&data_, &control_, &abort_}) {
    const int code = MPI_Comm_dup(MPI_COMM_WORLD, comm);
    if (code != MPI_SUCCESS) return MpiError(code, "MPI_Comm_dup");
    MPI_Comm_set_errhandler(*comm, MPI_ERRORS_RETURN);
  }
  mpi_wire_ = std::make_unique<MpiWire>(data_);
  return Status::Ok();
}

Status MpiWorld::ExchangeHosts(bool makes_net, const Config& config) {
  std::vector<HostRecord> records(static_cast<std::size_t>(size_));
  HostRecord& own = records[rank_];
  const std::string& given_id = config.GetText(Setting::kHostId);
  CopyText(&own.id, given_id.empty() ? DerivedHostId() : given_id);
  CopyText(&own.name, given_id.empty() ? HostName() : given_id);
  own.makes_net = makes_net;
  Result<std::unique_ptr<Doorbell>> doorbell = Doorbell::Create(rank_, size_);
  Status ready = doorbell.status();
  if (ready.ok() && makes_net) ready = doorbell.value()->OpenSocket();
  if (ready.ok()) {
    own.doorbell = doorbell.value()->token();
  } else {
    CopyText(&own.failure, ready.message());
  }
  const int code = MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, records.data(),
                                 sizeof(HostRecord), MPI_BYTE, data_);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Allgather");
  for (int peer = 0; peer < size_; ++peer) {
    host_ids_.emplace_back(records[peer].id.data());
    host_names_.emplace_back(records[peer].name.data());
    if (records[peer].failure[0] != 0) {
      return Status::Unavailable(
          StrCat("rank ", peer, " (host ", host_names_[peer], "): ", records[peer].failure.data()));
    }
  }
  // Before they wait for one another in ways that differ.
  for (int peer = 0; peer < size_; ++peer) {
    if (records[peer].makes_net == records[0].makes_net) continue;
    return Status::InvalidArgument(StrCat("--net-transport: rank ", peer, " (host ",
                                          host_names_[peer], ") and rank 0 (host ", host_names_[0],
                                          ") differ in it, or only one of them has UCX in its "
                                          "build; give all the same"));
  }
  doorbell_ = std::move(doorbell).value();
  std::vector<RegionToken> tokens;
  for (const HostRecord& record : records) tokens.push_back(record.doorbell);
  return ConnectDoorbells(tokens);
}

Status MpiWorld::ConnectDoorbells(std::span<const RegionToken> tokens) {
  int connected = 1;
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    if (host_ids_[peer] != host_ids_[rank_]) {
      all_connected_ = false;
    } else if (!doorbell_->Connect(peer, tokens[peer]).ok()) {
      connected = 0;
    }
  }
  const int code = MPI_Allreduce(MPI_IN_PLACE, &connected, 1, MPI_INT, MPI_MIN, data_);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Allreduce");
  if (connected == 0) {
    doorbell_->Disconnect();
    all_connected_ = size_ == 1;
  }
  must_poll_mpi_ = !all_connected_;
  return Status::Ok();
}

Status MpiWorld::MakeNet(NetWireFactory make_net, const Config& config) {
  const bool one_host = std::all_of(host_ids_.begin(), host_ids_.end(),
                                    [&](const std::string& id) { return id == host_ids_[0]; });
  if (one_host) return Status::Ok();
  const NetWireSetup setup = {rank_, host_ids_, host_names_, config,
                              [this](std::span<const std::byte> own) { return Exchange(own); }};
  RONDE_ASSIGN_OR_RETURN(net_, make_net(setup));
  if (net_ == nullptr) return Status::Ok();
  must_poll_mpi_ = false;
  for (int peer = 0; peer < size_; ++peer) {
    if (host_ids_[peer] == host_ids_[rank_] && !doorbell_->connected(peer)) must_poll_mpi_ = true;
  }
  return Status::Ok();
}

Result<std::vector<std::vector<std::byte>>> MpiWorld::Exchange(
    std::span<const std::byte> own) const {
  std::vector<int> sizes(static_cast<std::size_t>(size_));
  sizes[rank_] = static_cast<int>(own.size());
  int code = MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, sizes.data(), 1, MPI_INT, data_);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Allgather");
  std::vector<int> offsets(sizes.size());
  std::exclusive_scan(sizes.begin(), sizes.end(), offsets.begin(), 0);
  std::vector<std::byte> all(static_cast<std::size_t>(offsets.back() + sizes.back()));
  code = MPI_Allgatherv(own.data(), sizes[rank_], MPI_BYTE, all.data(), sizes.data(),
                        offsets.data(), MPI_BYTE, data_);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Allgatherv");
  std::vector<std::vector<std::byte>> parts;
  for (int peer = 0; peer < size_; ++peer) {
    const auto begin = all.begin() + offsets[peer];
    parts.emplace_back(begin, begin + sizes[peer]);
  }
  return parts;
}

int MpiWorld::last_group() const {
  const int last = mpi_wire_->last_group();
  return net_ ? std::min(last, net_->last_group()) : last;
}

void MpiWorld::Progress() {
  if (net_ == nullptr) return;  // requests of MPI are moved when they are looked at
  net_->Progress();
  mpi_wire_->Progress();
}

void MpiWorld::ChooseWaiting(const Config& config) {
  const auto on_this_host = std::count(host_ids_.begin(), host_ids_.end(), host_ids_[rank_]);
  const int cores = AvailableCores();
  const std::string& wait = config.GetText(Setting::kWait);
  if (wait == "block") return;  // nothing spins
  if (wait == "spin") {
    // An idle engine only where a core is its own: it would take the computation's.
    spin_ns_ = 2 * on_this_host <= cores ? kEndlessNs : 0;
    spin_turns_ = net_spin_turns_ = UINT64_MAX;
    return;
  }
  const std::int64_t spin_us = config.GetInteger(Setting::kSpinUs);
  if (spin_us >= 0) {
    spin_ns_ = spin_us * 1000;
    spin_turns_ = static_cast<std::uint64_t>(spin_us) * 4;  // a look at MPI takes about 0.25 us
    net_spin_turns_ = static_cast<std::uint64_t>(spin_us);  // and one at the network 1 us
    return;
  }
  // An idle engine shares its core with the computation unless there are cores for both.
  spin_ns_ = 2 * on_this_host <= cores ? 20'000 : 0;
  spin_turns_ = on_this_host <= cores ? 2000 : 0;
  // Some 150 us: more than a small message and its answer take where the peer has to be woken, or
  // two ranks that answer each other would put each other to sleep every time. What takes longer
  // can afford to sleep, and leaves its core to the computation.
  net_spin_turns_ = on_this_host <= cores ? 300 : 20;
}

MpiWorld::~MpiWorld() {
  MpiEnvironment::TransportDestroyed();
  if (doorbell_) doorbell_->Leave();
  if (heartbeat_ && !failed()) heartbeat_->Leave();
  if (net_) net_->Close(Deadline::After(failed() ? 0 : 1));
  const Deadline patience = Deadline::After(failed() ? 0 : 1);
  while (!outgoing_.empty() && !patience.Expired()) ProgressOutgoing();
  if (!outgoing_.empty()) {
    // MPI may still read the payloads of posts that nobody took: they stay, and so does MPI.
    MpiEnvironment::SkipFinalize();
    new std::list<Outgoing>(std::move(outgoing_));
  }
  if (failed()) return;  // freeing communicators may wait for dead ranks
  for (MPI_Comm* comm : {&data_, &control_, &abort_}) {
    if (*comm != MPI_COMM_NULL) MPI_Comm_free(comm);
  }
}

}  // namespace ronde
