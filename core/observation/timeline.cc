#include "core/observation/timeline.h"

#include <chrono>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/path_of_rank.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::chrono::milliseconds kFlushInterval{50};

std::uint64_t PayloadBytes(const Request& request) {
  switch (request.kind) {
    case OperationKind::kAllreduce:
    case OperationKind::kBroadcast:
    case OperationKind::kAllgather:
    case OperationKind::kModelAverage:
    case OperationKind::kReducescatter:
    case OperationKind::kAlltoall:
      return static_cast<std::uint64_t>(ElementCount(request.shape)) * SizeOf(request.dtype);
    case OperationKind::kBarrier:
    case OperationKind::kAllocate:
    case OperationKind::kJoin:
    case OperationKind::kAddProcessSet:
    case OperationKind::kRemoveProcessSet:
      break;
  }
  return 0;
}

TimelineEvent EventOf(TimelineEvent::Type type, const Request& request, std::int64_t now_ns) {
  TimelineEvent event;
  event.type = type;
  event.kind = request.kind;
  event.dtype = request.dtype;
  event.process_set = request.process_set;
  event.now_ns = now_ns;
  return event;
}

}  // namespace

Timeline::~Timeline() { (void)Stop(); }

Status Timeline::Start(const std::string& path, bool mark_cycles) {
  const std::lock_guard lock(control_mutex_);
  if (writer_.joinable()) {
    return Status::InvalidArgument(StrCat("the timeline is being recorded into '", path_,
                                          "' already; stop that before starting into '", path,
                                          "'"));
  }
  if (path.empty()) return Status::InvalidArgument("the timeline needs the name of a file");
  path_ = PathOfRank(path, owner_.rank);
  TimelineTrace trace(owner_, mark_cycles);
  RONDE_ASSIGN_OR_RETURN(TimelineFile file, TimelineFile::Create(path_, trace.Head()));
  written_ = Status::Ok();
  queue_.Open();
  writer_ = std::thread([this, file = std::move(file), trace = std::move(trace)]() mutable {
    Write(std::move(file), std::move(trace));
  });
  recording_.store(true, std::memory_order_relaxed);
  return Status::Ok();
}

Status Timeline::Stop() {
  const std::lock_guard lock(control_mutex_);
  if (!writer_.joinable()) return Status::Ok();
  recording_.store(false, std::memory_order_relaxed);
  queue_.Close();
  writer_.join();
  return written_;
}

void Timeline::Write(TimelineFile file, TimelineTrace trace) {
  std::vector<std::byte> events;
  std::string lines;
  std::uint64_t told = 0;
  for (bool more = true; more;) {
    std::uint64_t dropped = 0;
    more = queue_.Take(kFlushInterval, events, dropped);
    if (!written_.ok()) continue;
    lines.clear();
    TimelineQueue::ForEach(
        events, [&](const TimelineEvent& event, std::string_view name, std::string_view text) {
          trace.Add(event, name, text, lines);
        });
    if (dropped > told) trace.AddDropped(told = dropped, lines);
    written_ = file.Append(lines);
    if (written_.ok()) continue;
    Log(LogLevel::kWarning, written_.message(), "; recording has ended");
    recording_.store(false, std::memory_order_relaxed);
  }
}

void Timeline::OnSubmitted(const Request& request, std::int64_t now_ns) {
  if (!recording()) return;
  TimelineEvent event = EventOf(TimelineEvent::Type::kSubmitted, request, now_ns);
  event.values[0] = PayloadBytes(request);
  queue_.Add(event, request.name);
}

void Timeline::OnList(const ListInfo& info, std::int64_t now_ns) {
  if (!recording()) return;
  TimelineEvent event;
  event.type = TimelineEvent::Type::kList;
  event.now_ns = now_ns;
  event.locked = info.locked;
  event.values[0] = info.number;
  event.values[1] = info.cached;
  event.values[2] = info.negotiated;
  event.values[3] = info.queue_depth;
  queue_.Add(event);
}

void Timeline::OnAgreed(const Request& request, std::int64_t submitted_ns, std::int64_t now_ns) {
  if (!recording()) return;
  TimelineEvent event = EventOf(TimelineEvent::Type::kAgreed, request, now_ns);
  event.begin_ns = submitted_ns == kStandsIn ? now_ns : submitted_ns;
  queue_.Add(event, request.name);
}

void Timeline::OnBatchBegin(std::span<const Request* const> requests, std::size_t packed_bytes,
                            std::int64_t now_ns) {
  if (!recording()) return;
  queue_.AddAll([&](const auto& add) {
    TimelineEvent begin;
    begin.type = TimelineEvent::Type::kBatchBegin;
    begin.now_ns = now_ns;
    begin.values[0] = packed_bytes;
    begin.values[1] = requests.size();
    add(begin, {}, {});
    for (const Request* request : requests) {
      TimelineEvent member = EventOf(TimelineEvent::Type::kMember, *request, now_ns);
      member.values[0] = PayloadBytes(*request);
      add(member, request->name, {});
    }
  });
}

void Timeline::OnPhase(std::string_view phase, std::int64_t begin_ns, std::int64_t end_ns) {
  if (!recording()) return;
  TimelineEvent event;
  event.type = TimelineEvent::Type::kPhase;
  event.begin_ns = begin_ns;
  event.now_ns = end_ns;
  queue_.Add(event, phase);
}

void Timeline::OnBatchEnd(std::int64_t now_ns) {
  if (!recording()) return;
  TimelineEvent event;
  event.type = TimelineEvent::Type::kBatchEnd;
  event.now_ns = now_ns;
  queue_.Add(event);
}

void Timeline::OnCompleted(const Request& request, const Status& status,
                           std::int64_t /*submitted_ns*/, std::int64_t now_ns) {
  if (!recording()) return;
  TimelineEvent event = EventOf(TimelineEvent::Type::kCompleted, request, now_ns);
  event.values[0] = static_cast<std::uint64_t>(status.code());
  queue_.Add(event, request.name, status.message());
  if (!status.ok()) queue_.Wake();  // the process may be about to end
}

void Timeline::OnStraggler(int rank, std::string_view name, std::int64_t wait_ns) {
  if (!recording()) return;
  TimelineEvent event;
  event.type = TimelineEvent::Type::kStraggler;
  event.values[0] = static_cast<std::uint64_t>(rank);
  event.values[1] = static_cast<std::uint64_t>(wait_ns);
  queue_.Add(event, name);
}

}  // namespace ronde
