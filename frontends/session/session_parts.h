#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/device/device_selector.h"
#include "collectives/selector.h"
#include "core/control/engine.h"
#include "core/observation/metrics.h"
#include "core/observation/metrics_outlets.h"
#include "core/observation/observer_list.h"
#include "core/observation/timeline.h"
#include "frontends/session/autotuning.h"
#include "frontends/session/process_set_table.h"
#include "frontends/session/session.h"
#include "tensor_fusion/fused_executor.h"

namespace ronde {

/// What a session owns, for its parts: its life (session.cc), its operations
/// (session_operations.cc), groups of them (session_groups.cc), process sets and join
/// (session_sets.cc). Declared in the order of construction: each borrows from those above it.
struct Session::Parts {
  Parts(std::unique_ptr<Transport> transport_in, std::unique_ptr<CollectiveContext> context_in,
        Selector selector, DeviceSelector device_selector, Config config_in,
        const ClockOffset& clock_offset, std::unique_ptr<Autotuning> autotuning_in)
      : config(std::move(config_in)),
        transport(std::move(transport_in)),
        context(std::move(context_in)),
        executor(*context, std::move(selector),
                 static_cast<std::size_t>(config.GetInteger(Setting::kFusionThresholdBytes)),
                 std::move(device_selector)),
        timeline({transport->rank(), transport->host_name(transport->rank()), clock_offset}),
        metrics(context->rank(), context->size(),
                [this] { return executor.tunables().fusion_threshold_bytes; }),
        observers({&metrics, &timeline}),
        autotuning(std::move(autotuning_in)),
        engine(*transport, executor, config, clock, &observers,
               autotuning == nullptr ? nullptr : &autotuning->autotuner()),
        process_sets(context->rank(), context->size()) {}

  /// An operation that is ready to be submitted.
  struct Submission {
    Request request;
    TensorView input;
    TensorView output;
  };

  /// Whether the buffers are in device memory, an objection where they cannot be where they are,
  /// and where they lie; an output of another shape than the request's must be countable.
  void SetPlaces(const TensorView& input, const TensorView& output, Request& request);
  /// The same without the places.
  void SetMemories(const TensorView& input, const TensorView& output, Request& request);
  /// The one device of this rank, which is `asked` if there has been none.
  [[nodiscard]] const Device* OwnDevice(Device* asked);
  /// A default place where these bytes are not in memory that peers reach.
  [[nodiscard]] MemoryPlace PlaceOf(const void* data, std::size_t size_bytes,
                                    bool on_device) const {
    return on_device ? executor.FindOnDevice(data, size_bytes)
                     : context->registered().Find(data, size_bytes);
  }
  /// This rank's place in a set; an error names the operation.
  [[nodiscard]] Result<ProcessSetPlace> PlaceIn(int process_set, const std::string& name) const;
  /// The operation without a request made of it, where it is that of the step before.
  [[nodiscard]] std::optional<Handle> AllreduceAgain(const std::string& name,
                                                     const TensorView& input,
                                                     const TensorView& output,
                                                     const AllreduceOptions& options);
  // Operations that may come alone or in groups.
  [[nodiscard]] Result<Submission> Allgather(const std::string& name, TensorView input,
                                             int process_set);
  [[nodiscard]] Result<Submission> AllgatherInto(const std::string& name, TensorView input,
                                                 TensorView output, int process_set);
  [[nodiscard]] Result<Submission> Reducescatter(const std::string& name, TensorView input,
                                                 TensorView output,
                                                 const AllreduceOptions& options);
  Handle Submit(Result<Submission> submission) {
    if (!submission.ok()) return Handle::Completed(submission.status());
    Submission& ready = submission.value();
    return engine.Enqueue(std::move(ready.request), std::move(ready.input),
                          std::move(ready.output));
  }
  /// All of make(name of the member, index), which are Results of Submissions, or none of them.
  template <typename Make>
  std::vector<Handle> SubmitGroup(const std::string& name, std::size_t members, const Make& make);
  /// Of a group that lies as it would be packed.
  [[nodiscard]] MemoryPlace PlaceOf(const std::vector<GroupMember>& group,
                                    const Request& request) const;
  /// SetMemories of a group, for all its members together.
  void SetMemories(const std::vector<TensorView>& inputs, const std::vector<TensorView>& outputs,
                   Request& request);
  [[nodiscard]] MetricsSnapshot ReadMetrics() const;

  const Config config;
  SteadyClock clock;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<CollectiveContext> context;
  FusedExecutor executor;
  Timeline timeline;
  Metrics metrics;
  ObserverList observers;
  std::unique_ptr<Autotuning> autotuning;  // null where there is nothing to tune
  Engine engine;
  MetricsOutlets metrics_outlets;
  ProcessSetTable process_sets;
  // Held for as long as an operation of that one name takes, so that threads queue up for it. No
  // numbers in the names: a rank that has joined takes part in none, and would lose count.
  std::mutex agreement;
  std::mutex allocation;
  std::mutex process_set_change;
  // Relaxed: only the value matters; whoever brings a device knows it.
  std::atomic<Device*> device{nullptr};  // of this rank; set once
  int exceptions_at_creation = std::uncaught_exceptions();
};

}  // namespace ronde
