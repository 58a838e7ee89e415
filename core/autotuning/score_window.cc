#include "core/autotuning/score_window.h"

#include <algorithm>

namespace ronde {
namespace {

// A name that has not come back for so long was used once, as in a broadcast at the start.
constexpr int kForgottenAfterOperations = 10'000;

}  // namespace

void ScoreWindow::Restart(int warmup_iterations) {
  skip_ = warmup_iterations + 1;
  iterations_ = 0;
  payload_bytes_ = 0;
  outstanding_ns_ = 0;
}

void ScoreWindow::AddOperation(std::string_view name) {
  if (!named_) first_name_ = name;
  named_ = true;
  if (name == marker_) {
    marked_ = true;
    operations_ = 0;
  }
  ++operations_;
}

bool ScoreWindow::BeginsIteration() {
  if (named_ && (marker_.empty() || operations_ > kForgottenAfterOperations)) {
    marker_ = first_name_;
    operations_ = 0;
    marked_ = true;
  }
  const bool begins = marked_ || !named_;
  named_ = false;
  marked_ = false;
  return begins;
}

std::optional<double> ScoreWindow::EndIteration() {
  if (skip_ > 0) {
    --skip_;
    return std::nullopt;
  }
  ++iterations_;
  if (iterations_ < iterations_needed_ || outstanding_ns_ < ns_needed_ || payload_bytes_ == 0) {
    return std::nullopt;
  }
  const double score =
      static_cast<double>(payload_bytes_) / (static_cast<double>(outstanding_ns_) * 1e-9);
  iterations_ = 0;
  payload_bytes_ = 0;
  outstanding_ns_ = 0;
  return score;
}

std::optional<double> ScoreWindow::AddList(std::uint64_t payload_bytes, std::int64_t begin_ns,
                                           std::int64_t end_ns) {
  std::optional<double> score;
  if (BeginsIteration()) score = EndIteration();
  const std::int64_t from_ns = std::max(begin_ns, counted_until_ns_);
  counted_until_ns_ = std::max(counted_until_ns_, end_ns);
  if (skip_ > 0) return score;
  payload_bytes_ += payload_bytes;
  outstanding_ns_ += std::max<std::int64_t>(0, end_ns - from_ns);
  return score;
}

}  // namespace ronde
