#include "frontends/resnet/checkpoint/prepare.h"

#include <unistd.h>

#include <filesystem>
#include <string_view>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/checkpoint/store.h"
#include "frontends/resnet/checkpoint/verify.h"

namespace ronde {
namespace {

namespace fs = std::filesystem;

constexpr char kAuto[] = "auto";

// Rank 0's text on all ranks; the others' is ignored.
Result<std::string> FromRankZero(Session& session, const std::string& mine) {
  std::string bytes = session.rank() == 0 ? mine : "";
  bytes += '\0';  // never nothing
  const TensorView view(bytes.data(), DataType::kUInt8, {static_cast<std::int64_t>(bytes.size())});
  const Handle handle = session.AllgatherAsync("checkpoint/text", view);
  RONDE_RETURN_IF_ERROR(handle.Wait());
  const OperationResult& result = handle.result();
  return std::string(reinterpret_cast<const char*>(result.gathered.data()),
                     static_cast<std::size_t>(result.rank_extents.front() - 1));
}

// Whether `path` is one of the checkpoints in `folder`, or `folder` itself.
bool LiesIn(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;
  return fs::equivalent(path, folder, ignored) || fs::equivalent(path / "..", folder, ignored);
}

Status CheckUnused(const CheckpointOptions& options) {
  const std::vector<std::int64_t> present = ListCheckpoints(options.dir);
  if (present.empty() || options.resume == kAuto) return Status::Ok();
  if (options.resumes() && LiesIn(options.resume, options.dir)) return Status::Ok();
  const std::string what = StrCat("--checkpoint-dir: ", options.dir, " holds checkpoints of ",
                                  options.resumes() ? "another run" : "a run",
                                  " already, the newest of step ", present.front(), "; ");
  return Status::InvalidArgument(
      StrCat(what, "go on from it with --resume auto, or name another folder"));
}

Status PrepareFolder(Session& session, const CheckpointOptions& options) {
  Status made = Status::Ok();
  if (session.rank() == 0) {
    made = CheckpointStore::MakeWritable(options.dir);
    if (made.ok()) made = CheckUnused(options);
  }
  RONDE_RETURN_IF_ERROR(session.AgreeOnStatus(made));
  Status seen = Status::Ok();
  if (access(options.dir.c_str(), W_OK | X_OK) != 0) {
    seen =
        Status::InvalidArgument(StrCat("--checkpoint-dir: ", options.dir, ": rank ", session.rank(),
                                       " cannot write to it; name a folder that all hosts share"));
  }
  return session.AgreeOnStatus(seen);
}

// The folders to try, newest first.
std::vector<std::string> Candidates(const std::string& folder) {
  std::vector<std::string> folders;
  for (const std::int64_t step : ListCheckpoints(folder)) {
    folders.push_back((fs::path(folder) / CheckpointName(step)).string());
  }
  return folders;
}

std::string Join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += text + '\0';
  return joined;
}

std::vector<std::string> Split(std::string_view joined) {
  std::vector<std::string> texts;
  while (!joined.empty()) {
    const std::size_t end = joined.find('\0');
    texts.emplace_back(joined.substr(0, end));
    joined.remove_prefix(end + 1);
  }
  return texts;
}

// Rank 0's manifest on all ranks; the same error on all.
Result<Manifest> SharedManifest(Session& session, const std::string& folder) {
  Result<std::string> mine = std::string();
  if (session.rank() == 0) mine = ReadManifestText(folder);
  RONDE_RETURN_IF_ERROR(session.AgreeOnStatus(mine.status()));
  RONDE_ASSIGN_OR_RETURN(const std::string text, FromRankZero(session, mine.value()));
  Result<Manifest> manifest = ParseManifest(text);
  if (manifest.ok()) return manifest;
  return Status::InvalidArgument(
      StrCat((fs::path(folder) / kManifestName).string(), ": ", manifest.status().message()));
}

// This rank's workers' files, and on rank 0 the shared one.
Status VerifyMine(const Session& session, const std::string& folder, const Manifest& manifest) {
  const int per_rank = manifest.workers / session.size();
  for (int worker = 0; worker < manifest.workers; ++worker) {
    if (worker / per_rank != session.rank()) continue;
    RONDE_RETURN_IF_ERROR(VerifyFile(folder, manifest.files[static_cast<std::size_t>(worker)]));
  }
  const bool has_shared = manifest.files.size() > static_cast<std::size_t>(manifest.workers);
  if (session.rank() != 0 || !has_shared) return Status::Ok();
  return VerifyFile(folder, manifest.files.back());
}

Status CheckFits(const std::string& folder, const Manifest& manifest, const RunShape& run) {
  RONDE_RETURN_IF_ERROR(CheckSameTrajectory(folder, manifest.trajectory, run.trajectory));
  const int begun = manifest.epochs_completed + (manifest.step_in_epoch > 0 ? 1 : 0);
  if (begun <= run.epochs && manifest.workers == run.workers) return Status::Ok();
  return Status::InvalidArgument(StrCat("--resume: ", folder, " was written in epoch ", begun,
                                        ", this run has --epochs ", run.epochs, "; give --epochs ",
                                        begun, " or more"));
}

struct Attempt {
  std::optional<ResumePoint> point;
  std::string damage;  // why there is none
};

// An error is one that an older checkpoint would not mend.
Result<Attempt> Try(Session& session, const std::string& folder, const RunShape& run) {
  Result<Manifest> manifest = SharedManifest(session, folder);
  if (!manifest.ok()) {
    RONDE_RETURN_IF_ERROR(session.status());
    return Attempt{std::nullopt, manifest.status().message()};
  }
  RONDE_RETURN_IF_ERROR(CheckFits(folder, manifest.value(), run));
  const Status whole = session.AgreeOnStatus(VerifyMine(session, folder, manifest.value()));
  if (!whole.ok()) {
    RONDE_RETURN_IF_ERROR(session.status());
    return Attempt{std::nullopt, whole.message()};
  }
  return Attempt{ResumePoint{folder, std::move(manifest).value()}, ""};
}

std::string Described(const ResumePoint& point) {
  const Manifest& manifest = point.manifest;
  std::string text = StrCat("resuming from ", point.folder, ": step ", manifest.step);
  if (manifest.step_in_epoch > 0) {
    return text + StrCat(", after ", manifest.step_in_epoch, " steps of epoch ",
                         manifest.epochs_completed + 1);
  }
  return text + StrCat(", after epoch ", manifest.epochs_completed);
}

Status NoneFound(const CheckpointOptions& options, const std::vector<std::string>& warnings) {
  const std::string why = warnings.empty() ? "there is no checkpoint" : warnings.front();
  return Status::InvalidArgument(
      StrCat("--resume: ", options.resume, ": ", why,
             "; name a checkpoint, or a folder of checkpoints, that is whole"));
}

std::string StartingAfresh(const CheckpointOptions& options, bool any) {
  return StrCat("no ", any ? "usable " : "", "checkpoint in ", options.dir, ": starting afresh");
}

}  // namespace

