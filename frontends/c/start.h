#pragma once

#include <memory>
#include <vector>

#include "core/base/types.h"
#include "frontends/c/guard.h"
#include "frontends/session/session_slot.h"

namespace ronde {

/// Any value may arrive; the session refuses those that do not exist.
inline DataType ToDataType(ronde_dtype dtype) {
  return static_cast<DataType>(dtype >= 0 && dtype < kDataTypeCount ? dtype : 255);
}

inline ReduceOp ToReduceOp(ronde_op op) {
  return static_cast<ReduceOp>(op >= 0 && op < kReduceOpCount ? op : 255);
}

/// What `query(session)` says, -1 without a session.
template <typename Query>
int AskSession(const Query& query) noexcept {
  try {
    const Result<std::shared_ptr<Session>> session = CurrentSession();
    return session.ok() ? query(*session.value()) : -1;
  } catch (...) {
    return -1;
  }
}

/// What a caller finds in `handles[count]` unless all goes well.
inline Status ClearHandles(ronde_handle** handles, int count) {
  RONDE_RETURN_IF_ERROR(NeedPointer(handles, count == 1 ? "handle" : "handles"));
  for (int i = 0; i < count; ++i) handles[i] = nullptr;
  return Status::Ok();
}

/// Submits through `submit(session)` and hands the handle out.
template <typename Submit>
Status Start(const char* name, ronde_handle** handle, const Submit& submit) {
  RONDE_RETURN_IF_ERROR(ClearHandles(handle, 1));
  RONDE_RETURN_IF_ERROR(NeedPointer(name, "name"));
  RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, CurrentSession());
  auto started = std::make_unique<ronde_handle>();
  started->handle = submit(*session);
  *handle = started.release();
  return Status::Ok();
}

template <typename Submit>
Status StartAndWait(const char* name, OperationResult* result, const Submit& submit) {
  ronde_handle* started = nullptr;
  RONDE_RETURN_IF_ERROR(Start(name, &started, submit));
  const std::unique_ptr<ronde_handle> handle(started);
  const Status status = handle->handle.Wait();
  if (result != nullptr) *result = handle->handle.result();
  return status;
}

}  // namespace ronde
