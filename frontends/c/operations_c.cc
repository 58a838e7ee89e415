// The C API: operations on a vector, and barriers.
#include "core/base/tensor_view.h"
#include "frontends/c/guard.h"
#include "frontends/c/options.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"

namespace ronde {
namespace {

// The engine writes only to tensors that the caller passed as writable.
TensorView Vector(const void* data, ronde_dtype dtype, std::int64_t count) {
  return {const_cast<void*>(data), ToDataType(dtype), {count}};
}

auto Allreduce(const char* name, const void* input, void* output, std::int64_t count,
               ronde_dtype dtype, const AllreduceOptions& options) {
  return [=](Session& session) {
    return session.AllreduceAsync(name, Vector(input, dtype, count), Vector(output, dtype, count),
                                  options);
  };
}

auto Broadcast(const char* name, void* inout, std::int64_t count, ronde_dtype dtype, int root,
               int process_set) {
  return [=](Session& session) {
    return session.BroadcastAsync(name, Vector(inout, dtype, count), root, process_set);
  };
}

auto Barrier(const char* name, int process_set) {
  return [=](Session& session) { return session.BarrierAsync(name, process_set); };
}

auto AverageModel(const char* name, void* parameters, std::int64_t count, ronde_dtype dtype,
                  ronde_average_schedule schedule, std::int64_t step, int process_set) {
  return [=](Session& session) {
    return session.AverageModelAsync(name, Vector(parameters, dtype, count),
                                     {schedule.period, schedule.origin}, step, process_set);
  };
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Status;

ronde_status ronde_allreduce_with_async(const char* name, const void* input, void* output,
                                        int64_t count, ronde_dtype dtype,
                                        const ronde_options* options,
                                        ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::ClearHandles(handle, 1));
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    return ronde::Start(name, handle, ronde::Allreduce(name, input, output, count, dtype, read));
  });
}

ronde_status ronde_allreduce_with(const char* name, const void* input, void* output, int64_t count,
                                  ronde_dtype dtype, const ronde_options* options) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    return ronde::StartAndWait(name, nullptr,
                               ronde::Allreduce(name, input, output, count, dtype, read));
  });
}

ronde_status ronde_allreduce_async(const char* name, const void* input, void* output, int64_t count,
                                   ronde_dtype dtype, ronde_op op, double prescale,
                                   double postscale, ronde_handle** handle) noexcept {
  const ronde_options options = {sizeof(options), 0, op, prescale, postscale};
  return ronde_allreduce_with_async(name, input, output, count, dtype, &options, handle);
}

ronde_status ronde_allreduce(const char* name, const void* input, void* output, int64_t count,
                             ronde_dtype dtype, ronde_op op) noexcept {
  const ronde_options options = {sizeof(options), 0, op, 1, 1};
  return ronde_allreduce_with(name, input, output, count, dtype, &options);
}

ronde_status ronde_broadcast_with_async(const char* name, void* inout, int64_t count,
                                        ronde_dtype dtype, int root, const ronde_options* options,
                                        ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::ClearHandles(handle, 1));
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    return ronde::Start(name, handle,
                        ronde::Broadcast(name, inout, count, dtype, root, read.process_set));
  });
}

ronde_status ronde_broadcast_with(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                                  int root, const ronde_options* options) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    return ronde::StartAndWait(name, nullptr,
                               ronde::Broadcast(name, inout, count, dtype, root, read.process_set));
  });
}

ronde_status ronde_broadcast_async(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                                   int root, ronde_handle** handle) noexcept {
  return ronde_broadcast_with_async(name, inout, count, dtype, root, nullptr, handle);
}

ronde_status ronde_broadcast(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                             int root) noexcept {
  return ronde_broadcast_with(name, inout, count, dtype, root, nullptr);
}

ronde_status ronde_barrier_with_async(const char* name, const ronde_options* options,
                                      ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::ClearHandles(handle, 1));
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    return ronde::Start(name, handle, ronde::Barrier(name, read.process_set));
  });
}

ronde_status ronde_barrier_with(const ronde_options* options) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    constexpr const char* kName = "ronde.barrier";
    return ronde::StartAndWait(kName, nullptr, ronde::Barrier(kName, read.process_set));
  });
}

ronde_status ronde_barrier_async(const char* name, ronde_handle** handle) noexcept {
  return ronde_barrier_with_async(name, nullptr, handle);
}

ronde_status ronde_barrier(void) noexcept { return ronde_barrier_with(nullptr); }

ronde_status ronde_average_model_with_async(const char* name, void* parameters, int64_t count,
                                            ronde_dtype dtype, ronde_average_schedule schedule,
                                            int64_t step, const ronde_options* options,
                                            ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::ClearHandles(handle, 1));
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    return ronde::Start(
        name, handle,
        ronde::AverageModel(name, parameters, count, dtype, schedule, step, read.process_set));
  });
}

ronde_status ronde_average_model_with(const char* name, void* parameters, int64_t count,
                                      ronde_dtype dtype, ronde_average_schedule schedule,
                                      int64_t step, int* performed,
                                      const ronde_options* options) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    ronde::OperationResult result;
    const Status status = ronde::StartAndWait(
        name, &result,
        ronde::AverageModel(name, parameters, count, dtype, schedule, step, read.process_set));
    if (performed != nullptr) *performed = status.ok() && result.performed ? 1 : 0;
    return status;
  });
}

ronde_status ronde_average_model_async(const char* name, void* parameters, int64_t count,
                                       ronde_dtype dtype, ronde_average_schedule schedule,
                                       int64_t step, ronde_handle** handle) noexcept {
  return ronde_average_model_with_async(name, parameters, count, dtype, schedule, step, nullptr,
                                        handle);
}

ronde_status ronde_average_model(const char* name, void* parameters, int64_t count,
                                 ronde_dtype dtype, ronde_average_schedule schedule, int64_t step,
                                 int* performed) noexcept {
  return ronde_average_model_with(name, parameters, count, dtype, schedule, step, performed,
                                  nullptr);
}
