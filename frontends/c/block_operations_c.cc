// The C API: operations on one block of rows for each rank.
#include <algorithm>
#include <memory>
#include <vector>

#include "core/base/tensor_view.h"
#include "frontends/c/guard.h"
#include "frontends/c/result_copy.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"

namespace ronde {
namespace {

// A tensor as C passes it.
struct CTensor {
  const void* data;
  const std::int64_t* shape;
  int dimensions;
  ronde_dtype dtype;

  [[nodiscard]] Status Check() const {
    if (dimensions >= 0 && (dimensions == 0 || shape != nullptr)) return Status::Ok();
    return Status::InvalidArgument(
        StrCat("a shape of ", dimensions, " dimensions at address ", shape));
  }
  // The engine writes only to tensors that the caller passed as writable.
  [[nodiscard]] TensorView View() const {
    return {const_cast<void*>(data), ToDataType(dtype), Shape(shape, shape + dimensions)};
  }
};

auto Allgather(const char* name, CTensor input) {
  return [=](Session& session) { return session.AllgatherAsync(name, input.View()); };
}

auto AllgatherInto(const char* name, CTensor input, void* output) {
  return [=](Session& session) {
    const TensorView view = input.View();
    return session.AllgatherAsync(name, view,
                                  {output, view.dtype, AllgatherShape(view.shape, session.size())});
  };
}

auto Reducescatter(const char* name, CTensor input, void* output, AllreduceOptions options) {
  return [=](Session& session) {
    const TensorView view = input.View();
    const Shape block = ReducescatterShape(view.shape, session.rank(), session.size());
    return session.ReducescatterAsync(name, view, {output, view.dtype, block}, options);
  };
}

// No splits at all are refused on all ranks, as wrong ones are.
auto Alltoall(const char* name, CTensor input, const std::int64_t* splits) {
  return [=](Session& session) {
    std::vector<std::int64_t> rows;
    if (splits != nullptr) rows.assign(splits, splits + session.size());
    return session.AlltoallAsync(name, input.View(), rows);
  };
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Status;

ronde_status ronde_allgather_async(const char* name, const void* input, const int64_t* shape,
                                   int dimensions, ronde_dtype dtype,
                                   ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    return ronde::Start(name, handle, ronde::Allgather(name, tensor));
  });
}

ronde_status ronde_allgather_into_async(const char* name, const void* input, void* output,
                                        const int64_t* shape, int dimensions, ronde_dtype dtype,
                                        ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    return ronde::Start(name, handle, ronde::AllgatherInto(name, tensor, output));
  });
}

ronde_status ronde_allgather_into(const char* name, const void* input, void* output,
                                  const int64_t* shape, int dimensions,
                                  ronde_dtype dtype) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    return ronde::StartAndWait(name, nullptr, ronde::AllgatherInto(name, tensor, output));
  });
}

ronde_status ronde_reducescatter_async(const char* name, const void* input, void* output,
                                       const int64_t* shape, int dimensions, ronde_dtype dtype,
                                       ronde_op op, double prescale, double postscale,
                                       ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    return ronde::Start(
        name, handle,
        ronde::Reducescatter(name, tensor, output, {ronde::ToReduceOp(op), prescale, postscale}));
  });
}

ronde_status ronde_reducescatter(const char* name, const void* input, void* output,
                                 const int64_t* shape, int dimensions, ronde_dtype dtype,
                                 ronde_op op) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    return ronde::StartAndWait(name, nullptr,
                               ronde::Reducescatter(name, tensor, output, {ronde::ToReduceOp(op)}));
  });
}

ronde_status ronde_alltoall_async(const char* name, const void* input, const int64_t* shape,
                                  int dimensions, ronde_dtype dtype, const int64_t* splits,
                                  ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    return ronde::Start(name, handle, ronde::Alltoall(name, tensor, splits));
  });
}

ronde_status ronde_alltoall(const char* name, const void* input, const int64_t* shape,
                            int dimensions, ronde_dtype dtype, const int64_t* splits, void* output,
                            size_t capacity_bytes, int64_t* rank_extents) noexcept {
  return Guard([=]() -> Status {
    const ronde::CTensor tensor = {input, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(tensor.Check());
    ronde_handle* started = nullptr;
    RONDE_RETURN_IF_ERROR(ronde::Start(name, &started, ronde::Alltoall(name, tensor, splits)));
    const std::unique_ptr<ronde_handle> handle(started);
    RONDE_RETURN_IF_ERROR(handle->handle.Wait());
    const ronde::OperationResult& result = handle->handle.result();
    if (rank_extents != nullptr) {
      std::copy(result.rank_extents.begin(), result.rank_extents.end(), rank_extents);
    }
    return ronde::CopyGathered(result, output, capacity_bytes);
  });
}
