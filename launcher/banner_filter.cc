#include "launcher/banner_filter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "launcher/banner_text.h"

namespace ronde {
namespace {

constexpr std::size_t kRuleDashes = 74;
constexpr std::size_t kMaxLineBytes = 1024;
constexpr std::size_t kMaxRecordBytes = 4096;
constexpr std::size_t kMaxBoxBytes = 8192;
// In mid-line fewer dashes than these are taken for text and passed on at once.
constexpr std::size_t kSuspiciousDashes = 8;

const std::string& Rule() {
  static const std::string rule = std::string(kRuleDashes, '-') + "\n";
  return rule;
}

// How many bytes at the end of `text` may be the beginning of `pattern`.
std::size_t PartialMatch(std::string_view text, std::string_view pattern) {
  for (std::size_t size = std::min(text.size(), pattern.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == pattern.substr(0, size)) return size;
  }
  return 0;
}

// Where the next line begins that may be noise; the size of `text` where there is none.
std::size_t NextSuspiciousLine(std::string_view text) {
  for (std::size_t newline = text.find('\n'); newline != text.npos;
       newline = text.find('\n', newline + 1)) {
    if (newline + 1 < text.size() && MayBeginNoise(text[newline + 1])) return newline + 1;
  }
  return text.size();
}

}  // namespace

std::string BannerFilter::Feed(std::string_view bytes) {
  held_ += bytes;
  std::string out;
  while (!held_.empty()) {
    const Verdict verdict = Judge();
    if (verdict.kind == Verdict::Kind::kWait) break;
    if (verdict.kind == Verdict::Kind::kPass) {
      Pass(verdict.size, &out);
    } else {
      held_.erase(0, verdict.size);
      at_line_start_ = true;
    }
  }
  return out;
}

std::string BannerFilter::Flush() {
  std::string out;
  Pass(held_.size(), &out);
  return out;
}

std::vector<RankFailure> BannerFilter::TakeFailures() { return std::exchange(failures_, {}); }

std::vector<FailureCause> BannerFilter::TakeCauses() { return std::exchange(causes_, {}); }

std::vector<StartRecord> BannerFilter::TakeStarts() { return std::exchange(starts_, {}); }

void BannerFilter::Pass(std::size_t size, std::string* out) {
  if (size == 0) return;
  at_line_start_ = held_[size - 1] == '\n';
  out->append(held_, 0, size);
  held_.erase(0, size);
}

BannerFilter::Verdict BannerFilter::Judge() {
  if (held_.front() == kFailureRecordMark.front()) return JudgeRecord();
  if (held_.compare(0, Rule().size(), Rule()) == 0) return JudgeBox();
  if (at_line_start_ && MayBeginNoise(held_.front())) return JudgeLine();

  // Plain text: pass all of it up to where something of interest may begin.
  std::size_t end = std::min(
      {NextSuspiciousLine(held_), held_.find(kFailureRecordMark.front()), held_.find(Rule())});
  if (end < held_.size()) return {Verdict::Kind::kPass, end};
  const std::size_t partial = PartialMatch(held_, Rule());
  const std::size_t start = held_.size() - partial;
  const bool line_start = start == 0 ? at_line_start_ : held_[start - 1] == '\n';
  if (partial > 0 && (line_start || partial >= kSuspiciousDashes)) end = start;
  return end == 0 ? Verdict{} : Verdict{Verdict::Kind::kPass, end};
}

BannerFilter::Verdict BannerFilter::JudgeRecord() {
  const std::size_t newline = held_.find('\n');
  if (newline == std::string::npos) {
    if (held_.size() > kMaxRecordBytes) return {Verdict::Kind::kPass, 1};
    return {};
  }
  const std::string_view line = std::string_view(held_).substr(0, newline);
  if (std::optional<FailureCause> cause = ParseCauseRecord(line)) {
    causes_.push_back(*std::move(cause));
  } else if (std::optional<RankFailure> failure = ParseFailureRecord(line)) {
    failures_.push_back(*std::move(failure));
  } else if (std::optional<StartRecord> start = ParseStartRecord(line)) {
    starts_.push_back(*std::move(start));
  } else {
    return {Verdict::Kind::kPass, 1};
  }
  return {Verdict::Kind::kDrop, newline + 1};
}

BannerFilter::Verdict BannerFilter::JudgeBox() {
  const std::size_t begin = Rule().size();
  const std::size_t newline = held_.find('\n', begin);
  if (newline == std::string::npos) {
    return held_.size() > kMaxLineBytes ? Verdict{Verdict::Kind::kPass, begin} : Verdict{};
  }
  const std::string_view first_line = std::string_view(held_).substr(begin, newline - begin);
  if (!IsBannerFirstLine(first_line)) return {Verdict::Kind::kPass, begin};
  const std::size_t end = held_.find(Rule(), begin);
  if (end == std::string::npos) {
    return held_.size() > kMaxBoxBytes ? Verdict{Verdict::Kind::kPass, begin} : Verdict{};
  }
  std::optional<RankFailure> failure =
      ParseBanner(std::string_view(held_).substr(begin, end - begin));
  if (failure) failures_.push_back(*std::move(failure));
  std::size_t size = end + Rule().size();
  // Open MPI 5 sends the text's final NUL along.
  if (size < held_.size() && held_[size] == '\0') ++size;
  // A kept box is passed whole: its closing rule must not be taken for an opening one.
  return {mode_ == Mode::kKeep ? Verdict::Kind::kPass : Verdict::Kind::kDrop, size};
}

BannerFilter::Verdict BannerFilter::JudgeLine() {
  const std::size_t newline = held_.find('\n');
  if (newline == std::string::npos) {
    if (held_.size() > kMaxLineBytes || !MayBeNoiseLine(held_)) {
      at_line_start_ = false;
      return {Verdict::Kind::kPass, 1};
    }
    return {};
  }
  const bool noise = IsNoiseLine(std::string_view(held_).substr(0, newline));
  const bool drops = noise && mode_ == Mode::kQuiet;
  return {drops ? Verdict::Kind::kDrop : Verdict::Kind::kPass, newline + 1};
}

}  // namespace ronde
