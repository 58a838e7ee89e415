#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/failure_cause.h"
#include "core/base/start_record.h"
#include "launcher/rank_failure.h"

namespace ronde {

/// Takes mpirun's or srun's own noise out of a stream that also carries the ranks' stderr: the
/// boxed help texts about ranks that ended badly, their "[host:pid] ..." companions, PMIx errors
/// and words on forwarded signals. What they say about ranks is kept as RankFailure, as are the
/// guards' records, what ranks say of a failed job as FailureCause, and how far ranks have come as
/// StartRecord. Every other byte passes unchanged and in order: help texts that are not recognised,
/// rules of dashes that a program prints, and "\r" progress lines at once. Pure: no I/O, no clock.
class BannerFilter {
 public:
  enum class Mode {
    kQuiet,  ///< drops banners and records
    kKeep,   ///< drops records only
  };

  explicit BannerFilter(Mode mode = Mode::kQuiet) : mode_(mode) {}

  /// Adds bytes as they came and returns those that can be passed on now. What may still turn out
  /// to be a banner is held back.
  [[nodiscard]] std::string Feed(std::string_view bytes);

  /// Gives up on what is held back and returns it: at the end, or when the stream has been silent
  /// (mpirun writes a banner in one piece).
  [[nodiscard]] std::string Flush();

  [[nodiscard]] bool HoldsBytes() const { return !held_.empty(); }

  /// Since the last call, in order of arrival. Those read from a banner have time_ns 0 and
  /// said_by_mpirun set.
  [[nodiscard]] std::vector<RankFailure> TakeFailures();
  /// Since the last call, in order of arrival.
  [[nodiscard]] std::vector<FailureCause> TakeCauses();
  /// Since the last call, in order of arrival.
  [[nodiscard]] std::vector<StartRecord> TakeStarts();

 private:
  // What to do with the start of held_.
  struct Verdict {
    enum class Kind { kPass, kDrop, kWait } kind = Kind::kWait;
    std::size_t size = 0;
  };

  Verdict Judge();
  Verdict JudgeRecord();
  Verdict JudgeBox();
  Verdict JudgeLine();
  void Pass(std::size_t size, std::string* out);

  Mode mode_;
  std::string held_;
  bool at_line_start_ = true;
  std::vector<RankFailure> failures_;
  std::vector<FailureCause> causes_;
  std::vector<StartRecord> starts_;
};

}  // namespace ronde
