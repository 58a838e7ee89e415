#include "core/observation/timeline_trace.h"

#include <algorithm>
#include <utility>

#include "core/base/program.h"
#include "core/base/strcat.h"
#include "core/observation/timeline_json.h"

namespace ronde {
namespace {

constexpr int kEngineTrack = 0;
// As JSON strings.
constexpr std::string_view kNegotiate = "\"NEGOTIATE\"";
constexpr std::string_view kQueue = "\"QUEUE\"";
constexpr std::uint64_t kStragglingNs = 1'000'000;  // shorter waits are nobody's fault
constexpr std::size_t kMostPhases = 64;

}  // namespace

TimelineTrace::TimelineTrace(TimelineOwner owner, bool mark_cycles)
    : owner_(std::move(owner)), mark_cycles_(mark_cycles) {}

std::string TimelineTrace::Head() const {
  const ClockOffset& clock = owner_.clock;
  std::string head =
      StrCat("{\"displayTimeUnit\":\"ms\",\n\"otherData\":{\"program\":", JsonString("ronde"),
             ",\"version\":", JsonString(VersionString()), ",\"rank\":", owner_.rank,
             ",\"host\":", JsonString(owner_.host), ",\"clock_offset_ns\":", clock.offset_ns,
             ",\"clock_error_ns\":", clock.error_ns, ",\"origin_ns\":", clock.origin_ns,
             "},\n\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":", owner_.rank,
             ",\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":",
             JsonString(StrCat("rank ", owner_.rank, " (", owner_.host, ")")), "}}");
  TraceEvent(head, 'M', owner_.rank, kEngineTrack)
      .Word("name", "process_sort_index")
      .Arguments()
      .Number("sort_index", owner_.rank);
  TraceEvent(head, 'M', owner_.rank, kEngineTrack)
      .Word("name", "thread_name")
      .Arguments()
      .Word("name", "engine");
  return head;
}

void TimelineTrace::Add(const TimelineEvent& event, std::string_view name, std::string_view text,
                        std::string& out) {
  using Type = TimelineEvent::Type;
  last_ns_ = std::max(last_ns_, event.now_ns);
  switch (event.type) {
    case Type::kSubmitted:
      return Submit(event, TrackOf(event, name, out), out);
    case Type::kList:
      return AddList(event, out);
    case Type::kAgreed:
      return Agree(event, TrackOf(event, name, out), out);
    case Type::kBatchBegin:
      EndBatch(event.now_ns, out);  // where its end was dropped
      batch_members_ = event.values[1];
      return;
    case Type::kMember:
      return BeginMember(event, TrackOf(event, name, out), out);
    case Type::kPhase:
      return AddPhase(event, name, out);
    case Type::kBatchEnd:
      return EndBatch(event.now_ns, out);
    case Type::kCompleted:
      return Complete(event, name, text, out);
    case Type::kStraggler:
      return AddStraggler(event, name, out);
  }
}

void TimelineTrace::AddDropped(std::uint64_t dropped, std::string& out) {
  TraceEvent(out, 'i', owner_.rank, kEngineTrack)
      .Time("ts", owner_.clock.SinceOrigin(last_ns_))
      .Word("name", "events dropped")
      .Word("s", "p")
      .Arguments()
      .Number("so far", dropped);
}

TimelineTrace::Track* TimelineTrace::Find(const TimelineEvent& event, std::string_view name) {
  key_.assign(name);
  if (event.process_set != kWorld) key_ += StrCat('\0', event.process_set);
  const auto found = by_name_.find(key_);
  return found == by_name_.end() ? nullptr : found->second;
}

TimelineTrace::Track& TimelineTrace::TrackOf(const TimelineEvent& event, std::string_view name,
                                             std::string& out) {
  if (Track* known = Find(event, name)) return *known;
  const std::string title = event.process_set == kWorld
                                ? JsonString(name)
                                : JsonString(StrCat(name, " [set ", event.process_set, "]"));
  if (by_name_.size() < kMostTracks) return *(by_name_[key_] = &NewTrack(title, out));
  if (borrowable_.empty()) {
    borrowable_.push_back(&NewTrack(StrCat("\"more tensors ", tracks_.size(), '"'), out));
  }
  Track* const track = borrowable_.back();
  borrowable_.pop_back();
  track->key = key_;
  track->tensor = title;
  return *(by_name_[key_] = track);
}

TimelineTrace::Track& TimelineTrace::NewTrack(const std::string& json_name, std::string& out) {
  Track& track = tracks_.emplace_back();
  track.tid = static_cast<int>(tracks_.size());
  TraceEvent(out, 'M', owner_.rank, track.tid)
      .Word("name", "thread_name")
      .Arguments()
      .Text("name", json_name);
  TraceEvent(out, 'M', owner_.rank, track.tid)
      .Word("name", "thread_sort_index")
      .Arguments()
      .Number("sort_index", track.tid);
  return track;
}

// Gives a borrowed track back.
void TimelineTrace::Release(Track& track) {
  track.state = State::kIdle;
  if (track.key.empty()) return;
  by_name_.erase(track.key);
  track.key.clear();
  track.tensor.clear();
  borrowable_.push_back(&track);
}

void TimelineTrace::Submit(const TimelineEvent& event, Track& track, std::string& out) {
  if (track.state != State::kIdle) return;  // a name that is in flight: about to be refused
  Begin(track, "NEGOTIATE", event, out);
  track.state = State::kNegotiating;
}

void TimelineTrace::Agree(const TimelineEvent& event, Track& track, std::string& out) {
  if (track.state == State::kNegotiating) {
    End(track, event.now_ns, out);
  } else if (track.state == State::kIdle && event.begin_ns > 0) {
    Span(track, kNegotiate, event.begin_ns, event.now_ns, out);
  }
  if (track.state == State::kRunning) return;
  track.state = State::kQueued;
  track.since_ns = event.now_ns;
}

void TimelineTrace::BeginMember(const TimelineEvent& event, Track& track, std::string& out) {
  if (track.state == State::kRunning) return;
  EndWaiting(track, event.now_ns, out);
  Begin(track, Name(event.kind), event, out);
  track.state = State::kRunning;
  batch_.push_back(&track);
  payload_bytes_ += event.values[0];
}

void TimelineTrace::AddPhase(const TimelineEvent& event, std::string_view phase, std::string& out) {
  const std::string& json_name = PhaseName(phase);
  for (const Track* track : batch_) Span(*track, json_name, event.begin_ns, event.now_ns, out);
}

const std::string& TimelineTrace::PhaseName(std::string_view phase) {
  for (const auto& [name, json_name] : phase_names_) {
    if (name == phase) return json_name;
  }
  if (phase_names_.size() == kMostPhases) phase_names_.clear();
  return phase_names_.emplace_back(std::string(phase), JsonString(phase)).second;
}

void TimelineTrace::EndBatch(std::int64_t now_ns, std::string& out) {
  if (batch_.empty()) return;
  for (Track* track : batch_) {
    End(*track, now_ns, out);
    Release(*track);
  }
  const std::uint64_t batch_size = batch_.size();
  batch_.clear();
  Counter("payload", "bytes", payload_bytes_, now_ns, out);
  CountQueue(queue_depth_ - std::min<std::uint64_t>(queue_depth_, batch_size), now_ns, out);
}

void TimelineTrace::Complete(const TimelineEvent& event, std::string_view name,
                             std::string_view text, std::string& out) {
  Track* const track = Find(event, name);
  const auto code = static_cast<StatusCode>(event.values[0]);
  if (code != StatusCode::kOk) {
    TraceEvent(out, 'i', owner_.rank, track == nullptr ? kEngineTrack : track->tid)
        .Time("ts", owner_.clock.SinceOrigin(event.now_ns))
        .Word("name", "FAILED")
        .Word("s", "t")
        .Arguments()
        .Text("tensor", JsonString(name))
        .Text("code", JsonString(StatusCodeName(code)))
        .Text("error", JsonString(text));
  }
  // Of a name that was in flight twice, the one before goes on.
  if (track == nullptr || code == StatusCode::kDuplicateName) return;
  if (track->state == State::kNegotiating || track->state == State::kQueued) {
    EndWaiting(*track, event.now_ns, out);
    Release(*track);
  }
}

void TimelineTrace::AddList(const TimelineEvent& event, std::string& out) {
  CountQueue(event.values[3], event.now_ns, out);
  if (!mark_cycles_) return;
  TraceEvent(out, 'i', owner_.rank, kEngineTrack)
      .Time("ts", owner_.clock.SinceOrigin(event.now_ns))
      .Word("name", "CYCLE")
      .Word("s", "p")
      .Arguments()
      .Number("list", event.values[0])
      .Number("cached", event.values[1])
      .Number("negotiated", event.values[2])
      .Number("queue depth", event.values[3])
      .Switch("locked", event.locked);
}

void TimelineTrace::AddStraggler(const TimelineEvent& event, std::string_view name,
                                 std::string& out) {
  if (event.values[1] < kStragglingNs) return;
  TraceEvent(out, 'i', owner_.rank, kEngineTrack)
      .Time("ts", owner_.clock.SinceOrigin(last_ns_))
      .Word("name", StrCat("waited for rank ", event.values[0]))
      .Word("s", "t")
      .Arguments()
      .Text("tensor", JsonString(name))
      .Number("wait_us", event.values[1] / 1000);
}

void TimelineTrace::Begin(const Track& track, std::string_view word, const TimelineEvent& event,
                          std::string& out) {
  TraceEvent span(out, 'B', owner_.rank, track.tid);
  span.Time("ts", owner_.clock.SinceOrigin(event.now_ns))
      .Word("name", word)
      .Arguments()
      .Number("bytes", event.values[0]);
  if (event.type == TimelineEvent::Type::kMember) span.Number("tensors", batch_members_);
  if (event.type == TimelineEvent::Type::kSubmitted) {
    span.Word("dtype", Name(event.dtype));
  }
  if (!track.tensor.empty()) span.Text("tensor", track.tensor);
}

void TimelineTrace::End(const Track& track, std::int64_t now_ns, std::string& out) const {
  TraceEvent(out, 'E', owner_.rank, track.tid).Time("ts", owner_.clock.SinceOrigin(now_ns));
}

void TimelineTrace::Span(const Track& track, std::string_view json_name, std::int64_t begin_ns,
                         std::int64_t end_ns, std::string& out) const {
  TraceEvent(out, 'X', owner_.rank, track.tid)
      .Time("ts", owner_.clock.SinceOrigin(begin_ns))
      .Time("dur", end_ns - begin_ns)
      .Text("name", json_name);
}

void TimelineTrace::EndWaiting(Track& track, std::int64_t now_ns, std::string& out) const {
  if (track.state == State::kNegotiating) End(track, now_ns, out);
  if (track.state == State::kQueued) Span(track, kQueue, track.since_ns, now_ns, out);
}

void TimelineTrace::CountQueue(std::uint64_t depth, std::int64_t now_ns, std::string& out) {
  if (depth == queue_depth_) return;
  queue_depth_ = depth;
  Counter("queue depth", "operations", depth, now_ns, out);
}

void TimelineTrace::Counter(std::string_view word, std::string_view unit, std::uint64_t value,
                            std::int64_t now_ns, std::string& out) const {
  TraceEvent(out, 'C', owner_.rank, kEngineTrack)
      .Time("ts", owner_.clock.SinceOrigin(now_ns))
      .Word("name", word)
      .Arguments()
      .Number(unit, value);
}

}  // namespace ronde
