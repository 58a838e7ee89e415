#include "frontends/torch/registered_tensor.h"

#include <memory>
#include <utility>

#include "frontends/torch/error.h"

namespace ronde {

at::Tensor RegisteredTensor(Session& session, std::int64_t count, at::ScalarType dtype) {
  auto memory = session.Allocate(static_cast<std::size_t>(count) * c10::elementSize(dtype));
  ThrowIfError(memory.status());
  void* const data = memory.value().get();
  return at::from_blob(
      data, {count}, [kept = std::move(memory).value()](void*) {}, at::dtype(dtype));
}

}  // namespace ronde
