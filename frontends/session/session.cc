#include "frontends/session/session.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <utility>

#include "collectives/collective_context.h"
#include "collectives/selector.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/comm/transport_table.h"
#include "core/control/engine.h"
#include "frontends/session/operation_check.h"
#include "frontends/session/setting_agreement.h"
#include "tensor_fusion/fused_executor.h"

namespace ronde {
namespace {

constexpr double kSecondsPerNs = 1e-9;
constexpr std::size_t kLongestAgreedMessage = 4096;

// A status on the wire: one byte of code, then the message.
std::vector<std::byte> EncodeStatus(const Status& status) {
  const std::string message = status.message().substr(0, kLongestAgreedMessage);
  std::vector<std::byte> bytes(1 + message.size());
  bytes[0] = static_cast<std::byte>(status.code());
  std::memcpy(bytes.data() + 1, message.data(), message.size());
  return bytes;
}

Status DecodeStatus(std::span<const std::byte> bytes) {
  return {static_cast<StatusCode>(bytes[0]),
          std::string(reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1)};
}

Request AllreduceRequest(const std::string& name, DataType dtype, Shape shape,
                         const AllreduceOptions& options) {
  Request request;
  request.kind = OperationKind::kAllreduce;
  request.name = name;
  request.dtype = dtype;
  request.op = options.op;
  request.shape = std::move(shape);
  request.prescale = options.prescale;
  request.postscale = options.postscale;
  return request;
}

}  // namespace

// Declared in the order of construction: each borrows from those above it.
struct Session::Parts {
  Parts(std::unique_ptr<Transport> transport_in, std::unique_ptr<CollectiveContext> context_in,
        Selector selector, Config config_in)
      : config(std::move(config_in)),
        transport(std::move(transport_in)),
        context(std::move(context_in)),
        executor(*context, std::move(selector),
                 static_cast<std::size_t>(config.GetInteger(Setting::kFusionThresholdBytes))),
        engine(*transport, executor, config, clock) {}

