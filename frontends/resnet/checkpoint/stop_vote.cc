#include "frontends/resnet/checkpoint/stop_vote.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

double Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

}  // namespace

struct StopVote::Ballot {
  // Shared with the engine, which may still be in the callback when the wait is over; 0: not yet.
  // Relaxed: only the value matters.
  using Seconds = std::shared_ptr<std::atomic<double>>;

  std::int32_t signal = 0;
  double cast_at_s = 0;
  Seconds arrived_at_s = std::make_shared<std::atomic<double>>(0);
  Handle handle;

  [[nodiscard]] double SecondsOutstanding() const {
    const double arrived = arrived_at_s->load(std::memory_order_relaxed);
    return (arrived > 0 ? arrived : ronde::Now()) - cast_at_s;
  }
};

StopVote::StopVote(Session& session, std::function<int()> requested)
    : session_(session), requested_(std::move(requested)) {}

// The engine may still write into a ballot: wait, whatever comes of it.
StopVote::~StopVote() {
  for (const auto& ballot : pending_) static_cast<void>(ballot->handle.Wait());
}

Result<int> StopVote::AfterStep(std::int64_t lag) {
  if (session_.size() == 1) return requested_();
  RONDE_ASSIGN_OR_RETURN(const int earlier, ReadUntil(std::max<std::int64_t>(lag - 1, 0)));
  Cast(lag);
  if (lag > 0) return earlier;
  RONDE_ASSIGN_OR_RETURN(const int now, ReadUntil(0));
  return std::max(earlier, now);
}

void StopVote::Cast(std::int64_t lag) {
  auto ballot = std::make_unique<Ballot>();
  ballot->signal = requested_();
  ballot->cast_at_s = ronde::Now();
  const TensorView view(&ballot->signal, DataType::kInt32, {1});
  // As few names as can be in flight at once: steps that submit the same names are quickest.
  const std::uint64_t slot = cast_ % static_cast<std::uint64_t>(std::max<std::int64_t>(lag, 1));
  ballot->handle = session_.AllreduceAsync(StrCat("checkpoint/stop.", lag, ".", slot), view, view,
                                           {ReduceOp::kMax});
  ballot->handle.OnComplete([arrived = ballot->arrived_at_s](const Status&) {
    arrived->store(ronde::Now(), std::memory_order_relaxed);
  });
  ++cast_;
  pending_.push_back(std::move(ballot));
}

Result<int> StopVote::ReadUntil(std::int64_t pending) {
  int signal = 0;
  while (static_cast<std::int64_t>(pending_.size()) > pending) {
    Ballot& ballot = *pending_.front();
    RONDE_RETURN_IF_ERROR(ballot.handle.Wait());
    signal = std::max(signal, static_cast<int>(ballot.signal));
    seconds_outstanding_ += ballot.SecondsOutstanding();
    pending_.pop_front();
  }
  return signal;
}

}  // namespace ronde
