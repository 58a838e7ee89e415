#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/control/group_dispute.h"
#include "core/control/group_gate.h"
#include "core/control/message.h"
#include "core/control/process_sets.h"
#include "core/control/slot_directory.h"
#include "core/observation/observer.h"

namespace ronde {

/// A name that some ranks have submitted and others have not.
struct WaitingTensor {
  std::string name;
  int set = kWorld;
  std::vector<int> waiting;   ///< world ranks that have submitted it, ascending
  std::vector<int> missing;   ///< members of its process set that have not, ascending
  std::string lack;           ///< what else it waits for, where nobody is missing
  std::int64_t since_ns = 0;  ///< when the first rank submitted it
};

/// Turns the requests of all ranks into one ordered list of responses. A state machine without I/O:
/// an operation is ready once every rank of its process set has requested it, in full or by its
/// slot in the response cache, and operations are answered in the order in which they became ready;
/// those of a group together. Zeros stand for ranks that have joined. An operation that needs a
/// rank which has shut down is answered with kShutdown; the message names the first such rank,
/// whose absence may be why the next ones left. Thread rule: engine-only (rank 0).
class Negotiator {
 public:
  /// `cache_capacity` slots; `observer` may be null.
  explicit Negotiator(int size, int cache_capacity = 0, EngineObserver* observer = nullptr);

  /// `now_ns` is when the request arrived. Error: kInternal where `rank` breaks the protocol (it
  /// requests a name twice, or anything after it has shut down).
  [[nodiscard]] Status AddRequest(int rank, Request request, std::int64_t now_ns);
  /// `ranks` ask again for what they have in `slot`; `last_rank` of them was the last. Without
  /// effect where the slot has changed since list number `as_of`, the last that they knew.
  void AddCached(int slot, std::span<const int> ranks, int last_rank, std::uint64_t as_of,
                 std::int64_t now_ns);
  /// The members of a slot's process set at or below `root` in the tree of ranks that are there.
  [[nodiscard]] std::vector<int> RanksBelow(int slot, int root, std::uint64_t as_of) const;
  /// `rank` will request nothing more. Error: kInternal when it has said so before.
  [[nodiscard]] Status MarkShutdown(int rank);
  /// Answers every waiting name with `error`.
  void FailWaiting(const Status& error);

  /// There are answers, or other news for all ranks.
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  [[nodiscard]] bool has_news() const {
    return has_ready() || !evicted_.empty() || absent_changed_;
  }
  /// Bytes of the data that is ready.
  [[nodiscard]] std::int64_t ready_bytes() const { return ready_bytes_; }
  /// The next list: everything since the last one, in order.
  [[nodiscard]] ResponseList TakeReady();
  /// A list without any of it: it changes no slot, and so has the number of the last one.
  [[nodiscard]] ResponseList EmptyList() const;

  /// Whether `rank`, which had seen list number `as_of`, may not ask for more: it has shut down, or
  /// has joined, or did not know by then that its join had ended.
  [[nodiscard]] bool HasLeft(int rank, std::uint64_t as_of) const {
    return shut_down_[rank] || joined_[rank] || as_of < back_in_[rank];
  }
  [[nodiscard]] bool HasShutDown(int rank) const { return shut_down_[rank]; }
  /// Whether a slot means now, and waits for, what it did in list number `as_of`.
  [[nodiscard]] bool IsCurrent(int slot, std::uint64_t as_of) const {
    return slots_.Holds(slot) && slots_.changed_in(slot) <= as_of && forgotten_in_ <= as_of;
  }

  [[nodiscard]] bool all_shut_down() const {
    return static_cast<int>(shut_down_order_.size()) == size_;
  }
  /// Ranks that have not shut down, ascending.
  [[nodiscard]] std::vector<int> running_ranks() const;

  /// Every waiting name, longest first; then those that only their groups hold back.
  [[nodiscard]] std::vector<WaitingTensor> Waiting() const;
  /// When the longest waiting name was first submitted, or earlier; cheap.
  [[nodiscard]] std::optional<std::int64_t> waiting_since_ns() const;
  /// All there is to wait for is in the response cache, and nobody is absent.
  [[nodiscard]] bool is_quiet() const;
  /// Nobody waits by slot any more: list number `list` begins a lock. Ranks that have not seen it
  /// speak of what is forgotten.
  void ForgetCached(std::uint64_t list);

  [[nodiscard]] const SlotDirectory& slots() const { return slots_; }

