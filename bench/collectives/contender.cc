#include "bench/collectives/contender.h"

#include <algorithm>
#include <numeric>

#include "bench/collectives/data_pattern.h"

namespace ronde::bench {
namespace {

// What ran before (another library with threads of its own, a fill of unequal length) has moved
// ranks between cores and put them to sleep; it takes a scheduler some milliseconds to undo that.
constexpr double kSettlingUs = 3000;
constexpr double kMostSettling = 5000;

}  // namespace

Status Contender::Begin() {
  RONDE_RETURN_IF_ERROR(runner_.Begin());
  if (allocated_ && KeepsBuffers()) return Status::Ok();
  allocated_ = true;
  if (lender_ != nullptr && lender_->allocated_ && lender_->KeepsBuffers()) {
    buffers_ = lender_->buffers_;
    return Status::Ok();
  }
  return buffers_.Allocate(runner_, call_, registered_);
}

Status Contender::RunUntimed(const CollectiveCall& call, int times) {
  for (int i = 0; i < times; ++i) RONDE_RETURN_IF_ERROR(runner_.Run(call));
  return runner_.Finish();
}

Status Contender::WarmUp(DirectRunner& direct, int warmup) {
  if (!supported_) return Status::Ok();
  RONDE_RETURN_IF_ERROR(Begin());
  std::vector<double> times_us;
  for (int place = 0; place < places(); ++place) {
    const CollectiveCall call = buffers_.Call(runner_, call_, rank_, place == 1);
    RONDE_RETURN_IF_ERROR(buffers_.Fill(call, rank_));
    RONDE_RETURN_IF_ERROR(runner_.Prepare(call));
    if (algorithm_.empty()) algorithm_ = runner_.AlgorithmFor(call);
    RONDE_RETURN_IF_ERROR(RunUntimed(call, warmup));
    RONDE_RETURN_IF_ERROR(TimeCalls(runner_, call, {}, 3, times_us));
  }
  runner_.End();
  std::vector<double> least_us = {*std::min_element(times_us.begin(), times_us.end())};
  RONDE_RETURN_IF_ERROR(direct.Max(least_us));  // ranks must make equally many calls
  settling_calls_ = static_cast<int>(std::clamp(kSettlingUs / least_us[0], 1.0, kMostSettling));
  return Status::Ok();
}

Status Contender::TakeTurn(const TimingRules& rules, int samples) {
  if (!supported_) return Status::Ok();
  RONDE_RETURN_IF_ERROR(Begin());
  for (int place = 0; place < places(); ++place) {
    const CollectiveCall call = buffers_.Call(runner_, call_, rank_, place == 1);
    RONDE_RETURN_IF_ERROR(runner_.Prepare(call));
    // Repeated sums in place grow without bound; every turn starts from the pattern again.
    RONDE_RETURN_IF_ERROR(buffers_.Fill(call, rank_));
    RONDE_RETURN_IF_ERROR(RunUntimed(call, settling_calls_));
    RONDE_RETURN_IF_ERROR(TimeCalls(runner_, call, rules, samples, samples_[place]));
  }
  runner_.End();
  return Status::Ok();
}

Status Contender::Check(int times, int ranks, std::int64_t* wrong) {
  if (!supported_) return Status::Ok();
  RONDE_RETURN_IF_ERROR(Begin());
  for (int place = 0; place < places(); ++place) {
    const CollectiveCall call = buffers_.Call(runner_, call_, rank_, place == 1);
    RONDE_RETURN_IF_ERROR(runner_.Prepare(call));
    for (int i = 0; i < times; ++i) {
      RONDE_RETURN_IF_ERROR(buffers_.Fill(call, rank_));
      // A peer may still be writing into this rank's output of the call before.
      RONDE_RETURN_IF_ERROR(runner_.Barrier());
      RONDE_RETURN_IF_ERROR(RunUntimed(call, 1));
      RONDE_ASSIGN_OR_RETURN(const void* const result,
                             buffers_.ResultOf(call, runner_.Output(call)));
      wrong[place] += CountWrong(call, result, rank_, ranks);
    }
  }
  runner_.End();
  return Status::Ok();
}

Status Contender::Summarize(DirectRunner& direct, Timing* timing) {
  if (!supported_) return Status::Ok();
  for (int place = 0; place < places(); ++place) {
    std::vector<double>& samples = samples_[place];
    const double mine =
        std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
    std::vector<double> sum = {mine};
    std::vector<double> extremes = {mine, -mine};
    RONDE_RETURN_IF_ERROR(direct.Sum(sum));
    RONDE_RETURN_IF_ERROR(direct.Max(extremes));
    RONDE_RETURN_IF_ERROR(direct.Max(samples));
    timing[place] = bench::Summarize(samples);
    timing[place].rank_average_us = sum[0] / direct.size();
    timing[place].rank_most_us = extremes[0];
    timing[place].rank_least_us = -extremes[1];
  }
  return Status::Ok();
}

}  // namespace ronde::bench
