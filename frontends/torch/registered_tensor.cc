#include "frontends/torch/registered_tensor.h"

#include <memory>
#include <utility>

#include "frontends/torch/device/torch_device.h"
#include "frontends/torch/error.h"

namespace ronde {

at::Tensor RegisteredTensor(Session& session, std::int64_t count, at::ScalarType dtype,
                            at::Device place) {
  const std::size_t size_bytes = static_cast<std::size_t>(count) * c10::elementSize(dtype);
  auto memory = place.is_cpu() ? session.Allocate(size_bytes)
                               : session.AllocateOn(DeviceOf(place).device(), size_bytes);
  ThrowIfError(memory.status());
  void* const data = memory.value().get();
  return at::from_blob(
      data, {count}, [kept = std::move(memory).value()](void*) {}, at::dtype(dtype).device(place),
      place);
}

}  // namespace ronde
