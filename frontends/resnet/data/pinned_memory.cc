#include "frontends/resnet/data/pinned_memory.h"

#include <new>

namespace ronde {

PinnedMemory::~PinnedMemory() {
  for (const auto& [size_bytes, memory] : kept_) device_.FreePinned(memory);
}

void* PinnedMemory::do_allocate(std::size_t size_bytes, std::size_t /*alignment*/) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(size_bytes);
    if (found != kept_.end()) {
      void* const memory = found->second;
      kept_.erase(found);
      return memory;
    }
  }
  const Result<void*> memory = device_.AllocatePinned(size_bytes);
  if (!memory.ok()) throw std::bad_alloc();
  return memory.value();
}

void PinnedMemory::do_deallocate(void* memory, std::size_t size_bytes, std::size_t /*alignment*/) {
  const std::lock_guard lock(mutex_);
  kept_.emplace(size_bytes, memory);
}

}  // namespace ronde
