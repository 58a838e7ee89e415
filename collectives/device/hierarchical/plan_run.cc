#include "collectives/device/hierarchical/plan_run.h"

#include <algorithm>
#include <span>
#include <thread>

#include "collectives/tags.h"
#include "core/base/strcat.h"
#include "core/comm/transport_errors.h"
#include "core/device/polling.h"

namespace ronde {
namespace {

// How far ahead the host looks for sums that it can take.
constexpr std::size_t kHostWindow = 64;
// A kernel that waits for peers is given a second more than the wire before it tells who is
// missing; what it tells is better than that this device is late.
constexpr std::int64_t kDeviceGraceNs = 3'000'000'000;

}  // namespace

PlanRun::PlanRun(const PlanCall& call, const PlanSchedule& schedule, PlanResources& resources)
    : call_(call),
      schedule_(schedule),
      resources_(resources),
      wire_(call.context.group().cross_context().transport()),
      states_(schedule.plan.steps.size()),
      events_(schedule.plan.steps.size()),
      started_(schedule.wire.size()),
      host_open_(schedule.host) {}

// For a step of the host or the wire: all that it waits for has been done.
bool PlanRun::IsReady(const PlanStep& step) {
  if (!slots_free_) return false;
  return std::all_of(step.after.begin(), step.after.end(),
                     [this](int before) { return StateOf(before) == State::kDone; });
}

// For a step of a stream: what it waits for on streams need only be on its way.
bool PlanRun::IsStreamReady(const PlanStep& step) {
  if (!slots_free_ && TouchesSlots(step)) return false;
  return std::all_of(step.after.begin(), step.after.end(), [this](int before) {
    const bool stream = IsStream(StepOf(before).engine);
    return StateOf(before) == State::kDone || (stream && StateOf(before) == State::kIssued);
  });
}

bool PlanRun::TouchesSlots(const PlanStep& step) const {
  const auto in_slot = [](const PlanPlace& place) { return place.space != PlanSpace::kTensor; };
  return std::any_of(step.reads.begin(), step.reads.end(), in_slot) ||
         std::any_of(step.writes.begin(), step.writes.end(), in_slot);
}

Status PlanRun::LookAtSlots() {
  if (slots_free_) return Status::Ok();
  if (resources_.slots_free != nullptr) {
    RONDE_ASSIGN_OR_RETURN(const bool happened, resources_.slots_free->Happened());
    if (!happened) return Status::Ok();
    resources_.slots_free = nullptr;
  }
  slots_free_ = true;
  moved_ = true;
  return Status::Ok();
}

Status PlanRun::GiveToStreams() {
  for (std::size_t engine = 0; engine < kPlanStreams; ++engine) {
    const std::vector<int>& steps = schedule_.streams[engine];
    while (given_[engine] < steps.size() && IsStreamReady(StepOf(steps[given_[engine]]))) {
      RONDE_RETURN_IF_ERROR(Issue(steps[given_[engine]]));
      ++given_[engine];
    }
  }
  return Status::Ok();
}

Status PlanRun::Issue(int number) {
  const PlanStep& step = StepOf(number);
  RONDE_RETURN_IF_ERROR(HoldUp(step));
  const StreamView stream = resources_.stream(step.engine);
  RONDE_RETURN_IF_ERROR(IssueStep(call_, schedule_.plan, step, stream));
  if (schedule_.observed[static_cast<std::size_t>(number)]) {
    RONDE_ASSIGN_OR_RETURN(events_[static_cast<std::size_t>(number)],
                           resources_.events().Record(stream));
  }
  StateOf(number) = State::kIssued;
  moved_ = true;
  return Status::Ok();
}

Status PlanRun::HoldUp(const PlanStep& step) {
  std::array<int, kPlanStreams> last = {-1, -1, -1};  // by stream: the last to wait for
  for (const int before : step.after) {
    const PlanEngine engine = StepOf(before).engine;
    if (!IsStream(engine) || engine == step.engine || StateOf(before) == State::kDone) continue;
    last[static_cast<std::size_t>(engine)] = before;
  }
  for (const int before : last) {
    if (before < 0) continue;
    RONDE_RETURN_IF_ERROR(
        events_[static_cast<std::size_t>(before)]->HoldUp(resources_.stream(step.engine)));
  }
  return Status::Ok();
}

// Of each stream as far as it has got; what nobody observes is passed over with the next that is.
Status PlanRun::LookAtEvents() {
  device_works_ = false;
  for (std::size_t engine = 0; engine < kPlanStreams; ++engine) {
    const std::vector<int>& steps = schedule_.streams[engine];
    for (std::size_t next = seen_[engine]; next < given_[engine]; ++next) {
      const std::shared_ptr<const Event>& event = events_[static_cast<std::size_t>(steps[next])];
      if (event == nullptr) continue;
      RONDE_ASSIGN_OR_RETURN(const bool happened, event->Happened());
      device_works_ = device_works_ || !happened;
      if (!happened) break;
      for (; seen_[engine] <= next; ++seen_[engine]) StateOf(steps[seen_[engine]]) = State::kDone;
      moved_ = true;
    }
  }
  return Status::Ok();
}

Status PlanRun::StartTransfers() {
  for (std::size_t queue = 0; queue < started_.size(); ++queue) {
    const std::vector<int>& steps = schedule_.wire[queue];
    while (started_[queue] < steps.size() && IsReady(StepOf(steps[started_[queue]]))) {
      RONDE_RETURN_IF_ERROR(Start(steps[started_[queue]]));
      ++started_[queue];
    }
  }
  return Status::Ok();
}

Status PlanRun::Start(int number) {
  const PlanStep& step = StepOf(number);
  const bool sends = step.kind == PlanStepKind::kSend;
  const PlanPlace& place = sends ? step.reads.front() : step.writes.front();
  const std::span<std::byte> bytes(call_.memory.At(place), place.size_bytes);
  auto started = sends ? wire_.StartSend(step.peer, kAllreduceTag, bytes)
                       : wire_.StartReceive(step.peer, kAllreduceTag, bytes);
  RONDE_RETURN_IF_ERROR(started.status());
  transfers_.push_back({number, std::move(started).value()});
  StateOf(number) = State::kIssued;
  moved_ = true;
  return Status::Ok();
}

Status PlanRun::LookAtTransfers() {
  for (Transfer& transfer : transfers_) {
    RONDE_ASSIGN_OR_RETURN(const bool complete, transfer.pending->Progress());
    if (!complete) continue;
    // It checks the size of what has come.
    RONDE_RETURN_IF_ERROR(transfer.pending->Finish(Deadline::Never()));
    StateOf(transfer.step) = State::kDone;
    transfer.pending = nullptr;
    moved_ = true;
  }
  std::erase_if(transfers_, [](const Transfer& transfer) { return transfer.pending == nullptr; });
  return Status::Ok();
}

// One at a time: meanwhile other messages have ended, and the wire wants the next ones.
void PlanRun::WorkOnHost() {
  const std::size_t window = std::min(kHostWindow, host_open_.size());
  for (std::size_t position = 0; position < window; ++position) {
    const int number = host_open_[position];
    if (!IsReady(StepOf(number))) continue;
    RunHostStep(StepOf(number), call_.sum, call_.memory);
    StateOf(number) = State::kDone;
    host_open_.erase(host_open_.begin() + static_cast<std::ptrdiff_t>(position));
    moved_ = true;
    return;
  }
}

bool PlanRun::HasEnded() const {
  for (std::size_t engine = 0; engine < kPlanStreams; ++engine) {
    if (given_[engine] != schedule_.streams[engine].size()) return false;
  }
  for (std::size_t queue = 0; queue < started_.size(); ++queue) {
    if (started_[queue] != schedule_.wire[queue].size()) return false;
  }
  return transfers_.empty() && host_open_.empty();
}

Status PlanRun::Run() {
  Status status = RunToEnd();
  if (status.ok()) return status;
  for (const PlanEngine engine : {PlanEngine::kCopyOut, PlanEngine::kCopyIn}) {
    const auto event = resources_.events().Record(resources_.stream(engine));
    if (event.ok()) static_cast<void>(event.value()->HoldUp(call_.channel.stream()));
  }
  return status;
}

Status PlanRun::RunToEnd() {
  const std::int64_t patience_ns = call_.context.group().NewDeadline().RemainingNs();
  std::int64_t moved_at_ns = SteadyClock().NowNs();
  Polling polling;
  while (true) {
    moved_ = false;
    RONDE_RETURN_IF_ERROR(GiveToStreams());
    if (HasEnded()) return Close();
    RONDE_RETURN_IF_ERROR(LookAtSlots());
    RONDE_RETURN_IF_ERROR(LookAtEvents());
    RONDE_RETURN_IF_ERROR(StartTransfers());
    RONDE_RETURN_IF_ERROR(LookAtTransfers());
    WorkOnHost();
    const std::int64_t now_ns = SteadyClock().NowNs();
    if (moved_) {
      moved_at_ns = now_ns;
      polling = Polling();
      continue;
    }
    RONDE_RETURN_IF_ERROR(CheckFaults());
    const std::int64_t grace_ns = device_works_ ? kDeviceGraceNs : 0;
    if (now_ns - moved_at_ns > patience_ns + grace_ns) {
      return TellWhoIsMissing(static_cast<double>(now_ns - moved_at_ns) * 1e-9);
    }
    // Some transports need this thread to move data.
    if (transfers_.empty()) {
      polling.Pause();
    } else {
      std::this_thread::yield();
    }
  }
}

Status PlanRun::CheckFaults() {
  if (resources_.aborted.load(std::memory_order_relaxed)) {
    return Status::Aborted("a hierarchical allreduce was told to give up");
  }
  RONDE_RETURN_IF_ERROR(wire_.CheckLiveness());
  return call_.context.TakeFault(call_.channel);
}

Status PlanRun::TellWhoIsMissing(double waited_s) const {
  const Communicator& group = call_.context.group().communicator();
  if (!device_works_ && !transfers_.empty()) {
    // Receives first: who does not send is the one that stands still.
    const auto receives = [this](const Transfer& transfer) {
      return StepOf(transfer.step).kind == PlanStepKind::kReceive;
    };
    const auto found = std::find_if(transfers_.begin(), transfers_.end(), receives);
    const Transfer& oldest = found == transfers_.end() ? transfers_.front() : *found;
    const PlanStep& step = StepOf(oldest.step);
    const auto host = static_cast<std::size_t>(step.peer);
    const auto local = static_cast<std::size_t>(schedule_.plan.local_rank);
    return PeerTimeout(group.rank(), waited_s,
                       step.kind == PlanStepKind::kReceive ? "for data from" : "to send data to",
                       {group.ranks_of_hosts()[host][local], wire_.host_name(step.peer)});
  }
  for (std::size_t engine = 0; engine < kPlanStreams; ++engine) {
    if (seen_[engine] == given_[engine]) continue;
    const PlanStep& step = StepOf(schedule_.streams[engine][seen_[engine]]);
    return Status::Timeout(StrCat("rank ", group.rank(), " (host ", wire_.host_name(wire_.rank()),
                                  ") waited ", waited_s, " s for its device to end '",
                                  ToString(step), "' of a hierarchical allreduce (--timeout-s)"));
  }
  return Status::Timeout("a hierarchical allreduce stands still");
}

Status PlanRun::Close() {
  const auto last_of = [this](PlanEngine engine) -> const Event* {
    const std::vector<int>& steps = schedule_.streams[static_cast<std::size_t>(engine)];
    return steps.empty() ? nullptr : events_[static_cast<std::size_t>(steps.back())].get();
  };
  const bool staged = schedule_.plan.slot_space == PlanSpace::kPinned;
  const PlanEngine last = staged ? PlanEngine::kCopyIn : PlanEngine::kCompute;
  if (last_of(last) == nullptr) return Status::Ok();
  const std::vector<int>& steps = schedule_.streams[static_cast<std::size_t>(last)];
  resources_.slots_free = events_[static_cast<std::size_t>(steps.back())];
  return staged ? resources_.slots_free->HoldUp(call_.channel.stream()) : Status::Ok();
}

}  // namespace ronde
