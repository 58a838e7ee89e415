#include "core/device/simulated_device.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

#include "core/base/strcat.h"
#include "core/device/polling.h"
#include "core/device/process_token.h"

namespace ronde {
namespace {

// How long destruction waits for work, and then for work that only an event holds up.
constexpr double kDrainSeconds = 20;

using EventPointer = std::shared_ptr<SimulatedEvent>;

// Work in the queues keeps the events alive beyond DestroyEvent, as the driver does.
EventPointer& EventOf(void* native) { return *static_cast<EventPointer*>(native); }

DeviceInfo InfoOf(const SimulatedDevice::Options& options) {
  return {options.index, "simulated", static_cast<std::int64_t>(options.memory_bytes), 0, 0};
}

}  // namespace

struct SimulatedDevice::Gate {
  std::shared_ptr<SimulatedEvent> opened = std::make_shared<SimulatedEvent>();
  std::uint64_t record = opened->AddRecord();
};

SimulatedDevice::SimulatedDevice(const Options& options)
    : options_(options),
      info_(InfoOf(options)),
      process_(ThisProcess()),
      memory_(options.memory_bytes),
      pinned_(std::numeric_limits<std::size_t>::max()),
      random_(static_cast<std::uint32_t>(options.delay_seed)),
      default_stream_(std::make_unique<SimulatedStream>()) {}

SimulatedDevice::~SimulatedDevice() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [stream, gate] : gates_) gate->opened->Happen(gate->record, Status::Ok());
    for (auto& stream : streams_) closed_streams_.push_back(std::move(stream));
    closed_streams_.push_back(std::move(default_stream_));
    for (auto& stream : closed_streams_) stream->Close();
  }
  WaitForStreams();
}

void SimulatedDevice::WaitForStreams() {
  for (const char* const phase : {"drain", "stop"}) {
    const Deadline deadline = Deadline::After(kDrainSeconds);
    Polling polling;
    while (!deadline.Expired()) {
      ForgetFinishedStreams();
      if (closed_streams_.empty()) return;
      polling.Pause();
    }
    stop_.store(true, std::memory_order_relaxed);
    std::fprintf(stderr, "simulated:%d: work does not end (%s)\n", index(), phase);
  }
  // Its thread uses this object: there is no way on.
  std::abort();
}

void SimulatedDevice::ForgetFinishedStreams() {
  std::erase_if(closed_streams_, [](const auto& stream) { return stream->Finished(); });
}

SimulatedStream& SimulatedDevice::StreamOf(void* native) {
  return native == nullptr ? *default_stream_ : *static_cast<SimulatedStream*>(native);
}

void SimulatedDevice::InjectStreamError(void* stream, Status error) {
  StreamOf(stream).Enqueue([error = std::move(error)](Status& status) {
    if (status.ok()) status = error;
  });
}

void SimulatedDevice::Hold(void* stream) {
  auto gate = std::make_shared<Gate>();
  {
    const std::lock_guard lock(mutex_);
    gates_.emplace_back(stream, gate);
  }
  StreamOf(stream).Enqueue(
      [this, gate](Status&) { (void)gate->opened->Wait(gate->record, stop_); });
}

void SimulatedDevice::Resume(void* stream) {
  const std::lock_guard lock(mutex_);
  std::erase_if(gates_, [stream](const auto& held) {
    if (held.first != stream) return false;
    held.second->opened->Happen(held.second->record, Status::Ok());
    return true;
  });
}

int SimulatedDevice::mappings() const {
  const std::lock_guard lock(mutex_);
  return mappings_;
}

void SimulatedDevice::Delay() {
  if (options_.delay_seed == 0) return;
  std::chrono::microseconds delay{};
  {
    const std::lock_guard lock(mutex_);
    delay = std::chrono::microseconds(random_() % (options_.longest_delay_us + 1));
  }
  std::this_thread::sleep_for(delay);
}

void SimulatedDevice::EnqueueWork(void* stream, std::function<void()> work) {
  StreamOf(stream).Enqueue([this, work = std::move(work)](Status& status) {
    if (!status.ok()) return;
    Delay();
    work();
  });
}

Status SimulatedDevice::Launch(void* stream, int blocks, std::function<void(int)> body) {
  if (blocks < 1) {
    return Status::Internal(StrCat("simulated:", index(), ": launch of ", blocks, " blocks"));
  }
  launches_.fetch_add(1, std::memory_order_relaxed);
  EnqueueWork(stream, [this, blocks, body = std::move(body)] {
    blocks_.Run(blocks, options_.concurrent_blocks, body);
  });
  return Status::Ok();
}

