#include "bench/collectives/calibration_file.h"

#include <cstdio>

#include "core/base/strcat.h"
#include "core/comm/topology_file.h"

namespace ronde::bench {
namespace {

// What is written first has a name of its own, which nobody gave.
Status WriteOrName(const TuningFile& file, const std::string& path) {
  if (WriteTuningFile(file, path).ok()) return Status::Ok();
  return Status::InvalidArgument(
      StrCat("--calibrate: cannot write '", path, "'; does its folder exist?"));
}

}  // namespace

Result<CalibrationFile> CalibrationFile::Open(DirectRunner& direct, const Config& config,
                                              const std::string& path) {
  if (direct.size() == 1) {
    return Status::InvalidArgument(
        "--calibrate measures several ranks; start it as `ronderun -np N ronde-bench --calibrate`");
  }
  CalibrationFile opened(direct, path);
  const auto open = [&]() -> Status {
    if (direct.rank() != 0) return Status::Ok();
    RONDE_ASSIGN_OR_RETURN(const Topology topology, TopologyFor(config));
    RONDE_ASSIGN_OR_RETURN(opened.file_,
                           TuningFileToExtend(path, MachineKey(topology), "--calibrate"));
    return WriteOrName(opened.file_, path);
  };
  RONDE_RETURN_IF_ERROR(direct.Agree(open()));
  return opened;
}

Tuning CalibrationFile::EntryOfTheseRanks() const {
  const int hosts = direct_->context().communicator().host_count();
  const Tuning* const old = file_.Find(direct_->size(), hosts);
  if (old != nullptr) return *old;
  Tuning tuning;
  tuning.ranks = direct_->size();
  tuning.hosts = hosts;
  tuning.costs = direct_->context().costs();
  return tuning;
}

Status CalibrationFile::Write(Tuning tuning) {
  tuning.date = TuningDate();
  file_.Put(std::move(tuning));
  const Status written = direct_->rank() == 0 ? WriteOrName(file_, path_) : Status::Ok();
  if (direct_->rank() == 0 && written.ok()) {
    std::fprintf(stderr, "ronde-bench: wrote %s; use it with --tuning-file %s\n", path_.c_str(),
                 path_.c_str());
  }
  return direct_->Agree(written);
}

}  // namespace ronde::bench
