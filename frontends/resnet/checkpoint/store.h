#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "frontends/resnet/checkpoint/manifest.h"

namespace ronde {

/// "step-000000123".
[[nodiscard]] std::string CheckpointName(std::int64_t step);

/// The steps of the finished checkpoints in `folder`, whole or damaged, newest first; none where
/// there is no such folder.
[[nodiscard]] std::vector<std::int64_t> ListCheckpoints(const std::string& folder);

/// A folder of checkpoints, on the side that writes. A checkpoint is written under a hidden name
/// and gets its own only when all of it is on the disk, so a crash at any moment leaves the older
/// ones as they are. All ranks may ask for names; only rank 0 begins, finishes and deletes.
/// Errors: kUnavailable naming the file. Thread rule: one thread.
class CheckpointStore {
 public:
  /// `keep_last` at least 1.
  CheckpointStore(std::string folder, int keep_last);

  /// Makes the folder if need be and tries whether files can be made in it. Error:
  /// kInvalidArgument.
  [[nodiscard]] static Status MakeWritable(const std::string& folder);

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string FinishedPath(std::int64_t step) const;
  /// Where the files of a checkpoint go until it is finished.
  [[nodiscard]] std::string UnfinishedPath(std::int64_t step) const;

  /// Removes what unfinished checkpoints have left and makes an empty folder for this one.
  [[nodiscard]] Status Begin(std::int64_t step) const;
  /// To be called when the files that `manifest` lists are on the disk: adds the manifest, gives
  /// the folder its name and reads the manifest back. Then deletes what is older than the newest
  /// `keep_last`; checkpoints of later steps stay.
  [[nodiscard]] Status Finish(const Manifest& manifest) const;
  /// Removes an unfinished checkpoint, as far as that goes.
  void Discard(std::int64_t step) const;
  /// The checkpoint in `folder` is damaged: it does not count among those kept and goes with the
  /// next deletion.
  void MarkDamaged(std::string folder) { damaged_.push_back(std::move(folder)); }

 private:
  [[nodiscard]] Status CheckFiles(const Manifest& manifest) const;
  void DeleteOld(std::int64_t newest) const;

  std::string folder_;
  int keep_last_;
  std::vector<std::string> damaged_;
};

}  // namespace ronde