Status SimulatedDevice::OutOfMemory(const SimulatedMemory& memory, std::size_t size_bytes) const {
  return Status::Unavailable(StrCat(
      "simulated:", index(), ": out of memory: ", size_bytes, " bytes asked for, ",
      memory.limit_bytes() - memory.used_bytes(), " of ", memory.limit_bytes(), " are free"));
}

Result<void*> SimulatedDevice::Allocate(std::size_t size_bytes) {
  void* const memory = memory_.Allocate(size_bytes);
  if (memory == nullptr) return OutOfMemory(memory_, size_bytes);
  return memory;
}

Result<void*> SimulatedDevice::AllocatePinned(std::size_t size_bytes) {
  void* const memory = pinned_.Allocate(size_bytes);
  if (memory == nullptr) return OutOfMemory(pinned_, size_bytes);
  return memory;
}

bool SimulatedDevice::Owns(const void* memory) const { return memory_.Find(memory).has_value(); }

Result<MemoryExport> SimulatedDevice::Export(const void* memory, std::size_t size_bytes) {
  const std::optional<SimulatedMemory::Block> block = memory_.Find(memory);
  if (!block || !options_.exportable) {
    return Status::Unavailable(StrCat("simulated:", index(), ": memory cannot be shared: ",
                                      block ? "not allowed here" : "it is not of this device"));
  }
  MemoryExport exported;
  exported.process = process_;
  exported.address = reinterpret_cast<std::uintptr_t>(memory);
  exported.size_bytes = size_bytes;
  exported.offset =
      static_cast<std::uint64_t>(static_cast<const std::byte*>(memory) - block->begin);
  exported.device_index = index();
  if (exported.offset + size_bytes > block->size_bytes) {
    return Status::Unavailable(StrCat("simulated:", index(), ": ", size_bytes,
                                      " bytes to share reach past an allocation of ",
                                      block->size_bytes));
  }
  return exported;
}

Result<void*> SimulatedDevice::Map(const MemoryExport& memory) {
  if (memory.process != process_) {
    return Status::Unavailable(StrCat("simulated:", index(),
                                      ": memory of another process: simulated devices are of one "
                                      "process"));
  }
  const std::lock_guard lock(mutex_);
  ++mappings_;
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(memory.address));
}

void SimulatedDevice::Unmap(void* memory) {
  if (memory == nullptr) return;
  const std::lock_guard lock(mutex_);
  --mappings_;
}

Result<void*> SimulatedDevice::CreateStream(StreamPriority) {
  const std::lock_guard lock(mutex_);
  ForgetFinishedStreams();
  return static_cast<void*>(streams_.emplace_back(std::make_unique<SimulatedStream>()).get());
}

void SimulatedDevice::DestroyStream(void* stream) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [stream](const auto& own) { return own.get() == stream; });
  if (found == streams_.end()) return;
  (*found)->Close();
  closed_streams_.push_back(std::move(*found));
  streams_.erase(found);
}

Result<void*> SimulatedDevice::CreateEvent() {
  return static_cast<void*>(new EventPointer(std::make_shared<SimulatedEvent>()));
}

void SimulatedDevice::DestroyEvent(void* event) { delete static_cast<EventPointer*>(event); }

Status SimulatedDevice::Record(void* event, void* stream) {
  const EventPointer& pointer = EventOf(event);
  const std::uint64_t record = pointer->AddRecord();
  StreamOf(stream).Enqueue([pointer, record](Status& status) { pointer->Happen(record, status); });
  return Status::Ok();
}

Status SimulatedDevice::WaitFor(void* stream, void* event) {
  const EventPointer& pointer = EventOf(event);
  StreamOf(stream).Enqueue([this, pointer, record = pointer->LastRecord()](Status& status) {
    const Status before = pointer->Wait(record, stop_);
    if (status.ok()) status = before;
  });
  return Status::Ok();
}

Result<bool> SimulatedDevice::Happened(void* event) { return EventOf(event)->Happened(); }

Status SimulatedDevice::Copy(void* target, const void* source, std::size_t size_bytes,
                             void* stream) {
  if (size_bytes == 0) return Status::Ok();
  EnqueueWork(stream, [=] { std::memmove(target, source, size_bytes); });
  return Status::Ok();
}

Status SimulatedDevice::FillZero(void* target, std::size_t size_bytes, void* stream) {
  if (size_bytes == 0) return Status::Ok();
  EnqueueWork(stream, [=] { std::memset(target, 0, size_bytes); });
  return Status::Ok();
}

Status SimulatedDevice::Synchronize(void* stream, Deadline deadline) {
  const Status status = StreamOf(stream).Synchronize(deadline);
  if (status.ok()) return status;
  return {status.code(), StrCat("simulated:", index(), ": ", status.message())};
}

}  // namespace ronde
