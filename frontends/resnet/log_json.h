#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "core/base/status.h"
#include "frontends/resnet/epoch_record.h"
#include "frontends/resnet/options.h"

namespace ronde {

/// What is known of a run besides its options once it starts.
struct RunFacts {
  int ranks = 1;
  int threads = 1;  ///< per rank
  std::int64_t parameters = 0;
  std::int64_t training_images = 0;
  std::int64_t validation_images = 0;
  std::string device_name = "cpu";  ///< of rank 0
};

/// "real", or "stand-in 12 ms": what computes in place of the model.
[[nodiscard]] std::string ComputeText(const TrainOptions& options);
/// One line of JSON, without newline: {"event":"config", ...}.
[[nodiscard]] std::string ConfigJson(const TrainOptions& options, const RunFacts& facts);
/// {"event":"epoch", ...}; figures that were not taken are null.
[[nodiscard]] std::string EpochJson(const EpochRecord& record);

/// Writes lines to a file; each is there as a whole as soon as Write returns.
class JsonLinesFile {
 public:
  /// What is in the file stays until the first line is written: bad input found later loses no log.
  /// Error: kInvalidArgument naming the file when it cannot be written.
  [[nodiscard]] static Result<JsonLinesFile> Open(const std::string& path);
  /// Error: kUnavailable, naming the file (disk full).
  [[nodiscard]] Status Write(std::string_view line);

 private:
  std::string path_;
  std::ofstream file_;
  bool is_new_ = true;  // nothing has been written
};

}  // namespace ronde
