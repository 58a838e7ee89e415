#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/control/handle.h"
#include "frontends/session/session.h"
#include "tests/soak/operation.h"

namespace ronde::soak {

/// What one rank's tasks share: its session, the numbers that the session gave to the plan's sets,
/// and its registered memory (null where there is none).
struct Place {
  Session* session = nullptr;
  std::map<int, int> sets;
  std::byte* registered = nullptr;
};

/// One rank's part of one operation: its buffers, its handle, and whether the result is right.
/// Lives until the handle has completed.
class Task {
 public:
  Task(const Operation& operation, const Place& place);

  /// Asks the session for it: by the rank's own thread, or from the callback of the one before.
  void Submit();
  /// Has `next` submitted once this one has completed.
  void SubmitAfterwards(Task& next);
  /// Blocks until it has been submitted and has completed.
  Status Wait();
  /// After Wait gave `status`: what is wrong, or nothing.
  [[nodiscard]] std::optional<std::string> Verify(const Status& status) const;

  [[nodiscard]] const Operation& operation() const { return operation_; }
  [[nodiscard]] int member() const { return member_; }
  [[nodiscard]] int set() const { return set_; }

 private:
  // One tensor of a group, or the only one.
  struct Buffers {
    std::byte* input = nullptr;
    std::byte* output = nullptr;
    std::vector<std::byte> own_input;
    std::vector<std::byte> own_output;
    std::int64_t input_count = 0;
    std::int64_t output_count = 0;
  };

  void Prepare(int tensor, std::byte* registered);
  [[nodiscard]] TensorView Input(std::size_t tensor) const;
  [[nodiscard]] TensorView Output(std::size_t tensor) const;
  [[nodiscard]] std::vector<Handle> Start() const;
  [[nodiscard]] std::vector<Handle> StartDeviating();
  [[nodiscard]] AllreduceOptions Options() const;
  [[nodiscard]] std::optional<std::string> VerifyTensor(int tensor) const;
  [[nodiscard]] std::optional<std::string> VerifyFailure(const Status& status) const;
  /// Whether the session makes the output.
  [[nodiscard]] bool HasOwnResult() const;

  const Operation operation_;
  Session& session_;
  const int set_;
  const int member_;  // this rank's number in the set
  std::vector<Buffers> buffers_;
  std::promise<std::vector<Handle>> submitted_;
  std::vector<Handle> handles_;  // once Wait has got them
  Task* next_ = nullptr;
  std::unique_ptr<Task> odd_;      // what a deviating rank asks for instead
  std::vector<std::byte> unused_;  // an output that is never written
};

}  // namespace ronde::soak
