#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

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
  std::size_t padding_bytes = 0;  ///< lent behind the output, see TensorView
};

/// This rank's part of an operation: buffers that the caller lends until the handle completes.
struct TensorEntry {
  Request request;                 ///< to submit it; the executor gets ReadyOperation::response
  TensorView input;                ///< read; may equal output
  TensorView output;               ///< written (or handle.mutable_result(), for what has a result)
  std::vector<GroupMember> group;  ///< a group's buffers, in place of input and output
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
  /// handle as soon as its data is there. Operations with an error never reach the executor.
  /// A failure leaves the data plane unusable: the engine latches it and aborts the job.
  /// Operations of a process set reach its members only.
  virtual Status Execute(std::span<ReadyOperation> operations) = 0;

  /// What is in force, and what is to be from the next Execute on; the same call on all ranks.
  [[nodiscard]] virtual Tunables tunables() const { return {}; }
  virtual void Apply(const Tunables& /*tunables*/) {}
  /// Tells `observer` of batches, phases and what succeeds from now on; null stops it. Before the
  /// first Execute.
  virtual void Observe(EngineObserver* /*observer*/) {}
};

}  // namespace ronde
