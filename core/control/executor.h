#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/tensor_view.h"
#include "core/control/handle.h"
#include "core/control/message.h"
#include "core/control/tunables.h"
#include "core/observation/observer.h"

namespace ronde {

/// This rank's buffers for one tensor of a group; its length is in Request::group_counts.
struct GroupMember {
  const void* input = nullptr;  ///< may equal output
  void* output = nullptr;
  std::size_t padding_bytes = 0;                 ///< lent behind the output, see TensorView
  std::shared_ptr<const Event> ready = nullptr;  ///< the input's, see TensorView
};

/// This rank's part of an operation: buffers that the caller lends until the handle completes.
struct TensorEntry {
  Request request;                 ///< to submit it; the executor gets ReadyOperation::response
  TensorView input;                ///< read; may equal output
  TensorView output;               ///< written (or handle.mutable_result(), for what has a result)
  std::vector<GroupMember> group;  ///< a group's buffers, in place of input and output
  /// Whose memory all of them are in; null: the host's. Null also of a stand-in for a rank that has
  /// joined, whose zeros are in host memory.
  Device* device = nullptr;
  Handle handle;
  std::int64_t enqueued_ns = 0;  ///< or kStandsIn
};

/// An agreed operation together with this rank's part of it.
struct ReadyOperation {
  ReadyOperation() : response(std::make_shared<Response>()) {}
  ReadyOperation(std::shared_ptr<Response> response_in, TensorEntry entry_in)
      : response(std::move(response_in)), entry(std::move(entry_in)) {}

  /// Shape and splits are this rank's own. Shared with the response cache: not to be changed.
  std::shared_ptr<Response> response;
  TensorEntry entry;
};

/// Moves the data. Implemented to the right of core (FusedExecutor), so core never looks right.
/// Thread rule: engine-only.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `operations` in their order, which is the same on all ranks, completing each entry's
  /// handle as soon as its data is there (and it may let go of it), or issuing it, if it is in
  /// device memory: that completes later, on a thread of the executor's. Operations with an error
  /// never reach the executor. A failure leaves the data plane unusable: the engine latches it and
  /// aborts the job. Operations of a process set reach its members only.
  virtual Status Execute(std::span<ReadyOperation> operations) = 0;

  /// What is in force, and what is to be from the next Execute on; the same call on all ranks.
  [[nodiscard]] virtual Tunables tunables() const { return {}; }
  virtual void Apply(const Tunables& /*tunables*/) {}
  /// Tells `observer` of batches, phases and what succeeds from now on; null stops it. Before the
  /// first Execute.
  virtual void Observe(EngineObserver* /*observer*/) {}

  /// Waits for what has been issued: all handles have completed on return. kTimeout where that took
  /// too long, else the first failure of what was issued.
  virtual Status Drain(Deadline /*deadline*/) { return Status::Ok(); }
  /// Lets what has been issued end soon, successful or not: the job has failed. Thread-safe.
  virtual void Interrupt() {}
  /// `callback` is called, once, with the first failure of what was issued, on any thread; null:
  /// nobody is, from the return on.
  virtual void OnLateFailure(std::function<void(const Status&)> /*callback*/) {}
};

}  // namespace ronde
