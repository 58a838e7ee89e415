#include "tests/collectives/device/nccl/fake_nccl.h"

#include <cstring>
#include <optional>

#include "core/base/strcat.h"
#include "core/device/simulated_device.h"
#include "tests/collectives/device/nccl/fake_nccl_work.h"
#include "tests/conformance/allreduce_values.h"

/// A communicator of FakeNccl, which keeps it for life to see who uses one that has gone.
struct ncclComm {
  std::shared_ptr<ronde::FakeNcclWorld> world;
  int rank = 0;
  enum class State { kInitialising, kReady, kIssuing, kFinalizing, kFinalized, kGone };
  State state = State::kInitialising;
  int polls_left = 0;
  bool busy = false;
  std::size_t collectives = 0;
  std::vector<ronde::FakeNcclOp> pending;
  struct UserOp {
    ronde::DataType dtype;
    double factor;
    bool live;
  };
  std::vector<UserOp> ops;
  std::string last_error;
};

namespace ronde {
namespace {

constexpr int kPollsInProgress = 2;
constexpr int kFirstUserOp = 5;

}  // namespace

struct FakeNccl::Group {
  int depth = 0;
  std::vector<std::pair<NcclComm, FakeNcclOp>> ops;
};

// A call with a communicator: whoever finds another one inside, or the communicator gone, has done
// what NCCL does not allow. Holds the fake's mutex but where it waits.
class FakeNccl::Visit {
 public:
  Visit(FakeNccl& fake, NcclComm comm, const char* call)
      : lock(fake.mutex_), comm_(comm), busy_before_(comm->busy) {
    ++fake.calls_[call];
    if (comm->state == ncclComm::State::kGone) fake.Violate(StrCat(call, " after the end"));
    if (busy_before_) fake.Violate(StrCat(call, " while another call is inside"));
    comm->busy = true;
  }
  ~Visit() {
    if (!lock.owns_lock()) lock.lock();
    comm_->busy = busy_before_;
  }
  std::unique_lock<std::mutex> lock;

 private:
  NcclComm comm_;
  bool busy_before_;
};

FakeNccl::FakeNccl(int version) : version_(version) {}
FakeNccl::~FakeNccl() = default;

void FakeNccl::Violate(std::string what) { violations_.push_back(std::move(what)); }

void FakeNccl::HangInit(int rank) {
  const std::lock_guard lock(mutex_);
  init_hangs_[rank] = true;
}
void FakeNccl::FailInit(int rank, NcclResult result, std::string text) {
  const std::lock_guard lock(mutex_);
  init_failures_[rank] = {result, std::move(text)};
}
void FakeNccl::FailUniqueId() {
  const std::lock_guard lock(mutex_);
  unique_id_fails_ = true;
}
void FakeNccl::HangGroups(int rank) {
  const std::lock_guard lock(mutex_);
  groups_hang_[rank] = true;
}
void FakeNccl::InjectAsyncError(int rank, NcclResult result, std::string text) {
  const std::lock_guard lock(mutex_);
  async_errors_[rank] = {result, std::move(text)};
}
void FakeNccl::HangFinalize() {
  const std::lock_guard lock(mutex_);
  finalize_hangs_ = true;
}
void FakeNccl::HoldAborts() {
  const std::lock_guard lock(mutex_);
  aborts_held_ = true;
}
void FakeNccl::ReleaseAborts() {
  {
    const std::lock_guard lock(mutex_);
    aborts_held_ = false;
  }
  aborts_released_.notify_all();
}

std::vector<std::string> FakeNccl::violations() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all = violations_;
  for (const auto& [id, world] : worlds_) {
    const std::lock_guard world_lock(world->mutex);
    all.insert(all.end(), world->violations.begin(), world->violations.end());
  }
  return all;
}
int FakeNccl::live() const {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& comm : comms_) count += comm->state == ncclComm::State::kGone ? 0 : 1;
  return count;
}
int FakeNccl::live_ops() const {
  const std::lock_guard lock(mutex_);
  int count = 0;
  for (const auto& comm : comms_) {
    for (const auto& op : comm->ops) count += op.live ? 1 : 0;
  }
  return count;
}
int FakeNccl::calls(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(name);
  return found == calls_.end() ? 0 : found->second;
}
int FakeNccl::aborted() const { return calls("Abort"); }
int FakeNccl::destroyed() const { return calls("Destroy"); }
int FakeNccl::groups() const {
  const std::lock_guard lock(mutex_);
  return groups_ended_;
}

std::string FakeNccl::ErrorString(NcclResult result) {
  return StrCat("fake result ", static_cast<int>(result));
}
std::string FakeNccl::LastError(NcclComm comm) {
  const std::lock_guard lock(mutex_);
  return comm == nullptr ? "no socket interface" : comm->last_error;
}

