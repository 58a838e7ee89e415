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

std::optional<TensorQueue::Added> TensorQueue::AddAgain(const AllreduceCall& call,
                                                        std::int64_t now_ns,
                                                        EngineObserver* observer) {
  std::lock_guard lock(mutex_);
  Slot* const slot = FindAgain(call.name);
  const bool is_same = slot != nullptr && slot->hot_.stage == Stage::kFree && slot->hot_.kept &&
                       slot->hot_.unchanged && slot->hot_.repeated.Matches(call);
  if (!is_same || !refusal_.ok()) return std::nullopt;
  slot->hot_.stage = Stage::kNew;
  if (observer != nullptr) observer->OnSubmitted(slot->request_, now_ns);
  slot->hot_.input = call.input.data;
  slot->hot_.output = call.output.data;
  slot->hot_.input_padding_bytes = call.input.padding_bytes;
  slot->hot_.output_padding_bytes = call.output.padding_bytes;
  slot->hot_.by_again = true;
  return Enter(*slot, now_ns);
}

TensorQueue::Slot* TensorQueue::FindAgain(const std::string& name) {
  Slot* const next = last_ == nullptr ? nullptr : last_->hot_.next;
  if (next != nullptr && *next->hot_.key == name) return next;
  const auto found = slots_.find(name);
  return found == slots_.end() ? nullptr : &found->second;
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
    found->second.hot_.key = &found->first;
  } else if (found->second.hot_.stage != Stage::kFree) {
    return Status::DuplicateName(
        StrCat("tensor '", request.name, "' was submitted again while the first submission is ",
               "still in flight on rank ", rank_, "; wait for its handle or give it another name"));
  }
  found->second.hot_.stage = Stage::kNew;
  return &found->second;
}

TensorQueue::Added TensorQueue::Fill(Slot& slot, TensorEntry&& entry, std::int64_t now_ns) {
  if (!slot.hot_.kept || slot.request_ != entry.request) {
    slot.request_ = std::move(entry.request);
    slot.hot_.unchanged = false;
  }
  slot.entry_.input = std::move(entry.input);
  slot.entry_.output = std::move(entry.output);
  slot.entry_.group = std::move(entry.group);
  slot.entry_.device = entry.device;
  slot.hot_.by_again = false;
  return Enter(slot, now_ns);
}

TensorQueue::Added TensorQueue::Enter(Slot& slot, std::int64_t now_ns) {
  if (in_flight_++ == 0) busy_since_ns_ = now_ns;
  auto [own, given] = handles_->MakeTwo(*this, &slot);
  slot.hot_.handle = std::move(own);
  slot.hot_.enqueued_ns = now_ns;
  if (slot.hot_.next != nullptr) Prefetch(*slot.hot_.next);
  if (last_ != nullptr && slot.hot_.kept) last_->hot_.next = &slot;
  last_ = slot.hot_.kept ? &slot : nullptr;
  new_.push_back(&slot);
  return {std::move(given), TakeWake(slot)};
}

void TensorQueue::Prefetch(const Slot& slot) {
  constexpr std::size_t kLineBytes = 64;
  const auto* const begin = reinterpret_cast<const std::byte*>(&slot);
  for (std::size_t offset = 0; offset < sizeof(Slot::Hot); offset += kLineBytes) {
    __builtin_prefetch(begin + offset, 1);
  }
}

bool TensorQueue::TakeWake(const Slot& slot) {
  const bool is_expected = slot.hot_.kept && slot.hot_.enqueued_ns < expect_until_ns_;
  if (wake_at_ == 0 || (new_.size() < wake_at_ && is_expected)) return false;
  wake_at_ = 0;
  return true;
}

bool TensorQueue::Expect(std::size_t count, std::int64_t until_ns) {
  std::lock_guard lock(mutex_);
  const bool has_stranger =
      std::any_of(new_.begin(), new_.end(), [](const Slot* slot) { return !slot->hot_.kept; });
  if (new_.size() >= count || has_stranger) return false;
  wake_at_ = count;
  expect_until_ns_ = until_ns;
  return true;
}

void TensorQueue::Free(Slot& slot) {
  slot.hot_.stage = Stage::kFree;
  if (!slot.hot_.kept) slots_.erase(std::string(*slot.hot_.key));
}

TensorQueue::New TensorQueue::DrainNew() {
  std::lock_guard lock(mutex_);
  wake_at_ = 0;
  New drained{.slots = {}, .closed = closed_, .is_burst = in_flight_ == new_.size()};
  if (new_.empty()) return drained;
  drained.slots.reserve(new_.size());
  drained.slots.swap(new_);
  for (Slot* slot : drained.slots) slot->hot_.stage = Stage::kDrained;
  return drained;
}

TensorQueue::Slot* TensorQueue::Find(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto found = slots_.find(key);
  if (found == slots_.end() || found->second.hot_.stage != Stage::kDrained) return nullptr;
  return &found->second;
}

