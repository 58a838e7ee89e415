#pragma once

#include <string>
#include <utility>

#include "bench/collectives/direct_runner.h"
#include "collectives/tuning_file.h"
#include "core/base/config.h"
#include "core/base/status.h"

namespace ronde::bench {

/// The tuning file that a calibration extends. All calls are collective; rank 0 has the file.
class CalibrationFile {
 public:
  /// Before the measurement: nobody should wait for a file that cannot be written. Errors:
  /// kInvalidArgument for one rank alone, for a file that is no tuning file, or cannot be written.
  [[nodiscard]] static Result<CalibrationFile> Open(DirectRunner& direct, const Config& config,
                                                    const std::string& path);

  /// What the file has for these ranks and hosts, on rank 0; else an entry with the costs in use.
  [[nodiscard]] Tuning EntryOfTheseRanks() const;

  /// With today's date in place of what was there for these ranks; says so on stderr.
  Status Write(Tuning tuning);

 private:
  CalibrationFile(DirectRunner& direct, std::string path)
      : direct_(&direct), path_(std::move(path)) {}

  DirectRunner* direct_;
  std::string path_;
  TuningFile file_;
};

}  // namespace ronde::bench
