#include "frontends/resnet/checkpoint/store.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/checkpoint/verify.h"
#include "frontends/resnet/weights/output_file.h"

namespace ronde {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kUnfinishedSuffix = ".tmp";

std::optional<std::int64_t> StepOf(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t step = -1;
  const char* const end = name.data() + name.size();
  const auto [next, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  const bool is_ours = error == std::errc() && next == end && step >= 0;
  if (!is_ours || CheckpointName(step) != name) return std::nullopt;
  return step;
}

bool IsUnfinished(const std::string& name) {
  return name.starts_with(StrCat(".", kPrefix)) && name.ends_with(kUnfinishedSuffix);
}

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

Status CannotWrite(const std::string& path, const std::error_code& error) {
  return Status::Unavailable(StrCat(path, ": cannot be written: ", error.message()));
}

Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  return error ? CannotWrite(to, error) : Status::Ok();
}

Status WriteManifest(const Manifest& manifest, const std::string& folder) {
  const std::string text = FormatManifest(manifest);
  RONDE_ASSIGN_OR_RETURN(OutputFile file,
                         OutputFile::Create((fs::path(folder) / kManifestName).string()));
  RONDE_RETURN_IF_ERROR(file.Write(text.data(), text.size()));
  return file.Finish();
}

}  // namespace

std::string CheckpointName(std::int64_t step) {
  char name[40];
  std::snprintf(name, sizeof(name), "step-%09lld", static_cast<long long>(step));
  return name;
}

std::vector<std::int64_t> ListCheckpoints(const std::string& folder) {
  std::vector<std::int64_t> steps;
  for (const std::string& name : NamesIn(folder)) {
    if (const std::optional<std::int64_t> step = StepOf(name)) steps.push_back(*step);
  }
  std::sort(steps.begin(), steps.end(), std::greater<>());
  return steps;
}

CheckpointStore::CheckpointStore(std::string folder, int keep_last)
    : folder_(std::move(folder)), keep_last_(keep_last) {}

Status CheckpointStore::MakeWritable(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const auto bad = [&folder](const std::string& why) {
    return Status::InvalidArgument(
        StrCat("--checkpoint-dir: ", folder, ": ", why, "; name a folder that can be written"));
  };
  if (error) return bad(StrCat("cannot be made: ", error.message()));
  const std::string probe = (fs::path(folder) / StrCat(".step-probe-", getpid(), ".tmp")).string();
  fs::create_directory(probe, error);
  if (error) return bad(StrCat("cannot be written: ", error.message()));
  fs::remove(probe, error);
  return Status::Ok();
}

std::string CheckpointStore::FinishedPath(std::int64_t step) const {
  return (fs::path(folder_) / CheckpointName(step)).string();
}

std::string CheckpointStore::UnfinishedPath(std::int64_t step) const {
  return (fs::path(folder_) / StrCat(".", CheckpointName(step), kUnfinishedSuffix)).string();
}

Status CheckpointStore::Begin(std::int64_t step) const {
  std::error_code error;
  for (const std::string& name : NamesIn(folder_)) {
    if (IsUnfinished(name)) fs::remove_all(fs::path(folder_) / name, error);
  }
  const std::string path = UnfinishedPath(step);
  fs::create_directories(path, error);
  return error ? CannotWrite(path, error) : Status::Ok();
}

// Written by other ranks, perhaps on other hosts, each of which said that it succeeded.
Status CheckpointStore::CheckFiles(const Manifest& manifest) const {
  const std::string folder = UnfinishedPath(manifest.step);
  for (const CheckpointFile& file : manifest.files) {
    std::error_code error;
    const auto size = fs::file_size(fs::path(folder) / file.name, error);
    if (!error && size == file.size_bytes) continue;
    return Status::Unavailable(
        StrCat(folder, "/", file.name, ": rank 0 does not see the ", file.size_bytes,
               " bytes that were written; --checkpoint-dir must be a folder that all hosts share"));
  }
  return Status::Ok();
}

Status CheckpointStore::Finish(const Manifest& manifest) const {
  RONDE_RETURN_IF_ERROR(CheckFiles(manifest));
  const std::string unfinished = UnfinishedPath(manifest.step);
  const std::string finished = FinishedPath(manifest.step);
  RONDE_RETURN_IF_ERROR(WriteManifest(manifest, unfinished));
  RONDE_RETURN_IF_ERROR(SyncFolder(unfinished));

  // One of this step may be there: damaged, or of a run that was taken up again further back.
  const std::string replaced = (fs::path(folder_) / StrCat(".", CheckpointName(manifest.step),
                                                           ".replaced", kUnfinishedSuffix))
                                   .string();
  std::error_code ignored;
  if (fs::exists(finished, ignored)) RONDE_RETURN_IF_ERROR(Rename(finished, replaced));
  const Status named = Rename(unfinished, finished);
  if (!named.ok()) {
    static_cast<void>(Rename(replaced, finished));
    return named;
  }
  RONDE_RETURN_IF_ERROR(SyncFolder(folder_));
  RONDE_RETURN_IF_ERROR(ReadManifest(finished).status());
  fs::remove_all(replaced, ignored);
  DeleteOld(manifest.step);
  return Status::Ok();
}

void CheckpointStore::Discard(std::int64_t step) const {
  std::error_code ignored;
  fs::remove_all(UnfinishedPath(step), ignored);
}

void CheckpointStore::DeleteOld(std::int64_t newest) const {
  int kept = 0;
  for (const std::int64_t step : ListCheckpoints(folder_)) {
    if (step > newest) continue;
    const bool damaged = step != newest && std::find(damaged_.begin(), damaged_.end(),
                                                     FinishedPath(step)) != damaged_.end();
    if (!damaged && ++kept <= keep_last_) continue;
    // First the name: a crash while files are being removed leaves no half of a checkpoint.
    const std::string hidden = UnfinishedPath(step);
    std::error_code ignored;
    if (Rename(FinishedPath(step), hidden).ok()) fs::remove_all(hidden, ignored);
  }
}

}  // namespace ronde