 private:
  /// The member of a set at `position` puts an operation into `group`, one of `size`.
  struct GroupVote {
    std::string group;
    int size = 0;
    int position = 0;
  };
  struct Pending {
    std::string key;
    std::string name;
    int set = kWorld;
    const std::vector<int>* members = nullptr;     // of the set
    std::vector<std::optional<Request>> requests;  // by position in members; none where cached
    std::vector<bool> asked;                       // the same
    int count = 0;                                 // of those that asked; 0: nothing waits
    int slot = -1;                                 // what is asked for, where cached
    std::vector<GroupVote> votes;                  // where it is asked for in full
    std::int64_t since_ns = 0;                     // when the first one asked
  };

  void Open(Pending& pending, const std::string& key, const Request& request);
  void MarkAsked(Pending& pending, std::size_t position, std::int64_t now_ns);
  void Close(Pending& pending);
  [[nodiscard]] std::vector<Pending*> PendingByAge();
  [[nodiscard]] std::vector<const Pending*> PendingByAge() const;
  [[nodiscard]] std::uint64_t next_list() const { return last_list_ + 1; }

  void AnswerIfDecided(Pending& pending, int last_rank, std::int64_t now_ns);
  void AnswerAllDecided(std::int64_t now_ns);
  /// Members that have joined in place of asking; nothing where others are still missing.
  [[nodiscard]] std::optional<std::vector<int>> JoinedOf(const Pending& pending) const;
  /// The first rank that `pending` needs and that has shut down, or -1.
  [[nodiscard]] int FindShutDown(const Pending& pending) const;
  [[nodiscard]] static Answer ErrorAnswer(const std::string& name, int set, Status error);
  [[nodiscard]] Answer Agreed(Pending& pending, std::span<const int> joined);
  [[nodiscard]] Answer FromCache(const Pending& pending, std::span<const int> joined);
  void Finish(Pending& pending, Answer answer);
  // Groups.
  [[nodiscard]] std::vector<GroupVote> VotesOf(const Pending& pending) const;
  void FinishMember(const Pending& pending, const std::vector<GroupVote>& votes, Answer answer);
  /// The slots of what has become ready since `before` are as recent as the next list.
  void TouchReady(std::size_t before);
  void OpenDisputes(const Pending& pending, const std::vector<std::pair<std::string, int>>& groups,
                    const Status& error);
  void OpenDispute(const Pending& pending, const std::string& name, const Status& error);
  /// Takes `request` where its group is in dispute and this rank is done with that.
  [[nodiscard]] bool IsDeferred(int rank, std::size_t position, const std::string& key,
                                Request& request, std::int64_t now_ns);
  [[nodiscard]] bool IsSurplus(const Pending& pending, const GroupDispute& dispute) const;
  /// Fails what the ranks that do not ask for it will never put into its group, too; tells only
  /// those that do, as the error's rank_extents.
  void AnswerSurplus();
  /// Those that are over, or all; what was deferred is negotiated then.
  Status EndDisputes(bool all);
  /// What only groups hold back, and since when the oldest of it; INT64_MAX where there is none.
  [[nodiscard]] std::vector<WaitingTensor> HeldByGroups() const;
  [[nodiscard]] std::int64_t HeldSinceNs() const;
  /// What agreed operations change here.
  void Apply(Response& response);
  void RemoveSet(Response& response);
  /// What is ready and spoke of a slot that is about to be evicted does so no more.
  void TellInFull(int slot);
  void EndJoin();
  void AssignSlot(const std::string& key, Answer& answer);
  void Evict(int slot);
  /// Ranks that have joined or shut down do not ask again in full: what they asked for by the slot
  /// that is about to go is known here.
  void KeepOfLeavers(const Pending& cached);

  const int size_;
  EngineObserver* const observer_;
  ProcessSets sets_;
  SlotDirectory slots_;
  GroupGate gate_;
  std::map<std::pair<int, std::string>, GroupDispute> disputes_;  // by process set and group
  std::unordered_map<std::string, Pending> pending_;              // asked for in full, by key
  std::vector<Pending> cached_;        // by slot; kept, so that nothing is allocated
  int open_count_ = 0;                 // of both that somebody has asked for
  std::int64_t waiting_since_ns_ = 0;  // since open_count_ was 0 for the last time
  std::vector<Answer> ready_;
  std::int64_t ready_bytes_ = 0;
  std::uint64_t last_list_ = 0;
  std::uint64_t forgotten_in_ = 0;  // the list of the last ForgetCached
  std::vector<std::uint32_t> evicted_;
  std::vector<bool> shut_down_;
  std::vector<int> shut_down_order_;  // the ranks set in shut_down_, first to last
  std::vector<bool> joined_;
  std::vector<std::uint64_t> back_in_;  // the list that ended a rank's last join
  std::string join_key_;                // under which ranks join; empty while nobody has
  int last_joined_ = -1;
  bool absent_changed_ = false;
};

}  // namespace ronde