NcclResult FakeNccl::GetUniqueId(NcclUniqueId* id) {
  const std::lock_guard lock(mutex_);
  if (unique_id_fails_) return NcclResult::kSystemError;
  *id = {};
  const int number = ++next_id_;
  std::memcpy(id->data(), &number, sizeof number);
  return NcclResult::kSuccess;
}

NcclResult FakeNccl::InitRank(NcclComm* comm, int ranks, const NcclUniqueId& id, int rank,
                              int /*device_index*/) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<FakeNcclWorld>& world = worlds_[id];
  if (world == nullptr) world = std::make_shared<FakeNcclWorld>(ranks);
  *comm = comms_.emplace_back(std::make_unique<ncclComm>()).get();
  (*comm)->world = world;
  (*comm)->rank = rank;
  if (const auto failure = init_failures_.find(rank); failure != init_failures_.end()) {
    (*comm)->last_error = failure->second.second;
    return failure->second.first;
  }
  const std::lock_guard world_lock(world->mutex);
  if (!init_hangs_[rank]) ++world->initialised;
  return NcclResult::kInProgress;
}

NcclResult FakeNccl::GetAsyncError(NcclComm comm, NcclResult* result) {
  const Visit visit(*this, comm, "GetAsyncError");
  FakeNcclWorld& world = *comm->world;
  *result = NcclResult::kSuccess;
  if (const auto error = async_errors_.find(comm->rank); error != async_errors_.end()) {
    comm->last_error = error->second.second;
    *result = error->second.first;
    return NcclResult::kSuccess;
  }
  const std::lock_guard world_lock(world.mutex);
  if (comm->state == ncclComm::State::kInitialising && world.initialised == world.ranks) {
    comm->state = ncclComm::State::kReady;
  }
  if (comm->state == ncclComm::State::kFinalizing && world.finalized == world.ranks &&
      !finalize_hangs_) {
    comm->state = ncclComm::State::kFinalized;
  }
  if (comm->state == ncclComm::State::kIssuing && !groups_hang_[comm->rank] &&
      --comm->polls_left <= 0) {
    comm->state = ncclComm::State::kReady;
    const StreamView stream = comm->pending.front().stream;
    const auto run = [world = comm->world, rank = comm->rank, ops = comm->pending](int) {
      world->Run(rank, ops);
    };
    comm->pending.clear();
    if (!static_cast<SimulatedDevice*>(stream.device)->Launch(stream.native, 1, run).ok()) {
      *result = NcclResult::kUnhandledCudaError;
    }
  }
  const bool going = comm->state == ncclComm::State::kInitialising ||
                     comm->state == ncclComm::State::kIssuing ||
                     comm->state == ncclComm::State::kFinalizing;
  if (going) *result = NcclResult::kInProgress;
  return NcclResult::kSuccess;
}

NcclResult FakeNccl::Finalize(NcclComm comm) {
  const Visit visit(*this, comm, "Finalize");
  if (comm->state != ncclComm::State::kReady) {
    Violate("Finalize of a communicator that is not ready");
    return NcclResult::kInvalidArgument;
  }
  comm->state = ncclComm::State::kFinalizing;
  const std::lock_guard world_lock(comm->world->mutex);
  ++comm->world->finalized;
  return NcclResult::kInProgress;
}

NcclResult FakeNccl::Destroy(NcclComm comm) {
  const Visit visit(*this, comm, "Destroy");
  if (comm->state != ncclComm::State::kFinalized) Violate("Destroy before Finalize was complete");
  comm->state = ncclComm::State::kGone;
  return NcclResult::kInProgress;
}

NcclResult FakeNccl::Abort(NcclComm comm) {
  Visit visit(*this, comm, "Abort");
  aborts_released_.wait(visit.lock, [this] { return !aborts_held_; });
  comm->state = ncclComm::State::kGone;
  {
    const std::lock_guard world_lock(comm->world->mutex);
    comm->world->aborted[static_cast<std::size_t>(comm->rank)] = true;
  }
  comm->world->changed.notify_all();
  return NcclResult::kInProgress;
}

NcclResult FakeNccl::GroupStart() {
  const std::lock_guard lock(mutex_);
  ++open_groups_[std::this_thread::get_id()].depth;
  return NcclResult::kSuccess;
}

NcclResult FakeNccl::GroupEnd() {
  const std::lock_guard lock(mutex_);
  const auto open = open_groups_.find(std::this_thread::get_id());
  if (open == open_groups_.end()) {
    Violate("GroupEnd without GroupStart");
    return NcclResult::kInvalidUsage;
  }
  if (--open->second.depth > 0) return NcclResult::kSuccess;
  Group group = std::move(open->second);
  open_groups_.erase(open);
  return EndGroup(std::move(group));
}

NcclResult FakeNccl::EndGroup(Group group) {
  ++groups_ended_;
  if (group.ops.empty()) return NcclResult::kSuccess;
  for (auto& [comm, op] : group.ops) {
    if (!op.IsMessage()) op.number = comm->collectives++;
    comm->state = ncclComm::State::kIssuing;
    comm->polls_left = kPollsInProgress;
    comm->pending.push_back(op);
  }
  return NcclResult::kInProgress;
}

