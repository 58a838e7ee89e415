#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "collectives/device/nccl/nccl_api.h"

namespace ronde {

struct FakeNcclWorld;
struct FakeNcclOp;

/// NCCL for streams of SimulatedDevices: one for all ranks of a process. As strict as NCCL is with
/// non-blocking communicators: what it is given is put on the stream only while it is asked for its
/// state, and whoever goes on before that has made an error. What NCCL leaves undefined (a call
/// with a communicator that has gone, two calls at once) is a violation, which tests look for.
/// Thread rule: thread-safe; guarded by its mutex. Must outlive the streams' work.
class FakeNccl final : public NcclApi {
 public:
  explicit FakeNccl(int version = 22809);
  ~FakeNccl() override;

  // --- What tests do to it. Ranks are those of the communicators.
  /// The set-up of this rank never comes to its peers.
  void HangInit(int rank);
  void FailInit(int rank, NcclResult result, std::string text);
  void FailUniqueId();
  /// From the next group on, this rank's do not get to the stream.
  void HangGroups(int rank);
  /// Something has gone wrong in the background.
  void InjectAsyncError(int rank, NcclResult result, std::string text);
  /// Finalize never ends.
  void HangFinalize();
  /// Abort blocks until Release.
  void HoldAborts();
  void ReleaseAborts();

  // --- What they see of it.
  [[nodiscard]] std::vector<std::string> violations() const;
  [[nodiscard]] int live() const;  ///< communicators that nobody has ended
  [[nodiscard]] int aborted() const;
  [[nodiscard]] int destroyed() const;
  [[nodiscard]] int live_ops() const;  ///< that CreatePreMulSum made
  /// Calls of these since the beginning: "AllReduce", "Broadcast", ...
  [[nodiscard]] int calls(const std::string& name) const;
  [[nodiscard]] int groups() const;

  int version() const override { return version_; }
  std::string path() const override { return "(fake)"; }
  std::string ErrorString(NcclResult result) override;
  std::string LastError(NcclComm comm) override;
  NcclResult GetUniqueId(NcclUniqueId* id) override;
  NcclResult InitRank(NcclComm* comm, int ranks, const NcclUniqueId& id, int rank,
                      int device_index) override;
  NcclResult GetAsyncError(NcclComm comm, NcclResult* result) override;
  NcclResult Finalize(NcclComm comm) override;
  NcclResult Destroy(NcclComm comm) override;
  NcclResult Abort(NcclComm comm) override;
  NcclResult GroupStart() override;
  NcclResult GroupEnd() override;
  NcclResult CreatePreMulSum(NcclOp* op, const void* scalar, DataType dtype,
                             NcclComm comm) override;
  NcclResult DestroyOp(NcclOp op, NcclComm comm) override;
  NcclResult AllReduce(const void* input, void* output, std::size_t count, DataType dtype,
                       NcclOp op, NcclComm comm, StreamView stream) override;
  NcclResult Reduce(const void* input, void* output, std::size_t count, DataType dtype, NcclOp op,
                    int root, NcclComm comm, StreamView stream) override;
  NcclResult ReduceScatter(const void* input, void* output, std::size_t count, DataType dtype,
                           NcclOp op, NcclComm comm, StreamView stream) override;
  NcclResult Broadcast(const void* input, void* output, std::size_t size_bytes, int root,
                       NcclComm comm, StreamView stream) override;
  NcclResult AllGather(const void* input, void* output, std::size_t size_bytes, NcclComm comm,
                       StreamView stream) override;
  NcclResult Send(const void* data, std::size_t size_bytes, int peer, NcclComm comm,
                  StreamView stream) override;
  NcclResult Receive(void* data, std::size_t size_bytes, int peer, NcclComm comm,
                     StreamView stream) override;

 private:
  class Visit;
  struct Group;
  void Violate(std::string what);  // requires mutex_
  NcclResult Add(const char* name, NcclComm comm, FakeNcclOp op);
  NcclResult EndGroup(Group group);  // requires mutex_
  bool TranslateOp(NcclComm comm, NcclOp op, FakeNcclOp* into);

  const int version_;
  mutable std::mutex mutex_;
  std::condition_variable aborts_released_;
  bool aborts_held_ = false;
  bool unique_id_fails_ = false;
  bool finalize_hangs_ = false;
  std::map<int, bool> init_hangs_;
  std::map<int, std::pair<NcclResult, std::string>> init_failures_;
  std::map<int, std::pair<NcclResult, std::string>> async_errors_;
  std::map<int, bool> groups_hang_;
  std::map<std::string, int> calls_;
  int next_id_ = 0;
  int groups_ended_ = 0;
  std::vector<std::string> violations_;
  std::vector<std::unique_ptr<ncclComm>> comms_;
  std::map<NcclUniqueId, std::shared_ptr<FakeNcclWorld>> worlds_;
  std::map<std::thread::id, Group> open_groups_;
};

}  // namespace ronde
