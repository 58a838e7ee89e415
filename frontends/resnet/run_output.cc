#include "frontends/resnet/run_output.h"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/plot.h"

namespace ronde {
namespace {

Status CheckFolder(const std::string& flag, const std::string& path) {
  namespace fs = std::filesystem;
  if (path.empty()) return Status::Ok();
  fs::path folder = fs::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    return Status::InvalidArgument(
        StrCat(flag, ": ", path, ": the folder ", folder.string(), " does not exist; make it"));
  }
  if (fs::is_directory(path, ignored)) {
    return Status::InvalidArgument(StrCat(flag, ": ", path, " is a folder; expected a file"));
  }
  if (access(folder.c_str(), W_OK) != 0) {
    return Status::InvalidArgument(
        StrCat(flag, ": ", path, ": the folder ", folder.string(), " cannot be written"));
  }
  return Status::Ok();
}

}  // namespace

Result<RunOutput> RunOutput::Open(const TrainOptions& options, int rank) {
  RunOutput output;
  if (rank != 0) return output;
  const std::array<std::pair<const char*, std::string>, 3> files = {
      {{"--log-json", options.log_json}, {"--plot", options.plot}, {"--save", options.save}}};
  for (const auto& [flag, path] : files) RONDE_RETURN_IF_ERROR(CheckFolder(flag, path));

  output.plot_path_ = options.plot;
  output.log_path_ = options.log_json;
  if (options.log_json.empty() && !options.plot.empty()) {
    output.log_path_ = options.plot + ".jsonl.tmp";
    output.log_is_temporary_ = true;
  }
  if (!output.log_path_.empty()) {
    RONDE_ASSIGN_OR_RETURN(output.log_, JsonLinesFile::Open(output.log_path_));
  }
  return output;
}

Status RunOutput::Write(const std::string& json_line) {
  return log_ ? log_->Write(json_line) : Status::Ok();
}

Status RunOutput::Finish() {
  if (plot_path_.empty()) return Status::Ok();
  Status status = DrawPlot(log_path_, plot_path_);
  Abandon();
  return status;
}

void RunOutput::Abandon() {
  if (log_is_temporary_) std::remove(log_path_.c_str());
}

}  // namespace ronde
