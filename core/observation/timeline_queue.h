#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/base/types.h"
#include "core/control/message.h"

namespace ronde {

/// What a timeline notes of one call to it, without its texts. Which fields count, and what
/// `values` are, is said at each type.
struct TimelineEvent {
  enum class Type : std::uint8_t {
    kSubmitted,   ///< now_ns; bytes
    kList,        ///< now_ns; number, cached, negotiated, queue depth, and whether it is locked
    kAgreed,      ///< begin_ns: when it was submitted here; now_ns
    kBatchBegin,  ///< now_ns; packed bytes, members; as many kMember follow
    kMember,      ///< now_ns; bytes
    kPhase,       ///< begin_ns, now_ns; the name is the phase's
    kBatchEnd,    ///< now_ns
    kCompleted,   ///< now_ns; status code; the text is the failure's
    kStraggler,   ///< rank, nanoseconds waited
  };
  Type type = Type::kSubmitted;
  OperationKind kind = OperationKind::kAllreduce;
  DataType dtype = DataType::kFloat32;
  bool locked = false;
  std::int32_t process_set = kWorld;
  std::int64_t begin_ns = 0;
  std::int64_t now_ns = 0;
  std::uint64_t values[4] = {};
  std::uint32_t name_size = 0;  // set by the queue
  std::uint32_t text_size = 0;
};

/// Takes events to the thread that writes them. Bounded: what does not fit is dropped and counted.
/// Adding copies the event under a short lock and neither allocates nor waits for the reader.
/// Thread rule: any thread adds, one takes; guarded by its own mutex.
class TimelineQueue {
 public:
  static constexpr std::size_t kCapacityBytes = std::size_t{4} << 20;

  /// Empty from now on, and takes events until Close.
  void Open();
  /// Refuses further events and wakes the reader.
  void Close();

  void Add(const TimelineEvent& event, std::string_view name = {}, std::string_view text = {}) {
    AddAll([&](const auto& add) { add(event, name, text); });
  }
  /// All that `fill` hands to its argument, a function like Add, next to each other or not at all.
  template <typename Fill>
  void AddAll(const Fill& fill);
  /// Makes the reader look at once.
  void Wake();

  /// Waits for a good deal of events, for Wake, Close, or `interval`, whichever comes first; then
  /// swaps what there is into `events` and says how many were dropped since Open. False after
  /// Close: these were the last.
  bool Take(std::chrono::milliseconds interval, std::vector<std::byte>& events,
            std::uint64_t& dropped);

  /// Calls visit(event, name, text) for each of `events`.
  template <typename Visit>
  static void ForEach(const std::vector<std::byte>& events, const Visit& visit);

 private:
  bool Append(TimelineEvent event, std::string_view name, std::string_view text);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte> bytes_;  // guarded by mutex_, like all of these
  bool open_ = false;
  bool awake_ = false;
  std::uint64_t dropped_ = 0;
};

template <typename Fill>
void TimelineQueue::AddAll(const Fill& fill) {
  const std::lock_guard lock(mutex_);
  if (!open_) return;
  const std::size_t before = bytes_.size();
  std::uint64_t count = 0;
  bool fits = true;
  fill([&](const TimelineEvent& event, std::string_view name, std::string_view text) {
    ++count;
    fits = fits && Append(event, name, text);
  });
  if (!fits) {
    bytes_.resize(before);
    dropped_ += count;
  }
  if (bytes_.size() < kCapacityBytes / 4 || awake_) return;
  awake_ = true;
  changed_.notify_one();
}

template <typename Visit>
void TimelineQueue::ForEach(const std::vector<std::byte>& events, const Visit& visit) {
  for (std::size_t at = 0; at < events.size();) {
    TimelineEvent event;
    std::memcpy(&event, events.data() + at, sizeof event);
    at += sizeof event;
    const auto* text = reinterpret_cast<const char*>(events.data() + at);
    visit(event, std::string_view(text, event.name_size),
          std::string_view(text + event.name_size, event.text_size));
    at += event.name_size + event.text_size;
  }
}

}  // namespace ronde
