#include "tests/collectives/device/nccl/fake_nccl_work.h"

#include <chrono>
#include <cstring>

#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

std::size_t Bytes(const FakeNcclOp& op) { return op.count * SizeOf(op.dtype); }

// How much a rank brings along.
std::size_t InputBytes(const FakeNcclOp& op, int rank, int ranks) {
  if (op.kind == FakeNcclKind::kBroadcast && op.peer != rank) return 0;
  if (op.kind == FakeNcclKind::kReduceScatter) return Bytes(op) * static_cast<std::size_t>(ranks);
  return Bytes(op);
}

std::vector<std::byte> CopyOf(const void* data, std::size_t size_bytes) {
  const auto* bytes = static_cast<const std::byte*>(data);
  return {bytes, bytes + size_bytes};
}

bool Agree(const FakeNcclOp& a, const FakeNcclOp& b) {
  return a.kind == b.kind && a.count == b.count && a.dtype == b.dtype && a.op == b.op &&
         a.factor == b.factor && a.peer == b.peer;
}

}  // namespace

template <typename Condition>
bool FakeNcclWorld::WaitFor(std::unique_lock<std::mutex>& lock, int rank,
                            const Condition& condition) {
  const auto aborts = [&] { return static_cast<bool>(aborted[static_cast<std::size_t>(rank)]); };
  const bool done =
      changed.wait_for(lock, std::chrono::seconds(30), [&] { return aborts() || condition(); });
  if (!done) violations.push_back(StrCat("rank ", rank, " waited for 30 s on its stream"));
  return done && !aborts();
}

void FakeNcclWorld::Post(int rank, const FakeNcclOp& op) {
  if (op.kind == FakeNcclKind::kReceive) return;
  if (op.kind == FakeNcclKind::kSend) {
    mail[{rank, op.peer}].push_back(CopyOf(op.input, Bytes(op)));
    return;
  }
  FakeNcclRecord& record = records[op.number];
  for (const auto& [peer, other] : record.arrived) {
    if (Agree(op, other)) continue;
    violations.push_back(
        StrCat("ranks ", peer, " and ", rank, " differ in collective ", op.number));
  }
  record.arrived[rank] = op;
  record.inputs[rank] = CopyOf(op.input, InputBytes(op, rank, ranks));
}

void FakeNcclWorld::Deliver(int rank, const FakeNcclOp& op, FakeNcclRecord& record) {
  if (op.kind == FakeNcclKind::kBroadcast) {
    std::memcpy(op.output, record.inputs[op.peer].data(), Bytes(op));
    return;
  }
  if (op.kind == FakeNcclKind::kAllGather) {
    for (int peer = 0; peer < ranks; ++peer) {
      std::memcpy(static_cast<std::byte*>(op.output) + static_cast<std::size_t>(peer) * Bytes(op),
                  record.inputs[peer].data(), Bytes(op));
    }
    return;
  }
  if (op.kind == FakeNcclKind::kReduce && op.peer != rank) return;
  const bool scatters = op.kind == FakeNcclKind::kReduceScatter;
  std::vector<const void*> inputs;
  for (int peer = 0; peer < ranks; ++peer) {
    inputs.push_back(record.inputs[peer].data() +
                     (scatters ? static_cast<std::size_t>(rank) * Bytes(op) : 0));
  }
  Scaling scaling = {.prescale = op.factor};
  if (op.op == ReduceOp::kAverage) scaling.divisor = ranks;
  ronde::Reduce(op.op, op.dtype, inputs, op.output, static_cast<std::int64_t>(op.count), scaling);
}

bool FakeNcclWorld::Complete(std::unique_lock<std::mutex>& lock, int rank, const FakeNcclOp& op) {
  if (op.kind == FakeNcclKind::kSend) return true;
  if (op.kind == FakeNcclKind::kReceive) {
    auto& letters = mail[{op.peer, rank}];
    if (!WaitFor(lock, rank, [&] { return !letters.empty(); })) return false;
    if (letters.front().size() != Bytes(op)) {
      violations.push_back(StrCat("rank ", rank, " expects ", Bytes(op), " bytes of rank ", op.peer,
                                  ", gets ", letters.front().size()));
    } else {
      std::memcpy(op.output, letters.front().data(), Bytes(op));
    }
    letters.pop_front();
    return true;
  }
  FakeNcclRecord& record = records[op.number];
  const auto complete = [&] { return static_cast<int>(record.arrived.size()) == ranks; };
  if (!WaitFor(lock, rank, complete)) return false;
  Deliver(rank, op, record);
  return true;
}

void FakeNcclWorld::Run(int rank, const std::vector<FakeNcclOp>& ops) {
  std::unique_lock lock(mutex);
  for (const FakeNcclOp& op : ops) Post(rank, op);
  changed.notify_all();
  for (const FakeNcclOp& op : ops) {
    if (!Complete(lock, rank, op)) return;
  }
}

}  // namespace ronde
