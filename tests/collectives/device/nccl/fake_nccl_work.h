#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/types.h"
#include "core/device/device.h"

// What FakeNccl puts on streams.

namespace ronde {

enum class FakeNcclKind {
  kAllReduce,
  kReduce,
  kReduceScatter,
  kBroadcast,
  kAllGather,
  kSend,
  kReceive
};

struct FakeNcclOp {
  FakeNcclKind kind = FakeNcclKind::kSend;
  const void* input = nullptr;
  void* output = nullptr;
  std::size_t count = 0;  ///< elements; of kUInt8 where bytes are moved
  DataType dtype = DataType::kUInt8;
  ReduceOp op = ReduceOp::kSum;
  double factor = 1;
  int peer = 0;  ///< or root
  StreamView stream;
  std::size_t number = 0;  ///< of the collective

  [[nodiscard]] bool IsMessage() const {
    return kind == FakeNcclKind::kSend || kind == FakeNcclKind::kReceive;
  }
};

/// One collective as its ranks see it.
struct FakeNcclRecord {
  std::map<int, FakeNcclOp> arrived;             ///< by rank
  std::map<int, std::vector<std::byte>> inputs;  ///< by rank
};

/// The ranks of a unique id. Thread rule: guarded by its mutex.
struct FakeNcclWorld {
  explicit FakeNcclWorld(int size) : ranks(size), aborted(static_cast<std::size_t>(size)) {}

  const int ranks;
  std::mutex mutex;
  std::condition_variable changed;
  int initialised = 0;
  int finalized = 0;
  std::vector<bool> aborted;  ///< by rank
  std::vector<std::string> violations;
  std::map<std::size_t, FakeNcclRecord> records;
  std::map<std::pair<int, int>, std::deque<std::vector<std::byte>>> mail;  ///< from, to

  /// A group of calls of one rank, on its stream's thread. Returns early where the rank aborts.
  void Run(int rank, const std::vector<FakeNcclOp>& ops);

 private:
  void Post(int rank, const FakeNcclOp& op);  // requires mutex
  bool Complete(std::unique_lock<std::mutex>& lock, int rank, const FakeNcclOp& op);
  template <typename Condition>
  bool WaitFor(std::unique_lock<std::mutex>& lock, int rank, const Condition& condition);
  void Deliver(int rank, const FakeNcclOp& op, FakeNcclRecord& record);
};

}  // namespace ronde
