#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/control/executor.h"
#include "core/control/handle_pool.h"
#include "core/control/message.h"
#include "core/control/repeated_allreduce.h"

namespace ronde {

/// The operations that are in flight on this rank, by key (KeyOf: the name, within its process
/// set): from Add until their handles complete. What is asked for again and again keeps its place
/// in between, so that steady state neither allocates nor hashes on the engine's thread. Thread
/// rule: thread-safe; guarded by mutex_. Handles are completed outside of it.
class TensorQueue final : private HandleOwner {
 public:
  /// One operation in flight; stays where it is until it is released, or longer where kept.
  class Slot {
   public:
    /// Engine thread, from DrainNew until Take.
    [[nodiscard]] const Request& request() const { return request_; }
    /// It is what was asked for when Keep said so, whatever that was.
    [[nodiscard]] bool unchanged() const { return hot_.unchanged; }
    [[nodiscard]] const std::string& key() const { return *hot_.key; }
    /// Engine thread: where the response cache has what this rank asked for last, or -1.
    int cache_slot = -1;

   private:
    friend class TensorQueue;
    enum class Stage : std::uint8_t { kFree, kNew, kDrained, kTaken };
    // AddAgain touches this alone, which lies close together: after a step's data none of it is in
    // the cache.
    struct Hot {
      Stage stage = Stage::kFree;
      bool kept = false;
      bool unchanged = false;
      bool by_again = false;  // as it is now: its buffers are these, and else as before
      const std::string* key = nullptr;
      Slot* next = nullptr;  // a kept one, which was asked for after this one the last time
      Handle handle{nullptr};
      RepeatedAllreduce repeated;  // what request_ says, where kept and unchanged
      void* input = nullptr;
      void* output = nullptr;
      std::size_t input_padding_bytes = 0;
      std::size_t output_padding_bytes = 0;
      std::int64_t enqueued_ns = 0;
    };
    Hot hot_;
    // Both stay when the operation has ended, so that the next one needs no memory: what one thread
    // allocates, another had better not free.
    TensorEntry entry_{.request = {}, .handle = Handle(nullptr)};  // without request and handle
    Request request_;
  };

  /// `clock` must outlive the queue.
  TensorQueue(int rank, const Clock& clock) : rank_(rank), clock_(clock) {}

  /// Who helps those that wait for this queue's handles, see HandlePool.
  void SetHelper(HandleHelper* helper) { handles_->SetHelper(helper); }

  struct Added {
    Handle handle;
    bool wake = false;  ///< the engine has to be woken, see Expect
  };
  /// Adds an operation, asked for at `now_ns`; `entry` comes without its handle. Tells
  /// `observer`, which may be null, where the operation is taken.
  /// Errors: kDuplicateName; what Close or FailAll left.
  [[nodiscard]] Result<Added> Add(TensorEntry&& entry, std::int64_t now_ns,
                                  EngineObserver* observer = nullptr);

  /// The same as Add for an allreduce that is what was asked for by that name the last time, which
  /// needs no request made of it. Nothing where it may be anything else: then Add knows more.
  [[nodiscard]] std::optional<Added> AddAgain(const AllreduceCall& call, std::int64_t now_ns,
                                              EngineObserver* observer = nullptr);

  /// The same for several, all or none; the handles are those of `entries`, in order.
  [[nodiscard]] Result<std::vector<Added>> AddAll(std::vector<TensorEntry> entries,
                                                  std::int64_t now_ns,
                                                  EngineObserver* observer = nullptr);

  struct New {
    std::vector<Slot*> slots;  ///< in the order of submission
    bool closed = false;       ///< nothing will follow them
    bool is_burst = false;     ///< nothing else is in flight
  };
  /// The operations that no call has returned before; from now on they can be taken. Until the next
  /// Expect nobody has to wake the engine: it looks here once more before it sleeps.
  [[nodiscard]] New DrainNew();

  /// The engine sleeps, until `count` operations are new (at least 1), or one that has no place of
  /// its own here or was asked for at `until_ns` or later is. False where so many are there
  /// already.
  [[nodiscard]] bool Expect(std::size_t count, std::int64_t until_ns = INT64_MAX);

  /// A drained operation that has not been taken, or null.
  [[nodiscard]] Slot* Find(const std::string& key);
  /// Every drained operation of a process set.
  [[nodiscard]] std::vector<Slot*> FindAllOf(int process_set);
  /// Hands out such an operation for execution, its request excepted; its key stays in use until
  /// its handle completes.
  [[nodiscard]] TensorEntry Take(Slot& slot);
  /// The same for several, with the queue's own hold on their handles, into what is of earlier
  /// operations; `are_same`: of equal requests in the same places.
  void TakeAll(std::span<Slot* const> slots, std::span<ReadyOperation> into, bool are_same);
  /// After TakeAll, when it has come to nothing: the queue holds the handles again.
  void GiveBack(std::span<Slot* const> slots, std::span<const ReadyOperation> from);
  /// Whether the place stays when the operation has ended.
  void Keep(Slot& slot, bool keep);

  /// Later operations are refused with `why`, or kShutdown where that is kOk.
  void Close(const Status& why = Status::Ok());
  /// Completes all operations in flight with `status`, of which `observer`, which may be null, is
  /// told; later ones are refused with it.
  void FailAll(const Status& status, EngineObserver* observer = nullptr);

  [[nodiscard]] std::size_t in_flight() const;
  /// The name of what has been in flight longest, "" where nothing is.
  [[nodiscard]] std::string oldest() const;
  /// Time during which at least one operation was in flight, up to now.
  [[nodiscard]] std::int64_t outstanding_ns() const;
  /// Operations that have completed without error.
  [[nodiscard]] std::uint64_t completed() const {
    return completed_.load(std::memory_order_relaxed);
  }

 private:
  using Stage = Slot::Stage;
  /// A free slot for the operation, now in use, or kDuplicateName.
  Result<Slot*> Reserve(const Request& request);
  Added Fill(Slot& slot, TensorEntry&& entry, std::int64_t now_ns);
  /// A reserved slot is new; the handle to give away.
  Added Enter(Slot& slot, std::int64_t now_ns);
  /// The place that `name` of the world has, or null; most likely it comes after the last one.
  [[nodiscard]] Slot* FindAgain(const std::string& name);
  // All but the handle.
  static void TakeInto(Slot& slot, TensorEntry& entry);
  // Where `entry` is of an equal request in the same place: what differs from that.
  static void TakeBuffers(Slot& slot, TensorEntry& entry);
  static void Prefetch(const Slot& slot);
  [[nodiscard]] bool TakeWake(const Slot& slot);
  void Free(Slot& slot);
  /// A slot's operation has ended: its key may be used again.
  void BeforeCompletion(void* item, const Status& status) override;
  void BeforeCompletions(std::span<void* const> items) override;

  const int rank_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Slot> slots_;  // nodes stay where they are
  HandlePool::Owned handles_ = HandlePool::Create();
  std::vector<Slot*> new_;
  Slot* last_ = nullptr;                      // that was asked for, if kept
  std::size_t wake_at_ = 1;                   // so many of new_ wake the engine; 0: it is awake
  std::int64_t expect_until_ns_ = INT64_MAX;  // from then on any one does
  std::size_t in_flight_ = 0;
  Status refusal_;  // not ok: what later operations get
  bool closed_ = false;
  std::int64_t busy_since_ns_ = 0;  // meaningful while something is in flight
  std::int64_t busy_ns_ = 0;
  // Relaxed: a statistic; whoever has waited for a handle is ordered behind it by the handle.
  std::atomic<std::uint64_t> completed_{0};
};

}  // namespace ronde
