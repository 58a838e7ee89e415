#include "tensor_fusion/device/staged_operations.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "core/device/polling.h"

namespace ronde {
namespace {

// How long the end of a session waits for copies.
constexpr double kLastWaitS = 5;

bool WritesOutput(const Request& request) {
  return request.kind != OperationKind::kAlltoall &&
         (request.kind != OperationKind::kAllgather || request.into_output);
}

// The request for the same in ordinary host memory.
std::shared_ptr<Response> OnHost(const Response& response) {
  auto host = std::make_shared<Response>(response);
  host->request.on_device = false;
  host->request.input_place = {};
  host->request.output_place = {};
  return host;
}

}  // namespace

StagedOperations::~StagedOperations() {
  if (stream_.view().device == nullptr) return;
  const Status ended =
      stream_.view().device->Synchronize(stream_.view().native, Deadline::After(kLastWaitS));
  // Whatever a copy may still write to is never given back.
  if (ended.code() == StatusCode::kTimeout) new std::shared_ptr<DeviceBuffer>(memory_);
}

Result<StreamView> StagedOperations::OpenStream(Device& device) {
  if (stream_.view().device == nullptr) {
    RONDE_ASSIGN_OR_RETURN(copied_, Event::Create(device));
    RONDE_ASSIGN_OR_RETURN(stream_, Stream::Create(device, StreamPriority::kHigh));
  }
  return stream_.view();
}

Status StagedOperations::Run(ReadyOperation& operation, const Deadline& deadline) {
  const TensorEntry& entry = operation.entry;
  const Request& request = operation.response->request;
  const bool writes = WritesOutput(request);
  const bool in_place = writes && entry.input.data == entry.output.data;
  const std::size_t input_bytes = entry.input.size_bytes();
  const std::size_t output_bytes = writes ? entry.output.size_bytes() : 0;
  const std::size_t output_begin = in_place ? 0 : PackedSize(input_bytes);
  RONDE_ASSIGN_OR_RETURN(std::byte* const memory,
                         Reserve(std::max(input_bytes, output_begin + output_bytes)));
  {
    const BatchNotes::Phase phase = notes_.Time("COPY_TO_HOST");
    RONDE_RETURN_IF_ERROR(Copy(memory, entry.input.data, input_bytes));
    RONDE_RETURN_IF_ERROR(WaitForStream(deadline));
  }
  ReadyOperation host(OnHost(*operation.response), entry);
  host.entry.device = nullptr;
  host.entry.input.device = host.entry.output.device = nullptr;
  host.entry.input.data = memory;
  if (writes) host.entry.output.data = memory + output_begin;
  RONDE_RETURN_IF_ERROR(run_on_host_(host));
  const BatchNotes::Phase phase = notes_.Time("COPY_TO_DEVICE");
  return writes ? Copy(entry.output.data, memory + output_begin, output_bytes) : Status::Ok();
}

Status StagedOperations::RunTensors(const Request& request, std::span<const PackedTensor> tensors,
                                    const Deadline& deadline) {
  RONDE_ASSIGN_OR_RETURN(std::byte* const memory, Reserve(PackedSizeOf(tensors)));
  ReadyOperation host;
  host.response->request = request;
  Request& on_host = host.response->request;
  on_host.kind = OperationKind::kAllreduce;
  on_host.on_device = false;
  on_host.input_place = on_host.output_place = {};
  on_host.group_counts.clear();
  on_host.shape = {0};
  {
    const BatchNotes::Phase phase = notes_.Time("COPY_TO_HOST");
    std::byte* place = memory;
    for (const PackedTensor& tensor : tensors) {
      RONDE_RETURN_IF_ERROR(Copy(place, tensor.input, tensor.size_bytes));
      const std::size_t padding_bytes = PackedSize(tensor.size_bytes) - tensor.size_bytes;
      host.entry.group.push_back({place, place, padding_bytes});
      const auto count = static_cast<std::int64_t>(tensor.size_bytes / SizeOf(request.dtype));
      on_host.group_counts.push_back(count);
      on_host.shape[0] += count;
      place += PackedSize(tensor.size_bytes);
    }
    RONDE_RETURN_IF_ERROR(WaitForStream(deadline));
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const GroupMember& member = host.entry.group[i];
    std::memset(static_cast<std::byte*>(member.output) + tensors[i].size_bytes, 0,
                member.padding_bytes);
  }
  RONDE_RETURN_IF_ERROR(run_on_host_(host));
  const BatchNotes::Phase phase = notes_.Time("COPY_TO_DEVICE");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    RONDE_RETURN_IF_ERROR(
        Copy(tensors[i].output, host.entry.group[i].output, tensors[i].size_bytes));
  }
  return Status::Ok();
}

Result<std::byte*> StagedOperations::Reserve(std::size_t size_bytes) {
  if (memory_ == nullptr || memory_->size_bytes() < size_bytes) {
    // Powers of two: operations differ in size, and must not make it grow each time.
    constexpr std::size_t kLeastBytes = 1 << 16;
    RONDE_ASSIGN_OR_RETURN(DeviceBuffer memory,
                           DeviceBuffer::Create(*stream_.view().device,
                                                std::bit_ceil(std::max(size_bytes, kLeastBytes)),
                                                DeviceBuffer::Place::kPinned));
    memory_ = std::make_shared<DeviceBuffer>(std::move(memory));
  }
  return memory_->data();
}

Status StagedOperations::Copy(void* target, const void* source, std::size_t size_bytes) {
  if (size_bytes == 0) return Status::Ok();
  return stream_.view().device->Copy(target, source, size_bytes, stream_.view().native);
}

Status StagedOperations::WaitForStream(const Deadline& deadline) {
  RONDE_RETURN_IF_ERROR(copied_.Record(stream_.view()));
  Polling polling;
  while (true) {
    RONDE_ASSIGN_OR_RETURN(const bool happened, copied_.Happened());
    if (happened) return Status::Ok();
    if (is_interrupted_()) return Status::Aborted("the job ended while a tensor was copied");
    if (deadline.Expired()) {
      return Status::Timeout(
          "a tensor could not be copied to the host: what was to be done on the device before it "
          "(TensorView::ready) is not done");
    }
    polling.Pause();
  }
}

}  // namespace ronde
