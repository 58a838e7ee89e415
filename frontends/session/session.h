#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/config.h"
#include "core/base/status.h"
#include "core/base/tensor_view.h"
#include "core/comm/transport.h"
#include "core/control/block_shape.h"
#include "core/control/handle.h"
#include "core/control/message.h"
#include "core/observation/metrics_snapshot.h"

namespace ronde {

class Device;

/// When a periodic model average is due: after every step t > origin with (t - origin) mod period =
/// 0. Steps count from 1. Windows cross epochs: only the step counts.
struct AverageSchedule {
  std::int64_t period = 1;  ///< H, at least 1
  std::int64_t origin = 0;  ///< T: local steps are counted from here
  [[nodiscard]] bool Due(std::int64_t step) const {
    return step > origin && (step - origin) % period == 0;
  }
};

struct AllreduceOptions {
  ReduceOp op = ReduceOp::kAverage;
  double prescale = 1;
  double postscale = 1;
  int process_set = kWorld;
};

/// What a session has done since its start, on this rank; cumulative.
struct SessionCounters {
  std::uint64_t operations = 0;
  std::uint64_t payload_bytes = 0;  ///< handed to data collectives
  std::uint64_t bytes_on_wire = 0;  ///< sent to peers, through shared memory or network
  std::uint64_t bytes_packed = 0;   ///< copied into the fusion buffer, padding included
  double seconds_outstanding = 0;   ///< at least one operation pending
  double seconds_executing = 0;     ///< the engine moving data
};

/// One rank of a data-parallel job: owns and wires transport, collectives, executor and engine.
/// Several may live in one process (ranks as threads). Thread rule: thread-safe.
///
/// All buffers are lent until the returned handle completes. Names pair operations across ranks:
/// ranks may submit different names in different orders. Errors arrive through the handle.
///
/// Buffers may be in device memory (TensorView::device), then on all ranks and both input and
/// output, else all ranks' handles report the same kMismatch or kInvalidArgument; a rank uses one
/// device, the first that it comes with, and that must outlive the session and its handles. The
/// values are taken after TensorView::ready; Handle::WaitOn makes a stream wait for the result, and
/// the name is free again when that returns, while Wait waits on the host. What handles carry (rows
/// gathered without an output) is in host memory all the same. A kind of operation that the device
/// has no form for is copied to the host and back, and there waits on the engine's thread.
///
/// Every operation may be one of a process set, whose ranks alone submit it: names, roots, splits,
/// and the rows of results then count the ranks of the set, and averages divide by its size.
/// A set that does not exist, or that this rank is not in, is kInvalidArgument here alone.
class Session {
 public:
  /// Under an MPI or PMIx launcher: over MPI. Started bare: one rank in process, MPI untouched.
  [[nodiscard]] static Result<std::unique_ptr<Session>> Create(const Config& config);
  /// On a given transport (tests, ranks as threads). Collective.
  [[nodiscard]] static Result<std::unique_ptr<Session>> CreateOn(
      std::unique_ptr<Transport> transport, const Config& config);
  /// Shuts down; when an exception is unwinding the stack, aborts the job instead.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;
  [[nodiscard]] int local_rank() const;
  [[nodiscard]] int local_size() const;
  [[nodiscard]] int cross_rank() const;
  [[nodiscard]] int cross_size() const;
  [[nodiscard]] const Config& config() const;

  /// Collective, with the same size on all ranks: memory that collectives reach on every rank of a
  /// host, so that they copy nothing in or out. Zero-filled and page-aligned; lives as long as the
  /// pointer, the session's end included. Buffers that lie at the same place on all ranks gain from
  /// it, others are ordinary memory. Where ranks cannot share memory, all of it is.
  /// Errors: kMismatch, kUnavailable (no memory), the session's failure.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> Allocate(std::size_t size_bytes);
  /// Collective, with the same size on all ranks: the same in the memory of `device`, which is this
  /// rank's own choice. Zero-filled, aligned to 256 bytes at least. The pointer, like every buffer
  /// in device memory, may outlive the session but not the device.
  /// Errors: as Allocate; kInvalidArgument on all ranks alike where a rank has used another device.
  [[nodiscard]] Result<std::shared_ptr<std::byte>> AllocateOn(Device& device,
                                                              std::size_t size_bytes);

