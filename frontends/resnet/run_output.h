#pragma once

#include <optional>
#include <string>

#include "core/base/status.h"
#include "frontends/resnet/log_json.h"
#include "frontends/resnet/options.h"

namespace ronde {

/// The files that rank 0 writes: log, plot, and the folder of the saved model, all checked before
/// training starts. Other ranks hold an empty one. Thread rule: one thread.
class RunOutput {
 public:
  /// Opens the log. Error: kInvalidArgument naming the flag and the file or its missing folder.
  [[nodiscard]] static Result<RunOutput> Open(const TrainOptions& options, int rank);

  /// Adds a line to the log, if there is one. Error: kUnavailable.
  [[nodiscard]] Status Write(const std::string& json_line);
  /// Draws the plot, if asked for. Error: kUnavailable: no plot, and why.
  [[nodiscard]] Status Finish();
  /// Instead of Finish() where the run was stopped: no plot, but the log stays.
  void Abandon();

 private:
  std::optional<JsonLinesFile> log_;
  std::string log_path_;
  std::string plot_path_;
  bool log_is_temporary_ = false;  // made only for the plot
};

}  // namespace ronde
