#include "core/observation/timeline_queue.h"

#include <algorithm>

namespace ronde {
namespace {

constexpr std::size_t kLongestText = 4096;

void AppendBytes(std::vector<std::byte>& bytes, const void* data, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), from, from + size);
}

}  // namespace

void TimelineQueue::Open() {
  const std::lock_guard lock(mutex_);
  bytes_.clear();
  bytes_.reserve(kCapacityBytes);  // pages are touched only as far as events reach
  open_ = true;
  awake_ = false;
  dropped_ = 0;
}

void TimelineQueue::Close() {
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  changed_.notify_all();
}

void TimelineQueue::Wake() {
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
  }
  changed_.notify_all();
}

bool TimelineQueue::Append(TimelineEvent event, std::string_view name, std::string_view text) {
  name = name.substr(0, kLongestText);
  text = text.substr(0, kLongestText);
  event.name_size = static_cast<std::uint32_t>(name.size());
  event.text_size = static_cast<std::uint32_t>(text.size());
  if (bytes_.size() + sizeof event + name.size() + text.size() > kCapacityBytes) return false;
  AppendBytes(bytes_, &event, sizeof event);
  AppendBytes(bytes_, name.data(), name.size());
  AppendBytes(bytes_, text.data(), text.size());
  return true;
}

bool TimelineQueue::Take(std::chrono::milliseconds interval, std::vector<std::byte>& events,
                         std::uint64_t& dropped) {
  events.clear();
  events.reserve(kCapacityBytes);
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, interval, [this] { return awake_ || !open_; });
  awake_ = false;
  bytes_.swap(events);
  dropped = dropped_;
  return open_;
}

}  // namespace ronde