  /// output[i] = reduce over ranks of input[i]; output may be input, else they lie apart: where
  /// they overlap otherwise, here and below, all ranks get the same kInvalidArgument. Equal dtype
  /// and shape on all ranks, else every rank's handle reports the same kMismatch and the job goes
  /// on.
  Handle AllreduceAsync(const std::string& name, const TensorView& input, const TensorView& output,
                        const AllreduceOptions& options = {});
  /// Several tensors as one operation, all or nothing: fused whatever else is ready, and negotiated
  /// once for each dtype. inputs[i] goes to outputs[i]; members must agree on all ranks in number,
  /// dtypes and element counts. Cheaper than one operation per tensor.
  Handle GroupedAllreduceAsync(const std::string& name, const std::vector<TensorView>& inputs,
                               const std::vector<TensorView>& outputs,
                               AllreduceOptions options = {});
  /// Root's values to everyone, in place.
  Handle BroadcastAsync(const std::string& name, TensorView inout, int root,
                        int process_set = kWorld);
  /// Concatenates along the first dimension, whose extent may differ between ranks; the result is
  /// in handle.result().
  Handle AllgatherAsync(const std::string& name, TensorView input, int process_set = kWorld);
  /// The same into `output`, which is of AllgatherShape(input.shape, size of the set): shapes are
  /// equal on all ranks, else kMismatch. `input` may be this rank's block of it. In registered
  /// memory of one host every rank writes its rows where they belong, and nothing is copied
  /// besides.
  Handle AllgatherAsync(const std::string& name, TensorView input, TensorView output,
                        int process_set = kWorld);
  /// One allgather for each input, all or nothing: none runs before all of them can on all ranks,
  /// and they fail together. One handle each, in order; a single one with kInvalidArgument where
  /// there are no inputs.
  std::vector<Handle> GroupedAllgatherAsync(const std::string& name,
                                            const std::vector<TensorView>& inputs,
                                            int process_set = kWorld);
  /// The same into outputs[i], as AllgatherAsync does.
  std::vector<Handle> GroupedAllgatherAsync(const std::string& name,
                                            const std::vector<TensorView>& inputs,
                                            const std::vector<TensorView>& outputs,
                                            int process_set = kWorld);
  /// Reduces over ranks and deals the rows of the result to the ranks, in order: this rank gets
  /// ReducescatterShape(input.shape, rank and size in the set) of it, which is the shape of
  /// `output`; that may be this rank's block of `input`. Equal dtype and shape on all ranks, else
  /// kMismatch.
  Handle ReducescatterAsync(const std::string& name, TensorView input, TensorView output,
                            AllreduceOptions options = {});
  /// One reducescatter for each input into outputs[i], all or nothing, as GroupedAllgatherAsync.
  std::vector<Handle> GroupedReducescatterAsync(const std::string& name,
                                                const std::vector<TensorView>& inputs,
                                                const std::vector<TensorView>& outputs,
                                                AllreduceOptions options = {});
  /// splits[r] rows of `input`, one behind the other, go to rank r. Ranks may have different rows
  /// and splits, everything else must agree. handle.result() has the rows from all ranks, in rank
  /// order, and in rank_extents how many came from each. Splits that are not one for each rank, are
  /// negative or do not add up to the rows are the same kInvalidArgument on all ranks.
  Handle AlltoallAsync(const std::string& name, TensorView input,
                       const std::vector<std::int64_t>& splits, int process_set = kWorld);
  /// Completes once all ranks have entered.
  Handle BarrierAsync(const std::string& name = "barrier", int process_set = kWorld);
  /// The periodic model average, in place over `parameters` (best one flat buffer): when
  /// `schedule.Due(step)`, averages over all ranks (16-bit types in fp32); otherwise completes at
  /// once with result().performed = false and communicates nothing. Ranks that disagree on period,
  /// origin or step get the same kMismatch.
  Handle AverageModelAsync(const std::string& name, TensorView parameters,
                           const AverageSchedule& schedule, std::int64_t step,
                           int process_set = kWorld);

  /// Collective over all ranks, in the same order: a new process set of these world ranks, which
  /// ascend. Returns its number, the same on all ranks: from 1, after those of --process-sets, and
  /// never used twice. Errors, the same on all ranks: kInvalidArgument (no ranks, one that does not
  /// exist, or in the wrong order), kMismatch (not the same ranks everywhere).
  [[nodiscard]] Result<int> AddProcessSet(const std::vector<int>& ranks);
  /// Collective over all ranks: what is in flight in the set ends with an error. Errors, the same
  /// on all ranks: kInvalidArgument (no such set, or kWorld), kMismatch.
  Status RemoveProcessSet(int process_set);
  /// Its world ranks, ascending. Error: kInvalidArgument where there is no such set.
  [[nodiscard]] Result<std::vector<int>> ProcessSetRanks(int process_set) const;
  /// This rank in the set, -1 where it is not one of it; the set's size. Both -1 without such a
  /// set.
  [[nodiscard]] int process_set_rank(int process_set) const;
  [[nodiscard]] int process_set_size(int process_set) const;

  /// This rank has no more data: until all ranks have said so, it takes part in what the others
  /// still submit with zeros (allreduce by sum or average, reducescatter) or no rows (allgather); a
  /// broadcast from it, and every operation that zeros would spoil, is kInvalidArgument on the
  /// ranks that submit it. Completes, with result().last_joined, when all ranks have joined;
  /// meanwhile this rank submits nothing.
  Handle JoinAsync();
  /// Waits for that; returns the rank that joined last.
  [[nodiscard]] Result<int> Join();

  /// Collective: the same status on all ranks, kOk if all passed kOk, else that of the lowest
  /// failing rank (its message as it is). For input that each rank checks for itself.
  Status AgreeOnStatus(const Status& mine);

  /// Records this rank's operations as a Chrome trace from now on (see docs/timeline.md): rank 0
  /// into `path`, rank N with .rankN before its extension. `mark_cycles` also marks each list of
  /// agreed operations. Not collective, at any time, one recording at a time. Error:
  /// kInvalidArgument: the file cannot be written, or something is being recorded.
  Status StartTimeline(const std::string& path, bool mark_cycles = false);
  /// Ends the recording, if there is one; the file is complete on return. Error: kUnavailable when
  /// not all of it could be written.
  Status StopTimeline();

  /// Ends the job on all ranks with this cause; handles complete with it.
  void Abort(const Status& cause);
  /// Whether this thread is in a callback of a handle (not of one that had completed before), where
  /// nothing can be waited for and the session not be destroyed.
  [[nodiscard]] bool InCallback() const;
  /// Collective; never hangs; idempotent. Returns the job's failure, if any.
  Status Shutdown();
  [[nodiscard]] Status status() const;
  [[nodiscard]] SessionCounters counters() const;
  /// Calls, bytes, times, failures, stragglers, cache and fusion since the session's start, with
  /// quantiles; the same as Prometheus text. docs/metrics.md explains each.
  [[nodiscard]] MetricsSnapshot metrics() const;
  [[nodiscard]] std::string MetricsText() const;

 private:
  Session();
  /// What the settings ask for; collective.
  Status StartObserving();
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace ronde
