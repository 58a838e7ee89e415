#include "frontends/resnet/checkpoint/checkpointer.h"

#include <cstring>
#include <filesystem>
#include <functional>
#include <type_traits>
#include <utility>

#include "core/base/program.h"
#include "frontends/resnet/checkpoint/verify.h"
#include "frontends/resnet/checkpoint/worker_state.h"
#include "frontends/resnet/weights/output_file.h"
#include "frontends/torch/classic_sgd.h"

namespace ronde {
namespace {

namespace fs = std::filesystem;

// What rank 0 must know of each worker of the others.
struct WorkerEntry {
  std::uint64_t size_bytes = 0;
  std::uint64_t crc32 = 0;
  MetricSums sums;
};
static_assert(std::is_trivially_copyable_v<WorkerEntry>);

// Makes each worker of this rank active in turn, and afterwards the one that was.
Status ForEachWorker(LocalWorkers& workers, const std::function<Status(int)>& visit) {
  const int before = workers.active();
  Status status = Status::Ok();
  for (int worker = 0; worker < workers.count() && status.ok(); ++worker) {
    workers.Activate(worker);
    status = visit(worker);
  }
  workers.Activate(before);
  return status;
}

std::string PathIn(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

std::vector<double> PreviousLearningRates(Replica& replica) {
  const auto* classic = dynamic_cast<const ClassicSgd*>(&replica.optimizer());
  return classic == nullptr ? std::vector<double>() : classic->previous_learning_rates();
}

}  // namespace

Checkpointer::Checkpointer(Session& session, Replica& replica, const CheckpointOptions& options,
                           const std::vector<std::string>& damaged)
    : session_(session), replica_(replica), store_(options.dir, options.keep_last) {
  for (const std::string& folder : damaged) store_.MarkDamaged(folder);
}

Result<std::vector<CheckpointFile>> Checkpointer::WriteMine(const std::string& folder) {
  std::vector<CheckpointFile> files;
  const auto write = [&](const std::string& name, const NamedTensors& state) -> Status {
    RONDE_RETURN_IF_ERROR(WriteState(state, PathIn(folder, name)));
    RONDE_ASSIGN_OR_RETURN(CheckpointFile file, Checksum(folder, name));
    files.push_back(std::move(file));
    return Status::Ok();
  };
  RONDE_RETURN_IF_ERROR(ForEachWorker(replica_.workers(), [&](int worker) {
    return write(WorkerFileName(replica_.first_worker() + worker),
                 WorkerState(*replica_.model(), replica_.optimizer()));
  }));
  const NamedTensors shared = replica_.algorithm().State();
  if (session_.rank() == 0 && !shared.empty()) {
    RONDE_RETURN_IF_ERROR(write(kSharedFileName, shared));
  }
  // The names of the files are on the disk too before rank 0 goes on.
  RONDE_RETURN_IF_ERROR(SyncFolder(folder));
  return files;
}

Status Checkpointer::GatherFigures(RunningEpoch& running) {
  std::vector<double>& sums = running.divergence_sums;
  if (sums.empty()) return Status::Ok();  // on all ranks or on none
  const TensorView view(sums.data(), DataType::kFloat64, {static_cast<std::int64_t>(sums.size())});
  return session_.AllreduceAsync("checkpoint/divergence", view, view, {ReduceOp::kSum}).Wait();
}

Status Checkpointer::Gather(const std::vector<CheckpointFile>& mine, Manifest& manifest) {
  const auto workers = static_cast<std::size_t>(replica_.workers().count());
  std::vector<WorkerEntry> entries;
  for (std::size_t i = 0; i < workers; ++i) {
    entries.push_back({mine[i].size_bytes, mine[i].crc32,
                       manifest.running ? manifest.running->workers[i] : MetricSums()});
  }
  const TensorView view(entries.data(), DataType::kUInt8,
                        {static_cast<std::int64_t>(workers * sizeof(WorkerEntry))});
  const Handle handle = session_.AllgatherAsync("checkpoint/entries", view);
  RONDE_RETURN_IF_ERROR(handle.Wait());
  const std::vector<std::byte>& gathered = handle.result().gathered;
  std::vector<WorkerEntry> all(gathered.size() / sizeof(WorkerEntry));
  std::memcpy(all.data(), gathered.data(), all.size() * sizeof(WorkerEntry));

  manifest.workers = static_cast<int>(all.size());
  if (manifest.running) manifest.running->workers.clear();
  for (std::size_t i = 0; i < all.size(); ++i) {
    manifest.files.push_back({WorkerFileName(static_cast<int>(i)), all[i].size_bytes,
                              static_cast<std::uint32_t>(all[i].crc32)});
    if (manifest.running) manifest.running->workers.push_back(all[i].sums);
  }
  if (mine.size() > workers) manifest.files.push_back(mine.back());  // the shared one, on rank 0
  return manifest.running ? GatherFigures(*manifest.running) : Status::Ok();
}

Status Checkpointer::Save(Manifest manifest) {
  const bool leads = session_.rank() == 0;
  RONDE_RETURN_IF_ERROR(session_.AgreeOnStatus(leads ? store_.Begin(manifest.step) : Status::Ok()));
  const Result<std::vector<CheckpointFile>> written =
      WriteMine(store_.UnfinishedPath(manifest.step));
  Status status = session_.AgreeOnStatus(written.status());
  if (status.ok()) {
    manifest.ronde_version = VersionString();
    manifest.ranks = session_.size();
    manifest.previous_learning_rates = PreviousLearningRates(replica_);
    RONDE_RETURN_IF_ERROR(Gather(written.value(), manifest));
    status = session_.AgreeOnStatus(leads ? store_.Finish(manifest) : Status::Ok());
  }
  if (!status.ok() && leads) store_.Discard(manifest.step);
  return status;
}

Status Restore(const ResumePoint& point, Replica& replica) {
  RONDE_RETURN_IF_ERROR(ForEachWorker(replica.workers(), [&](int worker) {
    return ReadState(PathIn(point.folder, WorkerFileName(replica.first_worker() + worker)),
                     WorkerState(*replica.model(), replica.optimizer()));
  }));
  const NamedTensors shared = replica.algorithm().State();
  if (!shared.empty()) {
    RONDE_RETURN_IF_ERROR(ReadState(PathIn(point.folder, kSharedFileName), shared));
  }
  auto* classic = dynamic_cast<ClassicSgd*>(&replica.optimizer());
  if (classic != nullptr) {
    classic->set_previous_learning_rates(point.manifest.previous_learning_rates);
  }
  return Status::Ok();
}

}  // namespace ronde
