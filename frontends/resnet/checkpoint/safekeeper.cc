#include "frontends/resnet/checkpoint/safekeeper.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/strcat.h"
#include "frontends/resnet/signals.h"
#include "frontends/torch/error.h"

namespace ronde {
namespace {

// In the minibatch phase ranks are in step anyway; local steps must not wait for each other.
constexpr std::int64_t kMinibatchLag = 1;
constexpr std::int64_t kLongestLag = 8;

}  // namespace

Safekeeper::Safekeeper(Session& session, Replica& replica, const CheckpointOptions& options,
                       const CheckpointPlan& plan, std::int64_t steps_in_window)
    : session_(session),
      replica_(replica),
      options_(options),
      trajectory_(plan.trajectory),
      local_lag_(std::min(steps_in_window, kLongestLag)),
      checkpointer_(session, replica, options, plan.damaged),
      vote_(session, &RequestedStop) {}

void Safekeeper::Note(const Result<int>& signal) {
  ThrowIfError(signal.status());
  stop_signal_ = std::max(stop_signal_, signal.value());
}

bool Safekeeper::IsDue(std::int64_t step, bool is_last) {
  if (!options_.writes()) return false;
  const bool is_local = replica_.algorithm().phase(step) == Phase::kLocal;
  Note(vote_.AfterStep(is_local ? local_lag_ : kMinibatchLag));
  const bool is_time = options_.every > 0 && step % options_.every == 0 && !is_last;
  if (stop_signal_ == 0 && !is_time) return false;
  Settle();
  return true;
}

void Safekeeper::Settle() { Note(vote_.ReadAll()); }

void Safekeeper::Vote() {
  if (options_.writes()) Note(vote_.Now());
}

void Safekeeper::Save(Manifest manifest) {
  if (!options_.writes()) return;
  const std::int64_t step = manifest.step;
  manifest.trajectory = trajectory_;
  const Status status = checkpointer_.Save(std::move(manifest));
  ThrowIfError(session_.status());
  if (status.ok()) {
    saved_step_ = step;
  } else if (session_.rank() == 0) {
    std::fprintf(stderr,
                 "ronde-train: warning: no checkpoint of step %lld: %s; older ones are kept\n",
                 static_cast<long long>(step), status.message().c_str());
  }
}

std::string Safekeeper::Farewell(std::int64_t step) const {
  const std::string stopped =
      StrCat("stopped by ", SignalName(stop_signal_), " at step ", step, "; ");
  if (saved_step_ == step) {
    return StrCat(stopped, "checkpoint in ", checkpointer_.PathOf(step),
                  "; go on with --resume auto");
  }
  return stopped + "no checkpoint of it could be written; --resume auto goes on from an older one";
}

}  // namespace ronde