NcclResult FakeNccl::Add(const char* name, NcclComm comm, FakeNcclOp op) {
  const Visit visit(*this, comm, name);
  if (comm->state != ncclComm::State::kReady) {
    Violate(StrCat(name, " before the communicator was ready"));
    return NcclResult::kInvalidArgument;
  }
  const auto open = open_groups_.find(std::this_thread::get_id());
  if (open != open_groups_.end()) {
    open->second.ops.emplace_back(comm, op);
    return NcclResult::kSuccess;
  }
  Group alone;
  alone.ops.emplace_back(comm, op);
  return EndGroup(std::move(alone));
}

NcclResult FakeNccl::CreatePreMulSum(NcclOp* op, const void* scalar, DataType dtype,
                                     NcclComm comm) {
  const Visit visit(*this, comm, "CreatePreMulSum");
  comm->ops.push_back({dtype, FloatAt(dtype, scalar, 0), true});
  op->value = kFirstUserOp + static_cast<int>(comm->ops.size()) - 1;
  return NcclResult::kSuccess;
}

NcclResult FakeNccl::DestroyOp(NcclOp op, NcclComm comm) {
  const Visit visit(*this, comm, "DestroyOp");
  const auto index = static_cast<std::size_t>(op.value - kFirstUserOp);
  if (index >= comm->ops.size() || !comm->ops[index].live) {
    Violate("DestroyOp of what is none");
    return NcclResult::kInvalidArgument;
  }
  comm->ops[index].live = false;
  return NcclResult::kSuccess;
}

bool FakeNccl::TranslateOp(NcclComm comm, NcclOp op, FakeNcclOp* into) {
  const std::lock_guard lock(mutex_);
  if (op == kNcclSum) into->op = ReduceOp::kSum;
  if (op == kNcclProduct) into->op = ReduceOp::kProduct;
  if (op == kNcclMax) into->op = ReduceOp::kMax;
  if (op == kNcclMin) into->op = ReduceOp::kMin;
  if (op == kNcclAverage) into->op = ReduceOp::kAverage;
  if (op.value < kFirstUserOp) return true;
  const auto index = static_cast<std::size_t>(op.value - kFirstUserOp);
  const bool known =
      index < comm->ops.size() && comm->ops[index].live && comm->ops[index].dtype == into->dtype;
  if (known) into->factor = comm->ops[index].factor;
  if (!known) Violate("an operator of another type, or one that is gone");
  return known;
}

NcclResult FakeNccl::AllReduce(const void* input, void* output, std::size_t count, DataType dtype,
                               NcclOp op, NcclComm comm, StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kAllReduce, input, output, count, dtype};
  call.stream = stream;
  if (!TranslateOp(comm, op, &call)) return NcclResult::kInvalidArgument;
  return Add("AllReduce", comm, call);
}
NcclResult FakeNccl::Reduce(const void* input, void* output, std::size_t count, DataType dtype,
                            NcclOp op, int root, NcclComm comm, StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kReduce, input, output, count, dtype};
  call.peer = root;
  call.stream = stream;
  if (!TranslateOp(comm, op, &call)) return NcclResult::kInvalidArgument;
  return Add("Reduce", comm, call);
}
NcclResult FakeNccl::ReduceScatter(const void* input, void* output, std::size_t count,
                                   DataType dtype, NcclOp op, NcclComm comm, StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kReduceScatter, input, output, count, dtype};
  call.stream = stream;
  if (!TranslateOp(comm, op, &call)) return NcclResult::kInvalidArgument;
  return Add("ReduceScatter", comm, call);
}
NcclResult FakeNccl::Broadcast(const void* input, void* output, std::size_t size_bytes, int root,
                               NcclComm comm, StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kBroadcast, input, output, size_bytes};
  call.peer = root;
  call.stream = stream;
  return Add("Broadcast", comm, call);
}
NcclResult FakeNccl::AllGather(const void* input, void* output, std::size_t size_bytes,
                               NcclComm comm, StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kAllGather, input, output, size_bytes};
  call.stream = stream;
  return Add("AllGather", comm, call);
}
NcclResult FakeNccl::Send(const void* data, std::size_t size_bytes, int peer, NcclComm comm,
                          StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kSend, data, nullptr, size_bytes};
  call.peer = peer;
  call.stream = stream;
  return Add("Send", comm, call);
}
NcclResult FakeNccl::Receive(void* data, std::size_t size_bytes, int peer, NcclComm comm,
                             StreamView stream) {
  FakeNcclOp call = {FakeNcclKind::kReceive, nullptr, data, size_bytes};
  call.peer = peer;
  call.stream = stream;
  return Add("Receive", comm, call);
}

}  // namespace ronde