std::vector<TensorQueue::Slot*> TensorQueue::FindAllOf(int process_set) {
  std::lock_guard lock(mutex_);
  std::vector<Slot*> all;
  for (auto& [key, slot] : slots_) {
    const bool waits = slot.hot_.stage == Stage::kDrained;
    if (waits && SetOf(slot.request_) == process_set) all.push_back(&slot);
  }
  return all;
}

TensorEntry TensorQueue::Take(Slot& slot) {
  TensorEntry entry{.request = {}, .handle = Handle(nullptr)};
  std::lock_guard lock(mutex_);
  TakeInto(slot, entry);
  entry.handle = slot.hot_.handle;
  return entry;
}

void TensorQueue::TakeAll(std::span<Slot* const> slots, std::span<ReadyOperation> into,
                          bool are_same) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    Slot& slot = *slots[i];
    TensorEntry& entry = into[i].entry;
    if (are_same && slot.hot_.by_again) {
      TakeBuffers(slot, entry);
    } else {
      TakeInto(slot, entry);
    }
    entry.handle = std::move(slot.hot_.handle);
  }
}

void TensorQueue::GiveBack(std::span<Slot* const> slots, std::span<const ReadyOperation> from) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i]->hot_.stage == Stage::kTaken) slots[i]->hot_.handle = from[i].entry.handle;
  }
}

void TensorQueue::TakeInto(Slot& slot, TensorEntry& entry) {
  entry.input = slot.entry_.input;
  entry.output = slot.entry_.output;
  entry.group = std::move(slot.entry_.group);
  entry.device = slot.entry_.device;
  TakeBuffers(slot, entry);
}

void TensorQueue::TakeBuffers(Slot& slot, TensorEntry& entry) {
  slot.hot_.stage = Stage::kTaken;
  entry.enqueued_ns = slot.hot_.enqueued_ns;
  if (!slot.hot_.by_again) return;
  entry.input.data = slot.hot_.input;
  entry.input.padding_bytes = slot.hot_.input_padding_bytes;
  entry.input.ready.reset();
  entry.output.data = slot.hot_.output;
  entry.output.padding_bytes = slot.hot_.output_padding_bytes;
  entry.output.ready.reset();
}

void TensorQueue::Keep(Slot& slot, bool keep) {
  std::lock_guard lock(mutex_);
  slot.hot_.kept = keep;
  slot.hot_.unchanged = keep;
  if (keep) {
    slot.hot_.repeated = RepeatedAllreduce(slot.request_);
    return;
  }
  // Only kept ones are pointed to.
  last_ = nullptr;
  for (auto& [key, other] : slots_) other.hot_.next = nullptr;
  if (slot.hot_.stage == Stage::kFree) slots_.erase(std::string(*slot.hot_.key));
}

void TensorQueue::BeforeCompletion(void* item, const Status& status) {
  Slot& slot = *static_cast<Slot*>(item);
  if (status.ok()) completed_.fetch_add(1, std::memory_order_relaxed);
  Handle last(nullptr);  // destroyed without the lock
  std::lock_guard lock(mutex_);
  if (--in_flight_ == 0) busy_ns_ += clock_.NowNs() - busy_since_ns_;
  last = std::move(slot.hot_.handle);
  Free(slot);
}

void TensorQueue::BeforeCompletions(std::span<void* const> items) {
  completed_.fetch_add(items.size(), std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  in_flight_ -= items.size();
  if (in_flight_ == 0) busy_ns_ += clock_.NowNs() - busy_since_ns_;
  for (void* item : items) {
    Slot& slot = *static_cast<Slot*>(item);
    slot.hot_.handle = Handle(nullptr);  // never the last: whoever completes them has them, too
    Free(slot);
  }
}

void TensorQueue::Close(const Status& why) {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (refusal_.ok()) refusal_ = why;
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
      if (slot.hot_.stage == Stage::kFree) continue;
      handles.push_back(slot.hot_.handle);
      if (observer == nullptr) continue;
      TensorEntry& entry = entries.emplace_back();
      entry.request = slot.request_;
      entry.enqueued_ns = slot.hot_.enqueued_ns;
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
    if (slot.hot_.stage == Stage::kFree) continue;
    const std::int64_t since_ns = slot.hot_.enqueued_ns;
    const bool is_older = oldest == nullptr || since_ns < oldest->hot_.enqueued_ns ||
                          (since_ns == oldest->hot_.enqueued_ns && key < *oldest->hot_.key);
    if (is_older) oldest = &slot;
  }
  return oldest == nullptr ? "" : oldest->hot_.key->substr(0, oldest->hot_.key->find('\0'));
}

std::int64_t TensorQueue::outstanding_ns() const {
  std::lock_guard lock(mutex_);
  return busy_ns_ + (in_flight_ == 0 ? 0 : clock_.NowNs() - busy_since_ns_);
}

}  // namespace ronde
