#include "core/observation/metrics.h"

#include <algorithm>
#include <utility>

namespace ronde {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kFillPerThreshold = 1 << 20;

std::uint64_t Elapsed(std::int64_t begin_ns, std::int64_t end_ns) {
  return end_ns > begin_ns ? static_cast<std::uint64_t>(end_ns - begin_ns) : 0;
}

bool MovesData(OperationKind kind) {
  switch (kind) {
    case OperationKind::kAllreduce:
    case OperationKind::kBroadcast:
    case OperationKind::kAllgather:
    case OperationKind::kModelAverage:
    case OperationKind::kReducescatter:
    case OperationKind::kAlltoall:
      return true;
    case OperationKind::kBarrier:
    case OperationKind::kAllocate:
    case OperationKind::kJoin:
    case OperationKind::kAddProcessSet:
    case OperationKind::kRemoveProcessSet:
      break;
  }
  return false;
}

std::uint64_t PayloadBytes(const Request& request) {
  if (!MovesData(request.kind)) return 0;
  return static_cast<std::uint64_t>(ElementCount(request.shape)) * SizeOf(request.dtype);
}

}  // namespace

Metrics::Metrics(int rank, int size, std::function<std::int64_t()> fusion_threshold_bytes)
    : rank_(rank),
      size_(size),
      fusion_threshold_bytes_(std::move(fusion_threshold_bytes)),
      stragglers_(rank == 0 ? static_cast<std::size_t>(size) : 0) {}

Metrics::OfKind& Metrics::Of(OperationKind kind) {
  return kinds_[std::min(static_cast<std::size_t>(kind), kKinds - 1)];
}

void Metrics::OnList(const ListInfo& info, std::int64_t now_ns) {
  list_ns_ = now_ns;
  lists_.Add(1);
  if (info.locked) locked_lists_.Add(1);
  cache_hits_.Add(info.cached);
  cache_misses_.Add(info.negotiated);
}

void Metrics::OnAgreed(const Request& request, std::int64_t submitted_ns, std::int64_t now_ns) {
  if (submitted_ns == kStandsIn) return;
  Of(request.kind).negotiation_ns.Record(Elapsed(submitted_ns, now_ns));
}

void Metrics::OnBatchBegin(std::span<const Request* const> requests, std::size_t packed_bytes,
                           std::int64_t now_ns) {
  if (requests.empty()) return;
  batch_begin_ns_ = now_ns;
  batch_kind_ = requests.front()->kind;
  batch_bytes_ = 0;
  std::uint64_t tensors = 0;
  // A list is executed before the next one comes, so this is when they were agreed on.
  const std::uint64_t queued_ns = Elapsed(list_ns_, now_ns);
  Of(batch_kind_).queue_ns.Record(queued_ns, requests.size());
  for (const Request* request : requests) {
    batch_bytes_ += PayloadBytes(*request);
    tensors += std::max<std::size_t>(request->group_counts.size(), 1);
  }
  batch_tensors_.Record(tensors);
  if (batch_kind_ != OperationKind::kAllreduce || !fusion_threshold_bytes_) return;
  const std::int64_t threshold_bytes = fusion_threshold_bytes_();
  if (threshold_bytes <= 0) return;
  const double fill = static_cast<double>(packed_bytes) / static_cast<double>(threshold_bytes);
  fusion_fill_.Record(static_cast<std::uint64_t>(fill * kFillPerThreshold));
}

void Metrics::OnPhase(std::string_view phase, std::int64_t begin_ns, std::int64_t end_ns) {
  phases_.Add(phase, Elapsed(begin_ns, end_ns));
}

void Metrics::OnBatchEnd(std::int64_t now_ns) {
  Of(batch_kind_).execution_ns.Record(Elapsed(batch_begin_ns_, now_ns));
  phases_.EndBatch(batch_bytes_);
}

void Metrics::OnCompleted(const Request& request, const Status& status, std::int64_t submitted_ns,
                          std::int64_t now_ns) {
  if (!status.ok()) {
    const auto code = std::min(static_cast<std::size_t>(status.code()), kCodes - 1);
    failures_[code].fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (submitted_ns == kStandsIn) return;
  OfKind& of_kind = Of(request.kind);
  of_kind.calls.Add(1);
  of_kind.payload_bytes.Add(PayloadBytes(request));
  of_kind.completion_ns.Record(Elapsed(submitted_ns, now_ns));
}

void Metrics::OnStraggler(int rank, std::string_view /*name*/, std::int64_t wait_ns) {
  const auto index = static_cast<std::size_t>(rank);
  if (index >= stragglers_.size()) return;
  stragglers_[index].times.Add(1);
  stragglers_[index].wait_ns.Add(Elapsed(0, wait_ns));
}

OperationMetrics Metrics::Read(OperationKind kind, const OfKind& of_kind) {
  return {.kind = kind,
          .calls = of_kind.calls.value(),
          .payload_bytes = of_kind.payload_bytes.value(),
          .negotiation_s = of_kind.negotiation_ns.Snapshot(kNsPerSecond),
          .queue_s = of_kind.queue_ns.Snapshot(kNsPerSecond),
          .execution_s = of_kind.execution_ns.Snapshot(kNsPerSecond),
          .completion_s = of_kind.completion_ns.Snapshot(kNsPerSecond)};
}

MetricsSnapshot Metrics::Snapshot() const {
  MetricsSnapshot snapshot;
  snapshot.rank = rank_;
  snapshot.size = size_;
  for (std::size_t i = 0; i < kKinds; ++i) {
    OperationMetrics operation = Read(static_cast<OperationKind>(i), kinds_[i]);
    if (operation.calls + operation.negotiation_s.count + operation.execution_s.count == 0)
      continue;
    snapshot.operations.push_back(std::move(operation));
  }
  for (std::size_t i = 1; i < kCodes; ++i) {  // 0 is no failure
    const std::uint64_t operations = failures_[i].load(std::memory_order_relaxed);
    snapshot.failures.push_back({static_cast<StatusCode>(i), operations});
  }
  snapshot.phases = phases_.Read();
  for (std::size_t i = 0; i < stragglers_.size(); ++i) {
    const std::uint64_t times = stragglers_[i].times.value();
    if (times == 0) continue;
    snapshot.stragglers.push_back(
        {.rank = static_cast<int>(i),
         .times = times,
         .wait_s = static_cast<double>(stragglers_[i].wait_ns.value()) / kNsPerSecond});
  }
  snapshot.lists = lists_.value();
  snapshot.locked_lists = locked_lists_.value();
  snapshot.cache_hits = cache_hits_.value();
  snapshot.cache_misses = cache_misses_.value();
  snapshot.batch_tensors = batch_tensors_.Snapshot(1);
  snapshot.fusion_fill = fusion_fill_.Snapshot(kFillPerThreshold);
  return snapshot;
}

}  // namespace ronde
