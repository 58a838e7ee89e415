#include "frontends/session/session.h"

#include <cstring>
#include <utility>

#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/comm/clock_offset.h"
#include "core/comm/transport_table.h"
#include "core/observation/metrics_text.h"
#include "frontends/session/operation_check.h"
#include "frontends/session/process_set_text.h"
#include "frontends/session/session_parts.h"
#include "frontends/session/setting_agreement.h"

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

}  // namespace

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
  RONDE_ASSIGN_OR_RETURN(
      const std::vector<std::vector<int>> process_sets,
      ParseProcessSets(config.GetText(Setting::kProcessSets), transport->size()));
  const Result<ClockOffset> clock_offset = MeasureClockOffset(*transport, SteadyClock());
  if (!clock_offset.ok()) {
    transport->Abort(clock_offset.status());
    return clock_offset.status();
  }
  Result<std::unique_ptr<CollectiveContext>> context =
      CollectiveContext::Create(*transport, config);
  if (!context.ok()) {
    // Whoever got further would wait for this rank; a bad file, though, all ranks have agreed on.
    if (context.status().code() != StatusCode::kInvalidArgument) {
      transport->Abort(context.status());
    }
    return context.status();
  }
  const Config tuned = WithTuning(config, context.value()->tuning());
  RONDE_ASSIGN_OR_RETURN(Selector selector, Selector::Create(tuned, context.value()->tuning()));
  RONDE_ASSIGN_OR_RETURN(DeviceSelector device_selector,
                         DeviceSelector::Create(tuned, context.value()->tuning()));
  Result<std::unique_ptr<Autotuning>> autotuning = Autotuning::Create(tuned, *context.value());
  if (!autotuning.ok()) {  // on rank 0 alone: its files have been fine a moment ago
    transport->Abort(autotuning.status());
    return autotuning.status();
  }
  std::unique_ptr<Session> session(new Session());
  session->parts_ = std::make_unique<Parts>(std::move(transport), std::move(context).value(),
                                            std::move(selector), std::move(device_selector), tuned,
                                            clock_offset.value(), std::move(autotuning).value());
  RONDE_RETURN_IF_ERROR(session->StartObserving());
  for (const std::vector<int>& ranks : process_sets) {
    RONDE_RETURN_IF_ERROR(session->AddProcessSet(ranks).status());
  }
  return session;
}

Status Session::StartObserving() {
  const Config& config = parts_->config;
  const std::string& timeline = config.GetText(Setting::kTimeline);
  if (timeline.empty() && !MetricsOutlets::Wanted(config)) return Status::Ok();
  Status started;
  if (!timeline.empty()) {
    started = StartTimeline(timeline, config.GetSwitch(Setting::kTimelineMarkCycles));
  }
  if (started.ok()) {
    started = parts_->metrics_outlets.Open(config, rank(), local_rank(), [parts = parts_.get()] {
      return PrometheusText(parts->ReadMetrics());
    });
  }
  // A file is each rank's own affair, but no rank may be left to wait for one that cannot write.
  return AgreeOnStatus(started);
}

Status Session::StartTimeline(const std::string& path, bool mark_cycles) {
  return parts_->timeline.Start(path, mark_cycles);
}

Status Session::StopTimeline() { return parts_->timeline.Stop(); }

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

Status Session::AgreeOnStatus(const Status& mine) {
  std::vector<std::byte> bytes = EncodeStatus(mine);
  const std::lock_guard lock(parts_->agreement);
  const Handle handle = AllgatherAsync(
      "ronde.agreement",
      TensorView(bytes.data(), DataType::kUInt8, {static_cast<std::int64_t>(bytes.size())}));
  RONDE_RETURN_IF_ERROR(handle.Wait());
  std::span<const std::byte> gathered(handle.result().gathered);
  for (const std::int64_t extent : handle.result().rank_extents) {
    if (extent == 0) continue;  // it has joined
    const Status status = DecodeStatus(gathered.first(static_cast<std::size_t>(extent)));
    if (!status.ok()) return status;
    gathered = gathered.subspan(static_cast<std::size_t>(extent));
  }
  return Status::Ok();
}

void Session::Abort(const Status& cause) { parts_->engine.Abort(cause); }

bool Session::InCallback() const { return parts_->engine.DrivesHere(); }

Status Session::Shutdown() {
  Status status = parts_->engine.Shutdown();
  parts_->metrics_outlets.Write();
  return status;
}

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
