// The C API: operations.
#include "core/base/tensor_view.h"
#include "frontends/c/guard.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"

namespace ronde {
namespace {

// The engine writes only to tensors that the caller passed as writable.
TensorView Vector(const void* data, ronde_dtype dtype, std::int64_t count) {
  return {const_cast<void*>(data), ToDataType(dtype), {count}};
}

auto Allreduce(const char* name, const void* input, void* output, std::int64_t count,
               ronde_dtype dtype, AllreduceOptions options) {
  return [=](Session& session) {
    return session.AllreduceAsync(name, Vector(input, dtype, count), Vector(output, dtype, count),
                                  options);
  };
}

auto Broadcast(const char* name, void* inout, std::int64_t count, ronde_dtype dtype, int root) {
  return [=](Session& session) {
    return session.BroadcastAsync(name, Vector(inout, dtype, count), root);
  };
}

auto AverageModel(const char* name, void* parameters, std::int64_t count, ronde_dtype dtype,
                  ronde_average_schedule schedule, std::int64_t step) {
  return [=](Session& session) {
    return session.AverageModelAsync(name, Vector(parameters, dtype, count),
                                     {schedule.period, schedule.origin}, step);
  };
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Session;
using ronde::Status;

ronde_status ronde_allreduce_async(const char* name, const void* input, void* output, int64_t count,
                                   ronde_dtype dtype, ronde_op op, double prescale,
                                   double postscale, ronde_handle** handle) noexcept {
  return Guard([=] {
    return ronde::Start(name, handle,
                        ronde::Allreduce(name, input, output, count, dtype,
                                         {ronde::ToReduceOp(op), prescale, postscale}));
  });
}

ronde_status ronde_allreduce(const char* name, const void* input, void* output, int64_t count,
                             ronde_dtype dtype, ronde_op op) noexcept {
  return Guard([=] {
    return ronde::StartAndWait(
        name, nullptr,
        ronde::Allreduce(name, input, output, count, dtype, {ronde::ToReduceOp(op)}));
  });
}

ronde_status ronde_broadcast_async(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                                   int root, ronde_handle** handle) noexcept {
  return Guard([=] {
    return ronde::Start(name, handle, ronde::Broadcast(name, inout, count, dtype, root));
  });
}

ronde_status ronde_broadcast(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                             int root) noexcept {
  return Guard([=] {
    return ronde::StartAndWait(name, nullptr, ronde::Broadcast(name, inout, count, dtype, root));
  });
}

ronde_status ronde_barrier_async(const char* name, ronde_handle** handle) noexcept {
  return Guard([=] {
    return ronde::Start(name, handle, [=](Session& session) { return session.BarrierAsync(name); });
  });
}

ronde_status ronde_barrier(void) noexcept {
  return Guard([] {
    return ronde::StartAndWait("ronde.barrier", nullptr, [](Session& session) {
      return session.BarrierAsync("ronde.barrier");
    });
  });
}

ronde_status ronde_average_model_async(const char* name, void* parameters, int64_t count,
                                       ronde_dtype dtype, ronde_average_schedule schedule,
                                       int64_t step, ronde_handle** handle) noexcept {
  return Guard([=] {
    return ronde::Start(name, handle,
                        ronde::AverageModel(name, parameters, count, dtype, schedule, step));
  });
}

ronde_status ronde_average_model(const char* name, void* parameters, int64_t count,
                                 ronde_dtype dtype, ronde_average_schedule schedule, int64_t step,
                                 int* performed) noexcept {
  return Guard([=] {
    ronde::OperationResult result;
    const Status status = ronde::StartAndWait(
        name, &result, ronde::AverageModel(name, parameters, count, dtype, schedule, step));
    if (performed != nullptr) *performed = status.ok() && result.performed ? 1 : 0;
    return status;
  });
}
