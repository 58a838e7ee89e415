#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "frontends/resnet/checkpoint/trajectory.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/resnet/metrics.h"

namespace ronde {

inline constexpr char kManifestName[] = "manifest.json";
inline constexpr char kSharedFileName[] = "shared.safetensors";
/// "worker-0007.safetensors".
[[nodiscard]] std::string WorkerFileName(int worker);

/// A file of a checkpoint as it was written.
struct CheckpointFile {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::uint32_t crc32 = 0;
};

/// The figures of an epoch that has begun, so that its row of the log counts every step once.
struct RunningEpoch {
  EpochRecord record;  ///< rank 0's, so far
  std::vector<MetricSums> workers;
  /// One per average of the weights: the sum over the ranks that wrote it, which is exact.
  std::vector<double> divergence_sums;
};

/// What a checkpoint holds beside tensors, and how to tell that its files are whole.
///
/// Position: batches and augmentation are functions of (seed, epoch, step in epoch, worker) and the
/// place in a window of local steps is a function of the step, so these numbers are all that
/// sampler, random numbers, schedule and window need.
struct Manifest {
  std::string ronde_version;
  std::int64_t step = 0;           ///< completed, over all epochs
  int epochs_completed = 0;        ///< evaluated too
  std::int64_t step_in_epoch = 0;  ///< completed in the epoch after; 0 between epochs
  int workers = 1;                 ///< K
  int ranks = 1;                   ///< that wrote it; any divisor of K may read it
  /// Of ClassicSgd, one per parameter group, the unit of its momentum; empty for other optimizers.
  std::vector<double> previous_learning_rates;
  Trajectory trajectory;
  std::vector<CheckpointFile> files;  ///< workers in order, then the shared one if there is one
  std::vector<EpochRecord> records;   ///< one per completed epoch
  std::optional<RunningEpoch> running;
};

/// JSON; its last member is the CRC-32 of all bytes before that member's line.
[[nodiscard]] std::string FormatManifest(const Manifest& manifest);
/// Takes only what FormatManifest makes, of this format version, unchanged. Error:
/// kInvalidArgument, one line without the file's name.
[[nodiscard]] Result<Manifest> ParseManifest(std::string_view text);

/// `body` (JSON up to, and without, the closing brace) with its checksum and that brace.
[[nodiscard]] std::string SignManifest(std::string_view body);

}  // namespace ronde
