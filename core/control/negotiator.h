#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/status.h"
#include "core/control/message.h"

namespace ronde {

/// A name that some ranks have submitted and others have not.
struct WaitingTensor {
  std::string name;
  std::vector<int> waiting;   ///< ranks that have submitted it, ascending
  std::vector<int> missing;   ///< ranks that have not, ascending
  std::int64_t since_ns = 0;  ///< when the first rank submitted it
};

/// Turns the requests of all ranks into one ordered list of responses. A state machine without I/O:
/// a name is ready once every rank has requested it, and names are answered in the order in which
/// they became ready. A name that needs a rank which has shut down is answered with kShutdown; the
/// message names the first such rank, whose absence may be why the next ones left.
/// Thread rule: engine-only (rank 0).
class Negotiator {
 public:
  explicit Negotiator(int size) : size_(size), shut_down_(size, false) {}

  /// `now_ns` is when the request arrived. Error: kInternal where `rank` breaks the protocol (it
  /// requests a name twice, or anything after it has shut down).
  [[nodiscard]] Status AddRequest(int rank, Request request, std::int64_t now_ns);
  /// `rank` will request nothing more. Error: kInternal when it has said so before.
  [[nodiscard]] Status MarkShutdown(int rank);
  /// Answers every waiting name with `error`.
  void FailWaiting(const Status& error);

  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  /// The responses since the last call, in order.
  [[nodiscard]] std::vector<Response> TakeReady();

  [[nodiscard]] bool all_shut_down() const {
    return static_cast<int>(shut_down_order_.size()) == size_;
  }
  /// Ranks that have not shut down, ascending.
  [[nodiscard]] std::vector<int> running_ranks() const;

  /// Every waiting name, longest first.
  [[nodiscard]] std::vector<WaitingTensor> Waiting() const;
  /// When the longest waiting name was first submitted.
  [[nodiscard]] std::optional<std::int64_t> waiting_since_ns() const;

 private:
  struct Pending {
    std::vector<std::optional<Request>> requests;  // by rank
    int count = 0;
    std::int64_t since_ns = 0;
  };

  void AnswerIfDecided(const std::string& name);

  const int size_;
  std::unordered_map<std::string, Pending> pending_;
  std::vector<Response> ready_;
  std::vector<bool> shut_down_;
  std::vector<int> shut_down_order_;  // the ranks set in shut_down_, first to last
};

}  // namespace ronde