Result<CheckpointPlan> PrepareCheckpoints(Session& session, const CheckpointOptions& options,
                                          const RunShape& run) {
  if (options.writes()) RONDE_RETURN_IF_ERROR(PrepareFolder(session, options));
  CheckpointPlan plan;
  plan.trajectory = run.trajectory;
  if (!options.resumes()) return plan;

  const std::string from = options.resume == kAuto ? options.dir : options.resume;
  std::vector<std::string> mine;
  if (session.rank() == 0) mine = Candidates(from);
  if (session.rank() == 0 && mine.empty() && options.resume != kAuto) mine = {from};
  RONDE_ASSIGN_OR_RETURN(const std::string joined, FromRankZero(session, Join(mine)));
  const std::vector<std::string> candidates = Split(joined);
  for (const std::string& folder : candidates) {
    RONDE_ASSIGN_OR_RETURN(Attempt attempt, Try(session, folder, run));
    if (attempt.point) {
      plan.start = Described(*attempt.point);
      plan.resume = std::move(attempt.point);
      return plan;
    }
    plan.damaged.push_back(folder);
    plan.warnings.push_back(attempt.damage);
  }
  if (options.resume != kAuto) return NoneFound(options, plan.warnings);
  plan.start = StartingAfresh(options, !candidates.empty());
  return plan;
}

}  // namespace ronde
