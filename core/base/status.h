#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ronde {

/// Why an operation failed. The numeric values are part of the C ABI and of the wire format.
enum class StatusCode : int {
  kOk = 0,
  kInvalidArgument = 1,  ///< The caller's input is wrong (programs exit with code 2).
  kMismatch = 2,         ///< Ranks disagree on a tensor; the job goes on.
  kDuplicateName = 3,    ///< A tensor of that name is still in flight on this rank.
  kTimeout = 4,          ///< A peer missed the deadline.
  kAborted = 5,          ///< A rank ended the job; the message is that rank's.
  kShutdown = 6,         ///< The engine has been shut down, here or on a rank that is needed.
  kUnavailable = 7,      ///< The build or the machine lacks what was asked for.
  kInternal = 8,         ///< A broken invariant: a defect in Ronde.
};

[[nodiscard]] std::string_view StatusCodeName(StatusCode code);

/// A result without a value: a code and, when it is not kOk, a message that says what, where and
/// what to do. Immutable value type; moved from, it is kOk.
/// Cost: success is a null pointer, because a tiny collective hands a dozen of them up.
class [[nodiscard]] Status {
 public:
  Status() = default;
  /// kOk has no message.
  Status(StatusCode code, std::string message);
  Status(const Status& other) : failure_(Copy(other)) {}
  Status(Status&&) noexcept = default;
  Status& operator=(const Status& other) {
    if (this != &other) failure_ = Copy(other);
    return *this;
  }
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  static Status Ok() { return {}; }
  static Status InvalidArgument(std::string message) {
    return {StatusCode::kInvalidArgument, std::move(message)};
  }
  static Status Mismatch(std::string message) {
    return {StatusCode::kMismatch, std::move(message)};
  }
  static Status DuplicateName(std::string message) {
    return {StatusCode::kDuplicateName, std::move(message)};
  }
  static Status Timeout(std::string message) { return {StatusCode::kTimeout, std::move(message)}; }
  static Status Aborted(std::string message) { return {StatusCode::kAborted, std::move(message)}; }
  static Status Shutdown(std::string message) {
    return {StatusCode::kShutdown, std::move(message)};
  }
  static Status Unavailable(std::string message) {
    return {StatusCode::kUnavailable, std::move(message)};
  }
  static Status Internal(std::string message) {
    return {StatusCode::kInternal, std::move(message)};
  }

  [[nodiscard]] bool ok() const { return failure_ == nullptr; }
  [[nodiscard]] StatusCode code() const { return ok() ? StatusCode::kOk : failure_->code; }
  /// Empty where ok().
  [[nodiscard]] const std::string& message() const;
  /// "MISMATCH: tensor 'w': ..." for logs; programs print message() alone.
  [[nodiscard]] std::string ToString() const;

  friend bool operator==(const Status& a, const Status& b) {
    return a.code() == b.code() && a.message() == b.message();
  }

 private:
  struct Failure {
    StatusCode code;
    std::string message;
  };
  // Not inline, so that each place that lets go of a Status holds a test and a call.
  struct Delete {
    void operator()(Failure* failure) const;
  };
  using FailurePointer = std::unique_ptr<Failure, Delete>;
  [[nodiscard]] static FailurePointer Copy(const Status& other);

  FailurePointer failure_;  // null: kOk
};

/// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  [[nodiscard]] const Status& status() const { return status_; }
  /// The value. Requires ok().
  [[nodiscard]] T& value() & { return *value_; }
  [[nodiscard]] const T& value() const& { return *value_; }
  [[nodiscard]] T&& value() && { return *std::move(value_); }

 private:
  Status status_;
  std::optional<T> value_;
};

/// What the libtorch API throws: a Status as an exception.
class Error : public std::runtime_error {
 public:
  explicit Error(const Status& status)
      : std::runtime_error(status.message()), code_(status.code()) {}
  [[nodiscard]] StatusCode code() const { return code_; }

 private:
  StatusCode code_;
};

/// The exit code of a program that ends with `status`: 0, 2 for bad input, else 1.
[[nodiscard]] int ExitCodeFor(const Status& status);

}  // namespace ronde

#define RONDE_CONCAT_INNER(a, b) a##b
#define RONDE_CONCAT(a, b) RONDE_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expression` yields a failed Status.
#define RONDE_RETURN_IF_ERROR(expression)          \
  do {                                             \
    ::ronde::Status ronde_status_ = (expression);  \
    if (!ronde_status_.ok()) return ronde_status_; \
  } while (false)

/// Declares `lhs` from the value of a Result, or returns its Status.
#define RONDE_ASSIGN_OR_RETURN(lhs, expression) \
  RONDE_ASSIGN_OR_RETURN_INNER(RONDE_CONCAT(ronde_result_, __LINE__), lhs, expression)
#define RONDE_ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                                 \
  if (!result.ok()) return result.status();                   \
  lhs = std::move(result).value()
