#include "core/base/status.h"

#include "core/base/strcat.h"

namespace ronde {

std::string_view StatusCodeName(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return "OK";
    case StatusCode::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case StatusCode::kMismatch:
      return "MISMATCH";
    case StatusCode::kDuplicateName:
      return "DUPLICATE_NAME";
    case StatusCode::kTimeout:
      return "TIMEOUT";
    case StatusCode::kAborted:
      return "ABORTED";
    case StatusCode::kShutdown:
      return "SHUTDOWN";
    case StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case StatusCode::kInternal:
      return "INTERNAL";
  }
  return "UNKNOWN";
}

Status::Status(StatusCode code, std::string message) {
  if (code != StatusCode::kOk) failure_.reset(new Failure{code, std::move(message)});
}

Status::FailurePointer Status::Copy(const Status& other) {
  return FailurePointer(other.ok() ? nullptr : new Failure(*other.failure_));
}

void Status::Delete::operator()(Failure* failure) const { delete failure; }

const std::string& Status::message() const {
  static const std::string none;
  return ok() ? none : failure_->message;
}

std::string Status::ToString() const {
  if (ok()) return "OK";
  return StrCat(StatusCodeName(code()), ": ", message());
}

int ExitCodeFor(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalidArgument:
    case StatusCode::kUnavailable:
      return 2;
    default:
      return 1;
  }
}

}  // namespace ronde
