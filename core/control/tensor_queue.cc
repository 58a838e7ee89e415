#include "core/control/tensor_queue.h"

#include <algorithm>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/process_sets.h"

namespace ronde {

Result<TensorQueue::Added> TensorQueue::Add(TensorEntry&& entry, std::int64_t now_ns,
                                            EngineObserver* observer) {
  std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  RONDE_ASSIGN_OR_RETURN(Slot* const slot, Reserve(entry.request));
  if (observer != nullptr) observer->OnSubmitted(entry.request, now_ns);
  return Fill(*slot, std::move(entry), now_ns);
}

Result<std::vector<TensorQueue::Added>> TensorQueue::AddAll(std::vector<TensorEntry> entries,
                                                            std::int64_t now_ns,
                                                            EngineObserver* observer) {
  std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  std::vector<Slot*> slots;
  slots.reserve(entries.size());
  for (const TensorEntry& entry : entries) {
    const Result<Slot*> slot = Reserve(entry.request);
    if (!slot.ok()) {
      for (Slot* reserved : slots) Free(*reserved);
      return slot.status();
    }
    slots.push_back(slot.value());
  }
  std::vector<Added> added;
  added.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (observer != nullptr) observer->OnSubmitted(entries[i].request, now_ns);
    added.push_back(Fill(*slots[i], std::move(entries[i]), now_ns));
  }
  return added;
}

Result<TensorQueue::Slot*> TensorQueue::Reserve(const Request& request) {
  // In the world the name is the key, and no key has to be made.
  const bool in_world = SetOf(request) == kWorld;
  auto found = in_world ? slots_.find(request.name) : slots_.find(KeyOf(request));
  if (found == slots_.end()) {
    found = slots_.try_emplace(KeyOf(request)).first;
    found->second.key_ = &found->first;
  } else if (found->second.stage_ != Stage::kFree) {
    return Status::DuplicateName(
        StrCat("tensor '", request.name, "' was submitted again while the first submission is ",
               "still in flight on rank ", rank_, "; wait for its handle or give it another name"));
  }
  found->second.stage_ = Stage::kNew;
  return &found->second;
}

TensorQueue::Added TensorQueue::Fill(Slot& slot, TensorEntry&& entry, std::int64_t now_ns) {
  if (in_flight_++ == 0) busy_since_ns_ = now_ns;
  slot.handle_ = Handle(*this, &slot);
  if (!slot.kept_ || slot.request_ != entry.request) {
    slot.request_ = std::move(entry.request);
    slot.unchanged_ = false;
  }
  slot.entry_.input = std::move(entry.input);
  slot.entry_.output = std::move(entry.output);
  slot.entry_.group = std::move(entry.group);
  slot.entry_.device = entry.device;
  slot.entry_.enqueued_ns = now_ns;
  new_.push_back(&slot);
  return {slot.handle_, TakeWake(slot)};
}

bool TensorQueue::TakeWake(const Slot& slot) {
  if (wake_at_ == 0 || (new_.size() < wake_at_ && slot.kept_)) return false;
  wake_at_ = 0;
  return true;
}

bool TensorQueue::Expect(std::size_t count) {
  std::lock_guard lock(mutex_);
  const bool has_stranger =
      std::any_of(new_.begin(), new_.end(), [](const Slot* slot) { return !slot->kept_; });
  if (new_.size() >= count || has_stranger) return false;
  wake_at_ = count;
  return true;
}

void TensorQueue::Free(Slot& slot) {
  slot.stage_ = Stage::kFree;
  if (!slot.kept_) slots_.erase(std::string(*slot.key_));
}

TensorQueue::New TensorQueue::DrainNew() {
  std::lock_guard lock(mutex_);
  wake_at_ = 0;
  New drained{.slots = {}, .closed = closed_, .is_burst = in_flight_ == new_.size()};
  if (new_.empty()) return drained;
  drained.slots.reserve(new_.size());
  drained.slots.swap(new_);
  for (Slot* slot : drained.slots) slot->stage_ = Stage::kDrained;
  return drained;
}

