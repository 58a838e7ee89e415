#include "core/control/tensor_queue.h"

#include <utility>

#include "core/base/strcat.h"

namespace ronde {

Result<bool> TensorQueue::Add(TensorEntry entry) {
  std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  const std::string name = entry.request.name;
  if (slots_.contains(name)) {
    return Status::DuplicateName(
        StrCat("tensor '", name, "' was submitted again while the first submission is still in ",
               "flight on rank ", rank_, "; wait for its handle or give it another name"));
  }
  entry.enqueued_ns = clock_.NowNs();
  if (slots_.empty()) busy_since_ns_ = entry.enqueued_ns;
  Slot& slot = slots_[name];
  slot.handle = entry.handle;
  slot.entry = std::move(entry);
  new_names_.push_back(name);
  return new_names_.size() == 1;
}

TensorQueue::New TensorQueue::DrainNew() {
  std::lock_guard lock(mutex_);
  New drained{.requests = {}, .closed = closed_};
  drained.requests.reserve(new_names_.size());
  for (const std::string& name : new_names_) {
    Slot& slot = slots_.at(name);
    slot.stage = Stage::kDrained;
    drained.requests.push_back(slot.entry.request);
  }
  new_names_.clear();
  return drained;
}

std::optional<TensorEntry> TensorQueue::Take(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = slots_.find(name);
  if (found == slots_.end() || found->second.stage != Stage::kDrained) return std::nullopt;
  found->second.stage = Stage::kTaken;
  return std::move(found->second.entry);
}

void TensorQueue::Release(const std::string& name) {
  std::lock_guard lock(mutex_);
  if (slots_.erase(name) > 0 && slots_.empty()) busy_ns_ += clock_.NowNs() - busy_since_ns_;
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
    new_names_.clear();
    handles.reserve(slots_.size());
    for (const auto& [name, slot] : slots_) handles.push_back(slot.handle);
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
