#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/control/handle_state.h"

namespace ronde {

/// Who does what handles are waited for, and may do it on the waiting thread.
class HandleHelper {
 public:
  /// This thread is about to sleep until `handle` is issued: may do what there is to do until then.
  virtual void Help(const Handle& handle) = 0;
  /// Somebody looks whether a handle has completed, or will sleep in a way that cannot help.
  virtual void Nudge() = 0;

 protected:
  ~HandleHelper() = default;
};

/// The memory of handles that are made again and again: a state goes back to it with the last
/// handle of its operation, and the pool goes when its owner and all its handles have gone. It
/// never shrinks before. Cost: making one takes no locked instruction, giving it back one.
/// Thread rule: Make one thread at a time; handles return from any thread.
class HandlePool {
 public:
  struct Closer {
    void operator()(HandlePool* pool) const { pool->Close(); }
  };
  using Owned = std::unique_ptr<HandlePool, Closer>;
  [[nodiscard]] static Owned Create() { return Owned(new HandlePool); }

  HandlePool(const HandlePool&) = delete;
  HandlePool& operator=(const HandlePool&) = delete;

  /// Two handles of the same operation, one to keep and one to give away.
  [[nodiscard]] std::pair<Handle, Handle> MakeTwo(HandleOwner& owner, void* item);
  /// Null: nobody; then none is under way on return. Any thread but one that helps.
  void SetHelper(HandleHelper* helper);
  void Help(const Handle& handle);
  void Nudge();

  /// Of a handle of this pool that nobody holds any more.
  void Return(Handle::State& state);

 private:
  static constexpr std::size_t kBlockStates = 64;

  HandlePool() = default;
  ~HandlePool() = default;
  void Close();
  void Grow();

  std::vector<std::unique_ptr<Handle::State[]>> blocks_;
  Handle::State* free_ = nullptr;  // a list; the maker's
  // A list of what has come back; closed_ once nobody makes any more. Release and acquire publish
  // what was done with the states.
  std::atomic<Handle::State*> returned_{nullptr};
  // After Close: how many are still out; before, minus those that came too late for the list.
  std::atomic<std::int64_t> out_{0};
  Handle::State closed_;  // no list
  // Sequentially consistent: of "count, then look for a helper" and "take the helper away, then
  // look at the count" at least one side sees the other.
  std::atomic<HandleHelper*> helper_{nullptr};
  std::atomic<int> helping_{0};
};

}  // namespace ronde
