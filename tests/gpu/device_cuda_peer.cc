// The other process of device_cuda_test: reads a MemoryExport from standard input, maps it, expects
// the words 1, 2, 3 .. there and leaves their doubles. Says what is wrong and ends with 1.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "core/device/open_device.h"
#include "core/device/stream.h"

namespace ronde {
namespace {

Status DoubleTheWords(Device& device, const MemoryExport& exported) {
  RONDE_ASSIGN_OR_RETURN(void* const mapped, device.Map(exported));
  RONDE_ASSIGN_OR_RETURN(void* const again, device.Map(exported));
  if (mapped != again) return Status::Internal("mapped twice: two addresses");
  device.Unmap(again);  // the other mapping stays
  RONDE_ASSIGN_OR_RETURN(const Stream stream, Stream::Create(device, StreamPriority::kDefault));
  std::vector<std::uint64_t> words(exported.size_bytes / 8);
  const auto copy = [&](void* target, const void* source) -> Status {
    RONDE_RETURN_IF_ERROR(device.Copy(target, source, exported.size_bytes, stream.view().native));
    return device.Synchronize(stream.view().native, Deadline::After(20));
  };
  RONDE_RETURN_IF_ERROR(copy(words.data(), mapped));
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != i + 1) return Status::Internal("wrong word " + std::to_string(i));
    words[i] *= 2;
  }
  RONDE_RETURN_IF_ERROR(copy(mapped, words.data()));
  device.Unmap(mapped);
  return Status::Ok();
}

Status Run() {
  MemoryExport exported;
  if (std::fread(&exported, sizeof exported, 1, stdin) != 1) {
    return Status::InvalidArgument("standard input holds no export");
  }
  RONDE_ASSIGN_OR_RETURN(const std::unique_ptr<Device> device, OpenCudaDevice(0));
  return DoubleTheWords(*device, exported);
}

}  // namespace
}  // namespace ronde

int main() {
  const ronde::Status status = ronde::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}