  void SetPlaces(const TensorView& input, const TensorView& output, Request& request) const {
    if (!Validate(request).ok()) return;  // its size cannot be taken; the engine says why
    request.input_place = context->registered().Find(input.data, input.size_bytes());
    request.output_place = context->registered().Find(output.data, output.size_bytes());
  }
  // Of a group that lies as it would be packed.
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

MemoryPlace Session::Parts::PlaceOf(const std::vector<GroupMember>& group,
                                    const Request& request) const {
  // Most groups do not begin in registered memory, and no list is made of them.
  if (!context->registered().Find(group.front().output, 1).registered()) return {};
  std::vector<PackedTensor> tensors;
  tensors.reserve(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::size_t size_bytes =
        static_cast<std::size_t>(request.group_counts[i]) * SizeOf(request.dtype);
    tensors.push_back({group[i].input, group[i].output, size_bytes, group[i].padding_bytes});
  }
  return context->registered().Find(FindPacked(tensors), PackedSizeOf(tensors));
}

Session::Session() = default;

Result<std::unique_ptr<Session>> Session::Create(const Config& config) {
  RONDE_ASSIGN_OR_RETURN(const LogLevel level, ParseLogLevel(config.GetText(Setting::kLogLevel)));
  SetLogLevel(level);
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport, CreateLaunchedWorld(config));
  if (transport->size() > 1) SetLogPrefix(StrCat("rank ", transport->rank()));
  return CreateOn(std::move(transport), config);
}

Result<std::unique_ptr<Session>> Session::CreateOn(std::unique_ptr<Transport> transport,
                                                   const Config& config) {
  RONDE_RETURN_IF_ERROR(AgreeOnSettings(*transport, config));
  // From here on the settings are equal, so that a bad one fails on all ranks alike.
  RONDE_ASSIGN_OR_RETURN(Selector selector, Selector::Create(config));
  Result<std::unique_ptr<CollectiveContext>> context =
      CollectiveContext::Create(*transport, config);
  if (!context.ok()) {
    transport->Abort(context.status());  // whoever got further would wait for this rank
    return context.status();
  }
  std::unique_ptr<Session> session(new Session());
  session->parts_ = std::make_unique<Parts>(std::move(transport), std::move(context).value(),
                                            std::move(selector), config);
  return session;
}

Session::~Session() {
  if (parts_ == nullptr) return;
  if (std::uncaught_exceptions() > parts_->exceptions_at_creation) {
    Abort(Status::Aborted(StrCat("rank ", rank(), ": left by an exception")));
  }
  const Status status = Shutdown();
  if (!status.ok()) Log(LogLevel::kDebug, "session ended with ", status.ToString());
}

int Session::rank() const { return parts_->context->rank(); }
int Session::size() const { return parts_->context->size(); }
int Session::local_rank() const { return parts_->context->communicator().local().rank(); }
int Session::local_size() const { return parts_->context->communicator().local().size(); }
int Session::cross_rank() const { return parts_->context->communicator().cross().rank(); }
int Session::cross_size() const { return parts_->context->communicator().cross().size(); }
const Config& Session::config() const { return parts_->config; }

Result<std::shared_ptr<std::byte>> Session::Allocate(std::size_t size_bytes) {
  const std::uint64_t number = parts_->allocations.fetch_add(1, std::memory_order_relaxed);
  Request request;
  request.kind = OperationKind::kAllocate;
  request.name = StrCat("ronde.memory.", number);
  request.dtype = DataType::kUInt8;
  request.shape = {static_cast<std::int64_t>(size_bytes)};
  const Handle handle = parts_->engine.Enqueue(std::move(request), TensorView(), TensorView());
  RONDE_RETURN_IF_ERROR(handle.Wait());
  return handle.result().memory;
}

Handle Session::AllreduceAsync(const std::string& name, TensorView input, TensorView output,
                               AllreduceOptions options) {
  const Status valid = CheckAllreduce(name, input, output, options.op);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request = AllreduceRequest(name, input.dtype, input.shape, options);
  parts_->SetPlaces(input, output, request);
  return parts_->engine.Enqueue(std::move(request), std::move(input), std::move(output));
}

Handle Session::GroupedAllreduceAsync(const std::string& name,
                                      const std::vector<TensorView>& inputs,
                                      const std::vector<TensorView>& outputs,
                                      AllreduceOptions options) {
  const Status valid = CheckGroup(name, inputs, outputs, options.op);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request = AllreduceRequest(name, inputs.front().dtype, {0}, options);
  std::vector<GroupMember> group;
  group.reserve(inputs.size());
  request.group_counts.reserve(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    group.push_back({inputs[i].data, outputs[i].data, outputs[i].padding_bytes});
    request.group_counts.push_back(inputs[i].count());
    if (__builtin_add_overflow(request.shape[0], request.group_counts.back(), &request.shape[0])) {
      return Handle::Completed(Status::InvalidArgument(
          StrCat("tensor '", name, "': a group of more elements than 63 bits count")));
    }
  }
  request.input_place = request.output_place = parts_->PlaceOf(group, request);
  return parts_->engine.Enqueue(std::move(request), std::move(group));
}

Handle Session::BroadcastAsync(const std::string& name, TensorView inout, int root) {
  const Status valid = CheckTensor(name, inout);
  if (!valid.ok()) return Handle::Completed(valid);
  Request request;
  request.kind = OperationKind::kBroadcast;
  request.name = name;
  request.dtype = inout.dtype;
  request.shape = inout.shape;
  request.root = root;
  return parts_->engine.Enqueue(std::move(request), inout, inout);
}

Handle Session::AllgatherAsync(const std::string& name, TensorView input) {
  const Status valid = CheckTensor(name, input);
  if (!valid.ok()) return Handle::Completed(valid);
  if (input.shape.empty()) input.shape = {1};  // scalars become a vector over the ranks
  Request request;
  request.kind = OperationKind::kAllgather;
  request.name = name;
  request.dtype = input.dtype;
  request.shape = input.shape;
  return parts_->engine.Enqueue(std::move(request), std::move(input), TensorView());
}

Handle Session::BarrierAsync(const std::string& name) {
  Request request;
  request.kind = OperationKind::kBarrier;
  request.name = name;
  request.dtype = DataType::kUInt8;
  request.shape = {0};
  const TensorView nothing(nullptr, DataType::kUInt8, {0});
  return parts_->engine.Enqueue(std::move(request), nothing, nothing);
}

Handle Session::AverageModelAsync(const std::string& name, TensorView parameters,
                                  const AverageSchedule& schedule, std::int64_t step) {
  const Status valid = CheckTensor(name, parameters);
  if (!valid.ok()) return Handle::Completed(valid);
  // A schedule that makes no sense is negotiated, and refused, like one that ranks disagree on.
  const bool sensible = schedule.period >= 1 && schedule.origin >= 0 && step >= 1;
  if (sensible && !schedule.Due(step)) {
    OperationResult result;
    result.performed = false;
    return Handle::Completed(status(), std::move(result));
  }
  Request request;
  request.kind = OperationKind::kModelAverage;
  request.name = name;
  request.dtype = parameters.dtype;
  request.op = ReduceOp::kAverage;
  request.shape = parameters.shape;
  request.window = {schedule.period, schedule.origin, step};
  parts_->SetPlaces(parameters, parameters, request);
  return parts_->engine.Enqueue(std::move(request), parameters, parameters);
}

Status Session::AgreeOnStatus(const Status& mine) {
  const std::uint64_t number = parts_->agreements.fetch_add(1, std::memory_order_relaxed);
  std::vector<std::byte> bytes = EncodeStatus(mine);
  const Handle handle = AllgatherAsync(
      StrCat("ronde.agreement.", number),
      TensorView(bytes.data(), DataType::kUInt8, {static_cast<std::int64_t>(bytes.size())}));
  RONDE_RETURN_IF_ERROR(handle.Wait());
  std::span<const std::byte> gathered(handle.result().gathered);
  for (const std::int64_t extent : handle.result().rank_extents) {
    const Status status = DecodeStatus(gathered.first(static_cast<std::size_t>(extent)));
    if (!status.ok()) return status;
    gathered = gathered.subspan(static_cast<std::size_t>(extent));
  }
  return Status::Ok();
}

void Session::Abort(const Status& cause) { parts_->engine.Abort(cause); }

Status Session::Shutdown() { return parts_->engine.Shutdown(); }

Status Session::status() const { return parts_->engine.status(); }

SessionCounters Session::counters() const {
  const EngineCounters engine = parts_->engine.counters();
  SessionCounters counters;
  counters.operations = engine.operations;
  counters.payload_bytes = engine.payload_bytes;
  counters.bytes_on_wire = parts_->executor.bytes_on_wire();
  counters.bytes_packed = parts_->executor.bytes_packed();
  counters.seconds_outstanding = static_cast<double>(engine.outstanding_ns) * kSecondsPerNs;
  counters.seconds_executing = static_cast<double>(engine.execute_ns) * kSecondsPerNs;
  return counters;
}

}  // namespace ronde