TensorQueue::Slot* TensorQueue::Find(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto found = slots_.find(key);
  if (found == slots_.end() || found->second.stage_ != Stage::kDrained) return nullptr;
  return &found->second;
}

std::vector<TensorQueue::Slot*> TensorQueue::FindAllOf(int process_set) {
  std::lock_guard lock(mutex_);
  std::vector<Slot*> all;
  for (auto& [key, slot] : slots_) {
    const bool waits = slot.stage_ == Stage::kDrained;
    if (waits && SetOf(slot.request_) == process_set) all.push_back(&slot);
  }
  return all;
}

TensorEntry TensorQueue::Take(Slot& slot) {
  TensorEntry entry{.request = {}, .handle = Handle(nullptr)};
  std::lock_guard lock(mutex_);
  TakeInto(slot, entry);
  return entry;
}

void TensorQueue::TakeAll(std::span<Slot* const> slots, std::span<ReadyOperation> into) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < slots.size(); ++i) TakeInto(*slots[i], into[i].entry);
}

void TensorQueue::TakeInto(Slot& slot, TensorEntry& entry) {
  slot.stage_ = Stage::kTaken;
  entry.input = slot.entry_.input;
  entry.output = slot.entry_.output;
  entry.group = std::move(slot.entry_.group);
  entry.device = slot.entry_.device;
  entry.enqueued_ns = slot.entry_.enqueued_ns;
  entry.handle = slot.handle_;
}

void TensorQueue::Keep(Slot& slot, bool keep) {
  std::lock_guard lock(mutex_);
  slot.kept_ = keep;
  slot.unchanged_ = keep;
  if (!keep && slot.stage_ == Stage::kFree) slots_.erase(std::string(*slot.key_));
}

void TensorQueue::BeforeCompletion(void* item, const Status& status) {
  Slot& slot = *static_cast<Slot*>(item);
  if (status.ok()) completed_.fetch_add(1, std::memory_order_relaxed);
  Handle last(nullptr);  // destroyed without the lock
  std::lock_guard lock(mutex_);
  if (--in_flight_ == 0) busy_ns_ += clock_.NowNs() - busy_since_ns_;
  last = std::exchange(slot.handle_, Handle(nullptr));
  Free(slot);
}

void TensorQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (refusal_.ok()) {
    refusal_ = Status::Shutdown(StrCat("rank ", rank_, " has shut down: submit before Shutdown"));
  }
}

void TensorQueue::FailAll(const Status& status, EngineObserver* observer) {
  std::vector<Handle> handles;
  std::vector<TensorEntry> entries;  // without buffers
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    refusal_ = status;
    new_.clear();
    for (const auto& [key, slot] : slots_) {
      if (slot.stage_ == Stage::kFree) continue;
      handles.push_back(slot.handle_);
      if (observer == nullptr) continue;
      TensorEntry& entry = entries.emplace_back();
      entry.request = slot.request_;
      entry.enqueued_ns = slot.entry_.enqueued_ns;
    }
  }
  for (const TensorEntry& entry : entries) {
    observer->OnCompleted(entry.request, status, entry.enqueued_ns, clock_.NowNs());
  }
  for (const Handle& handle : handles) handle.Complete(status);
}

std::size_t TensorQueue::in_flight() const {
  std::lock_guard lock(mutex_);
  return in_flight_;
}

std::string TensorQueue::oldest() const {
  std::lock_guard lock(mutex_);
  const Slot* oldest = nullptr;
  for (const auto& [key, slot] : slots_) {
    if (slot.stage_ == Stage::kFree) continue;
    const std::int64_t since_ns = slot.entry_.enqueued_ns;
    const bool is_older = oldest == nullptr || since_ns < oldest->entry_.enqueued_ns ||
                          (since_ns == oldest->entry_.enqueued_ns && key < *oldest->key_);
    if (is_older) oldest = &slot;
  }
  return oldest == nullptr ? "" : oldest->key_->substr(0, oldest->key_->find('\0'));
}

std::int64_t TensorQueue::outstanding_ns() const {
  std::lock_guard lock(mutex_);
  return busy_ns_ + (in_flight_ == 0 ? 0 : clock_.NowNs() - busy_since_ns_);
}

}  // namespace ronde
