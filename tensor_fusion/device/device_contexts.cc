#include "tensor_fusion/device/device_contexts.h"

#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "collectives/shared/set_up_exchange.h"
#include "core/base/log.h"
#include "core/control/message.h"

namespace ronde {

// The world's, of which the others are views, is the first and goes last.
DeviceContexts::~DeviceContexts() {
  while (!contexts_.empty()) contexts_.erase(std::prev(contexts_.end()));
}

DeviceContexts::Entry* DeviceContexts::Find(int process_set) {
  const auto found = contexts_.find(process_set);
  return found == contexts_.end() ? nullptr : &found->second;
}

bool DeviceContexts::Outdated(int process_set) {
  const Entry* const entry = Find(process_set);
  return entry != nullptr && !entry->is_view && Find(kWorld) != nullptr;
}

Result<DeviceContexts::Entry*> DeviceContexts::Open(int process_set, CollectiveContext& group,
                                                    Device* device) {
  if (Entry* const entry = Find(process_set)) return entry;
  Entry* const world = Find(kWorld);
  const bool is_view = process_set == kWorld || world != nullptr;
  Result<std::unique_ptr<DeviceContext>> context =
      world != nullptr ? DeviceContext::CreateWithin(*world->context, group)
                       : DeviceContext::Create(group, device, {.staging_bytes = staging_bytes_});
  if (!context.ok()) {
    if (context.status().code() != StatusCode::kInvalidArgument) return context.status();
    Log(LogLevel::kDebug, "device memory is staged: ", context.status().message());
    return nullptr;
  }
  const std::lock_guard lock(mutex_);
  Entry& entry = contexts_[process_set];
  entry.context = std::move(context).value();
  entry.is_view = is_view;
  if (aborted_) entry.context->Abort();
  if (process_set == kWorld) world_.store(entry.context.get(), std::memory_order_release);
  return &entry;
}

Status DeviceContexts::MeetPeers(int process_set, const Deadline& deadline) {
  Entry* const entry = Find(process_set);
  if (entry == nullptr || entry->context->size() == 1) return Status::Ok();
  std::vector<std::uint8_t> met(static_cast<std::size_t>(entry->context->size()));
  return ExchangeRecords(entry->context->group().transport(), &met, deadline);
}

// In one order on all ranks, so that no two wait for each other in turn.
Status DeviceContexts::MeetPeers(const Deadline& deadline) {
  for (const auto& [process_set, entry] : contexts_) {
    RONDE_RETURN_IF_ERROR(MeetPeers(process_set, deadline));
  }
  return Status::Ok();
}

void DeviceContexts::Remove(int process_set) {
  std::map<int, Entry>::node_type removed;  // destroyed without the lock: it waits for its streams
  const std::lock_guard lock(mutex_);
  removed = contexts_.extract(process_set);
}

MemoryPlace DeviceContexts::FindMemory(const void* data, std::size_t size_bytes) const {
  const DeviceContext* const world = world_.load(std::memory_order_acquire);
  return world == nullptr ? MemoryPlace{} : world->Find(data, size_bytes);
}

void DeviceContexts::Abort() {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  for (auto& [process_set, entry] : contexts_) entry.context->Abort();
}

void DeviceContexts::Detach() {
  for (auto& [process_set, entry] : contexts_) entry.context->Detach();
}

}  // namespace ronde
