#include "core/control/stall_inspector.h"

#include <algorithm>
#include <iomanip>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kMaxNamed = 5;  // a line stays readable when a whole model stalls

std::int64_t ToNs(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

// "rank 3", "ranks 0, 2", "ranks 0-5, 7".
std::string RanksText(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    std::size_t last = i;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    text += StrCat(i == 0 ? "" : ", ", ranks[i]);
    if (last - i < 2) continue;
    text += StrCat("-", ranks[last]);
    i = last;
  }
  return text;
}

// `names` of the tensors that wait for the same ranks as `longest`, which is the first of them.
std::string StallText(const WaitingTensor& longest, const std::vector<std::string>& names,
                      std::int64_t now_ns) {
  const double seconds = static_cast<double>(now_ns - longest.since_ns) * 1e-9;
  const bool one = names.size() == 1;
  std::string text = one ? "tensor " : "tensors ";
  for (std::size_t i = 0; i < names.size(); ++i)
    text += StrCat(i == 0 ? "'" : ", '", names[i], "'");
  if (longest.set != kWorld) text += StrCat(" of process set ", longest.set);
  return StrCat(text, one ? " was" : " were", " submitted by ", RanksText(longest.waiting), " ",
                one ? "" : "up to ", std::fixed, std::setprecision(1), seconds, " s ago but ",
                longest.lack.empty() ? "not by " + RanksText(longest.missing) : longest.lack);
}

bool WaitAlike(const WaitingTensor& a, const WaitingTensor& b) {
  return a.set == b.set && a.waiting == b.waiting && a.missing == b.missing && a.lack == b.lack;
}

// One clause for all that wait for the same ranks; kMaxNamed names in all.
std::string StallsText(const std::vector<const WaitingTensor*>& stalled, std::int64_t now_ns) {
  const std::size_t named = std::min(stalled.size(), kMaxNamed);
  std::vector<bool> said(named, false);
  std::string text = "stalled: ";
  for (std::size_t i = 0; i < named; ++i) {
    if (said[i]) continue;
    std::vector<std::string> names;
    for (std::size_t k = i; k < named; ++k) {
      if (!WaitAlike(*stalled[k], *stalled[i])) continue;
      said[k] = true;
      names.push_back(stalled[k]->name);
    }
    text += StrCat(i == 0 ? "" : "; ", StallText(*stalled[i], names, now_ns));
  }
  if (stalled.size() > named) text += StrCat("; and ", stalled.size() - named, " more");
  return text;
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
  std::set<std::tuple<int, std::string, std::int64_t>> warned;
  std::vector<const WaitingTensor*> stalled;  // newly
  std::vector<const WaitingTensor*> given_up;
  for (const WaitingTensor& tensor : waiting) {
    const std::int64_t waited_ns = now_ns - tensor.since_ns;
    if (shutdown_ns_ > 0 && waited_ns >= shutdown_ns_) given_up.push_back(&tensor);
    if (warning_ns_ == 0 || waited_ns < warning_ns_) continue;
    const auto [entry, added] = warned.emplace(tensor.set, tensor.name, tensor.since_ns);
    if (added && !warned_.contains(*entry)) stalled.push_back(&tensor);
  }
  warned_ = std::move(warned);
  if (!given_up.empty()) {
    return Status::Aborted(StrCat(StallsText(given_up, now_ns),
                                  "; the limit is --stall-shutdown-s ",
                                  static_cast<double>(shutdown_ns_) * 1e-9));
  }
  if (!stalled.empty()) {
    warn_(StrCat(StallsText(stalled, now_ns),
                 " (submit the same names on all ranks; --stall-shutdown-s can end such a job)"));
  }
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
