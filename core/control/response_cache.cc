#include "core/control/response_cache.h"

#include <utility>

#include "core/control/process_sets.h"

namespace ronde {

int ResponseCache::Find(const Request& request) const {
  const auto found =
      request.process_set == kWorld ? slots_.find(request.name) : slots_.find(KeyOf(request));
  if (found == slots_.end()) return -1;
  return Matches(found->second, request) ? found->second : -1;
}

bool ResponseCache::Matches(int slot, const Request& request) const {
  const Entry& entry = entries_[slot];
  return entry.mine.has_value() && *entry.mine == request;
}

int ResponseCache::SlotOf(const std::string& key) const {
  const auto found = slots_.find(key);
  return found == slots_.end() ? -1 : found->second;
}

void ResponseCache::Put(int slot, std::shared_ptr<Response> response, const Request* mine,
                        std::uint64_t list) {
  const auto index = static_cast<std::size_t>(slot);
  if (entries_.size() <= index) entries_.resize(index + 1);
  Entry& entry = entries_[index];
  slots_.erase(entry.key);
  entry.key = KeyOf(response->request);
  entry.response = std::move(response);
  entry.mine.reset();
  if (mine != nullptr) entry.mine = *mine;
  entry.changed_in = list;
  slots_[entry.key] = slot;
}

void ResponseCache::Evict(int slot, std::uint64_t list) {
  if (!Holds(slot)) return;
  Entry& entry = entries_[slot];
  slots_.erase(entry.key);
  entry.key.clear();
  entry.response.reset();
  entry.mine.reset();
  entry.changed_in = list;
}

bool ResponseCache::Holds(int slot) const {
  return slot >= 0 && static_cast<std::size_t>(slot) < entries_.size() &&
         entries_[slot].response != nullptr;
}

std::uint64_t ResponseCache::changed_in(int slot) const {
  return static_cast<std::size_t>(slot) < entries_.size() ? entries_[slot].changed_in : 0;
}

}  // namespace ronde
