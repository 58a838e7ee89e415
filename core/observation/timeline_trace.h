#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/comm/clock_offset.h"
#include "core/observation/timeline_queue.h"

namespace ronde {

/// Whose timeline it is.
struct TimelineOwner {
  int rank = 0;
  std::string host;
  ClockOffset clock;
};

/// Turns what an engine did into trace events: one process for the rank, one track for each tensor
/// by name and process set, and track 0 for the engine itself. Spans are nested whatever is missing
/// between them (dropped, or before the recording began).
///
/// At most kMostTracks names have a track of their own. Later ones borrow one while they are in
/// flight, on which each span says its tensor; so memory is bounded for programs that never use a
/// name twice. Thread rule: one thread.
class TimelineTrace {
 public:
  static constexpr std::size_t kMostTracks = 4096;

  TimelineTrace(TimelineOwner owner, bool mark_cycles);

  /// How the file begins, up to the first event.
  [[nodiscard]] std::string Head() const;
  /// Appends what `event` means to `out`.
  void Add(const TimelineEvent& event, std::string_view name, std::string_view text,
           std::string& out);
  /// Appends that so many events are missing by now.
  void AddDropped(std::uint64_t dropped, std::string& out);

 private:
  enum class State : std::uint8_t { kIdle, kNegotiating, kQueued, kRunning };
  struct Track {
    int tid = 0;
    State state = State::kIdle;
    std::int64_t since_ns = 0;
    std::string key;     // of a borrowed track, while it is in use
    std::string tensor;  // the same as a JSON string; empty where the track has its own name
  };

  Track& TrackOf(const TimelineEvent& event, std::string_view name, std::string& out);
  Track* Find(const TimelineEvent& event, std::string_view name);
  Track& NewTrack(const std::string& json_name, std::string& out);
  void Release(Track& track);

  void Submit(const TimelineEvent& event, Track& track, std::string& out);
  void Agree(const TimelineEvent& event, Track& track, std::string& out);
  void BeginMember(const TimelineEvent& event, Track& track, std::string& out);
  void AddPhase(const TimelineEvent& event, std::string_view phase, std::string& out);
  void EndBatch(std::int64_t now_ns, std::string& out);
  void Complete(const TimelineEvent& event, std::string_view name, std::string_view text,
                std::string& out);
  void AddList(const TimelineEvent& event, std::string& out);
  void AddStraggler(const TimelineEvent& event, std::string_view name, std::string& out);

  /// `phase` as a JSON string; valid until the next call.
  const std::string& PhaseName(std::string_view phase);

  // `word` has nothing to escape.
  void Begin(const Track& track, std::string_view word, const TimelineEvent& event,
             std::string& out);
  void End(const Track& track, std::int64_t now_ns, std::string& out) const;
  void Span(const Track& track, std::string_view json_name, std::int64_t begin_ns,
            std::int64_t end_ns, std::string& out) const;
  /// Ends what a track is at, unless that is a batch.
  void EndWaiting(Track& track, std::int64_t now_ns, std::string& out) const;
  void CountQueue(std::uint64_t depth, std::int64_t now_ns, std::string& out);
  void Counter(std::string_view word, std::string_view unit, std::uint64_t value,
               std::int64_t now_ns, std::string& out) const;

  const TimelineOwner owner_;
  const bool mark_cycles_;
  std::unordered_map<std::string, Track*> by_name_;
  std::deque<Track> tracks_;  // where tracks stay
  std::vector<Track*> borrowable_;
  std::string key_;            // kept for its memory
  std::vector<Track*> batch_;  // the members of the batch at hand
  std::vector<std::pair<std::string, std::string>> phase_names_;  // and as JSON strings; few
  std::uint64_t batch_members_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint64_t queue_depth_ = 0;
  std::int64_t last_ns_ = 0;
};

}  // namespace ronde
