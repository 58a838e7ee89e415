#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "collectives/collective_context.h"
#include "collectives/selector.h"
#include "core/control/engine.h"
#include "frontends/session/session.h"
#include "tensor_fusion/fused_executor.h"

namespace ronde {

/// What a session owns, for its two halves: its life (session.cc) and its operations
/// (session_operations.cc). Declared in the order of construction: each borrows from those above
/// it.
struct Session::Parts {
  Parts(std::unique_ptr<Transport> transport_in, std::unique_ptr<CollectiveContext> context_in,
        Selector selector, Config config_in)
      : config(std::move(config_in)),
        transport(std::move(transport_in)),
        context(std::move(context_in)),
        executor(*context, std::move(selector),
                 static_cast<std::size_t>(config.GetInteger(Setting::kFusionThresholdBytes))),
        engine(*transport, executor, config, clock) {}

  /// Where the buffers lie; an output of another shape than the request's must be countable.
  void SetPlaces(const TensorView& input, const TensorView& output, Request& request) const {
    // No size can be taken of what cannot be sent; the engine says why.
    if (!request.objection.empty() || !Validate(request).ok()) return;
    request.input_place = context->registered().Find(input.data, input.size_bytes());
    request.output_place = context->registered().Find(output.data, output.size_bytes());
  }
  /// Of a group that lies as it would be packed.
  [[nodiscard]] MemoryPlace PlaceOf(const std::vector<GroupMember>& group,
                                    const Request& request) const;

  const Config config;
  SteadyClock clock;
  std::unique_ptr<Transport> transport;
  std::unique_ptr<CollectiveContext> context;
  FusedExecutor executor;
  Engine engine;
  // Relaxed: only the values matter; callers on one thread see them ascend.
  std::atomic<std::uint64_t> agreements{0};
  std::atomic<std::uint64_t> allocations{0};
  int exceptions_at_creation = std::uncaught_exceptions();
};

}  // namespace ronde
