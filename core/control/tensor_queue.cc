#include "core/control/tensor_queue.h"

#include <utility>

#include "core/base/strcat.h"
#include "core/control/process_sets.h"

namespace ronde {

Result<bool> TensorQueue::Add(TensorEntry entry) {
  std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  const auto [found, is_new] = slots_.try_emplace(KeyOf(entry.request));
  if (!is_new) {
    return Status::DuplicateName(
        StrCat("tensor '", entry.request.name,
               "' was submitted again while the first submission is still in ", "flight on rank ",
               rank_, "; wait for its handle or give it another name"));
  }
  entry.enqueued_ns = clock_.NowNs();
  if (slots_.size() == 1) busy_since_ns_ = entry.enqueued_ns;
  Slot& slot = found->second;
  slot.handle = entry.handle;
  slot.entry = std::move(entry);
  new_.push_back(&slot);
  return new_.size() == 1;
}

TensorQueue::New TensorQueue::DrainNew() {
  std::lock_guard lock(mutex_);
  New drained{.requests = {}, .closed = closed_};
  drained.requests.reserve(new_.size());
  for (Slot* slot : new_) {
    slot->stage = Stage::kDrained;
    drained.requests.push_back(&slot->entry.request);
  }
  new_.clear();
  return drained;
}

std::optional<TensorEntry> TensorQueue::Take(const std::string& key) {
  std::lock_guard lock(mutex_);
  const auto found = slots_.find(key);
  if (found == slots_.end() || found->second.stage != Stage::kDrained) return std::nullopt;
  found->second.stage = Stage::kTaken;
  return std::move(found->second.entry);
}

const Request* TensorQueue::Find(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto found = slots_.find(key);
  if (found == slots_.end() || found->second.stage != Stage::kDrained) return nullptr;
  return &found->second.entry.request;
}

std::vector<TensorEntry> TensorQueue::TakeAllOf(int process_set) {
  std::lock_guard lock(mutex_);
  std::vector<TensorEntry> entries;
  for (auto& [key, slot] : slots_) {
    if (slot.stage != Stage::kDrained || SetOf(slot.entry.request) != process_set) continue;
    slot.stage = Stage::kTaken;
    entries.push_back(std::move(slot.entry));
  }
  return entries;
}

void TensorQueue::Release(const std::string& key) {
  std::lock_guard lock(mutex_);
  if (slots_.erase(key) > 0 && slots_.empty()) busy_ns_ += clock_.NowNs() - busy_since_ns_;
}

void TensorQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (refusal_.ok()) {
    refusal_ = Status::Shutdown(StrCat("rank ", rank_, " has shut down: submit before Shutdown"));
  }
}

void TensorQueue::FailAll(const Status& status) {
  std::vector<Handle> handles;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    refusal_ = status;
    new_.clear();
    handles.reserve(slots_.size());
    for (const auto& [key, slot] : slots_) handles.push_back(slot.handle);
  }
  for (const Handle& handle : handles) handle.Complete(status);
}

std::size_t TensorQueue::in_flight() const {
  std::lock_guard lock(mutex_);
  return slots_.size();
}

std::int64_t TensorQueue::outstanding_ns() const {
  std::lock_guard lock(mutex_);
  return busy_ns_ + (slots_.empty() ? 0 : clock_.NowNs() - busy_since_ns_);
}

}  // namespace ronde
