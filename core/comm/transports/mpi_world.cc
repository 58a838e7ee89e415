#include "core/comm/transports/mpi_world.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/strcat.h"
#include "core/comm/host_identity.h"
#include "core/comm/topology.h"
#include "core/comm/transports/mpi_environment.h"

namespace ronde {
namespace {

constexpr std::int64_t kEndlessNs = std::int64_t{1} << 55;  // a year

// What every rank tells all others at creation.
struct HostRecord {
  std::array<char, 256> id{};
  std::array<char, 256> name{};
  std::array<char, 512> failure{};  // why it has no doorbell, empty where it has
  RegionToken doorbell;
};

template <std::size_t N>
void CopyText(std::array<char, N>* out, const std::string& text) {
  std::memcpy(out->data(), text.data(), std::min(text.size(), N - 1));
}

}  // namespace

Result<std::unique_ptr<MpiWorld>> MpiWorld::Create(const Config& config) {
  RONDE_RETURN_IF_ERROR(MpiEnvironment::EnsureInitialized());
  std::unique_ptr<MpiWorld> world(new MpiWorld());
  MpiEnvironment::TransportCreated();
  RONDE_RETURN_IF_ERROR(world->DuplicateCommunicators());
  RONDE_RETURN_IF_ERROR(world->ExchangeHosts(config));
  world->ChooseWaiting(config);
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
  CountTags();
  return Status::Ok();
}

void MpiWorld::CountTags() {
  int* highest = nullptr;
  int known = 0;
  MPI_Comm_get_attr(data_, MPI_TAG_UB, &highest, &known);
  // What MPI promises at least.
  last_group_ = (known != 0 ? *highest : 32767) / kTagsPerGroup - 1;
}

Status MpiWorld::ExchangeHosts(const Config& config) {
  std::vector<HostRecord> records(static_cast<std::size_t>(size_));
  HostRecord& own = records[rank_];
  const std::string& given_id = config.GetText(Setting::kHostId);
  CopyText(&own.id, given_id.empty() ? DerivedHostId() : given_id);
  CopyText(&own.name, given_id.empty() ? HostName() : given_id);
  Result<std::unique_ptr<Doorbell>> doorbell = Doorbell::Create(rank_, size_);
  if (doorbell.ok()) {
    own.doorbell = doorbell.value()->token();
  } else {
    CopyText(&own.failure, doorbell.status().message());
  }
  int code = MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, records.data(), sizeof(HostRecord),
                           MPI_BYTE, data_);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Allgather");
  for (int peer = 0; peer < size_; ++peer) {
    host_ids_.emplace_back(records[peer].id.data());
    host_names_.emplace_back(records[peer].name.data());
    if (records[peer].failure[0] != 0) {
      return Status::Unavailable(
          StrCat("rank ", peer, " (host ", host_names_[peer], "): ", records[peer].failure.data()));
    }
  }
  doorbell_ = std::move(doorbell).value();

  int connected = 1;
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    if (host_ids_[peer] != host_ids_[rank_]) {
      all_connected_ = false;
    } else if (!doorbell_->Connect(peer, records[peer].doorbell).ok()) {
      connected = 0;
    }
  }
  code = MPI_Allreduce(MPI_IN_PLACE, &connected, 1, MPI_INT, MPI_MIN, data_);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Allreduce");
  if (connected == 0) {
    doorbell_->Disconnect();
    all_connected_ = size_ == 1;
  }
  return Status::Ok();
}

void MpiWorld::ChooseWaiting(const Config& config) {
  const auto on_this_host = std::count(host_ids_.begin(), host_ids_.end(), host_ids_[rank_]);
  const int cores = AvailableCores();
  const std::string& wait = config.GetText(Setting::kWait);
  if (wait == "block") return;  // neither spins
  if (wait == "spin") {
    // An idle engine only where a core is its own: it would take the computation's.
    spin_ns_ = 2 * on_this_host <= cores ? kEndlessNs : 0;
    spin_turns_ = UINT64_MAX;
    return;
  }
  const std::int64_t spin_us = config.GetInteger(Setting::kSpinUs);
  if (spin_us >= 0) {
    spin_ns_ = spin_us * 1000;
    spin_turns_ = static_cast<std::uint64_t>(spin_us) * 4;  // a look at MPI takes about 0.25 us
    return;
  }
  // An idle engine shares its core with the computation unless there are cores for both.
  spin_ns_ = 2 * on_this_host <= cores ? 20'000 : 0;
  spin_turns_ = on_this_host <= cores ? 2000 : 0;
}

MpiWorld::~MpiWorld() {
  MpiEnvironment::TransportDestroyed();
  if (doorbell_) doorbell_->Leave();
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
