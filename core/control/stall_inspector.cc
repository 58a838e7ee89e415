#include "core/control/stall_inspector.h"

#include <algorithm>
#include <iomanip>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kMaxNamed = 8;  // a warning stays readable when a whole model stalls

std::int64_t ToNs(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

std::string RanksText(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) text += StrCat(i == 0 ? "" : ", ", ranks[i]);
  return text;
}

std::string StallText(const WaitingTensor& tensor, std::int64_t now_ns) {
  const double seconds = static_cast<double>(now_ns - tensor.since_ns) * 1e-9;
  return StrCat("tensor '", tensor.name, "' was submitted by ", RanksText(tensor.waiting), " ",
                std::fixed, std::setprecision(1), seconds, " s ago but not by ",
                RanksText(tensor.missing));
}

std::string WarningText(const std::vector<const WaitingTensor*>& stalled, std::int64_t now_ns) {
  std::string text = "stalled: ";
  for (std::size_t i = 0; i < std::min(stalled.size(), kMaxNamed); ++i) {
    text += StrCat(i == 0 ? "" : "; ", StallText(*stalled[i], now_ns));
  }
  if (stalled.size() > kMaxNamed) text += StrCat("; and ", stalled.size() - kMaxNamed, " more");
  return text + " (submit the same names on all ranks; --stall-shutdown-s can end such a job)";
}

}  // namespace

StallInspector::StallInspector(const Clock& clock, double warning_s, double shutdown_s, Warn warn)
    : clock_(clock),
      warning_ns_(ToNs(warning_s)),
      shutdown_ns_(ToNs(shutdown_s)),
      warn_(warn ? std::move(warn)
                 : [](const std::string& text) { Log(LogLevel::kWarning, text); }),
      last_check_ns_(clock.NowNs()) {}

Status StallInspector::Check(std::span<const WaitingTensor> waiting) {
  const std::int64_t now_ns = clock_.NowNs();
  last_check_ns_ = now_ns;
  std::map<std::string, std::int64_t> warned;
  std::vector<const WaitingTensor*> stalled;
  for (const WaitingTensor& tensor : waiting) {
    const std::int64_t waited_ns = now_ns - tensor.since_ns;
    if (shutdown_ns_ > 0 && waited_ns >= shutdown_ns_) {
      return Status::Aborted(StrCat("stalled: ", StallText(tensor, now_ns),
                                    "; the limit is --stall-shutdown-s ",
                                    static_cast<double>(shutdown_ns_) * 1e-9));
    }
    if (warning_ns_ == 0 || waited_ns < warning_ns_) continue;
    const auto known = warned_.find(tensor.name);
    if (known == warned_.end() || known->second != tensor.since_ns) stalled.push_back(&tensor);
    warned[tensor.name] = tensor.since_ns;
  }
  warned_ = std::move(warned);
  if (!stalled.empty()) warn_(WarningText(stalled, now_ns));
  return Status::Ok();
}

std::int64_t StallInspector::NextCheckNs(std::int64_t since_ns) const {
  std::int64_t limit_ns = INT64_MAX;
  for (const std::int64_t enabled_ns : {warning_ns_, shutdown_ns_}) {
    if (enabled_ns > 0) limit_ns = std::min(limit_ns, enabled_ns);
  }
  if (limit_ns == INT64_MAX) return INT64_MAX;
  return std::max(since_ns + limit_ns, last_check_ns_ + limit_ns / 4);
}

}  // namespace ronde
