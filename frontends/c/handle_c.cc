// The C API: handles and results.
#include <algorithm>

#include "core/base/clock.h"
#include "frontends/c/guard.h"
#include "frontends/c/result_copy.h"
#include "frontends/c/ronde.h"

namespace ronde {
namespace {

constexpr double kForeverS = 1e9;  // thirty years; a deadline counts nanoseconds in 64 bits

Deadline DeadlineIn(double timeout_s) {
  return timeout_s < kForeverS ? Deadline::After(std::max(timeout_s, 0.0)) : Deadline::Never();
}

// The result of a completed, successful operation.
Result<const OperationResult*> CompletedResult(const ronde_handle* handle) {
  RONDE_RETURN_IF_ERROR(NeedPointer(handle, "handle"));
  if (!handle->handle.Poll()) {
    return Status::InvalidArgument("the operation has not completed; call ronde_wait first");
  }
  RONDE_RETURN_IF_ERROR(handle->handle.Wait());
  return &handle->handle.result();
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Status;

ronde_status ronde_wait(ronde_handle* handle) noexcept {
  return Guard([=] {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(handle, "handle"));
    return handle->handle.Wait();
  });
}

ronde_status ronde_wait_for(ronde_handle* handle, double timeout_s) noexcept {
  return Guard([=] {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(handle, "handle"));
    return handle->handle.WaitUntil(ronde::DeadlineIn(timeout_s));
  });
}

ronde_status ronde_poll(ronde_handle* handle, int* completed) noexcept {
  return Guard([=] {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(handle, "handle"));
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(completed, "completed"));
    *completed = handle->handle.Poll() ? 1 : 0;
    return Status::Ok();
  });
}

ronde_status ronde_on_complete(ronde_handle* handle, ronde_callback callback,
                               void* context) noexcept {
  return Guard([=] {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(handle, "handle"));
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(reinterpret_cast<const void*>(callback), "callback"));
    handle->handle.OnComplete([callback, context](const Status& status) {
      callback(context, static_cast<ronde_status>(status.code()), status.message().c_str());
    });
    return Status::Ok();
  });
}

void ronde_release(ronde_handle* handle) noexcept { delete handle; }

ronde_status ronde_performed(ronde_handle* handle, int* performed) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(performed, "performed"));
    RONDE_ASSIGN_OR_RETURN(const ronde::OperationResult* result, ronde::CompletedResult(handle));
    *performed = result->performed ? 1 : 0;
    return Status::Ok();
  });
}

ronde_status ronde_result_last_joined(ronde_handle* handle, int* rank) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(rank, "rank"));
    RONDE_ASSIGN_OR_RETURN(const ronde::OperationResult* result, ronde::CompletedResult(handle));
    *rank = result->last_joined;
    return Status::Ok();
  });
}

ronde_status ronde_result_size(ronde_handle* handle, int* dimensions, size_t* size_bytes) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::OperationResult* result, ronde::CompletedResult(handle));
    if (dimensions != nullptr) *dimensions = static_cast<int>(result->gathered_shape.size());
    if (size_bytes != nullptr) *size_bytes = result->gathered.size();
    return Status::Ok();
  });
}

ronde_status ronde_result_shape(ronde_handle* handle, int64_t* shape, int capacity) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::OperationResult* result, ronde::CompletedResult(handle));
    return ronde::CopyOut(result->gathered_shape, shape, capacity);
  });
}

ronde_status ronde_result_rank_extents(ronde_handle* handle, int64_t* extents,
                                       int capacity) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::OperationResult* result, ronde::CompletedResult(handle));
    return ronde::CopyOut(result->rank_extents, extents, capacity);
  });
}

ronde_status ronde_result_copy(ronde_handle* handle, void* output, size_t capacity_bytes) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::OperationResult* result, ronde::CompletedResult(handle));
    return ronde::CopyGathered(*result, output, capacity_bytes);
  });
}
