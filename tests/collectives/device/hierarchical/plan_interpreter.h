#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "collectives/device/hierarchical/plan.h"
#include "collectives/device/hierarchical/plan_memory.h"

namespace ronde {

/// Runs the plans of all ranks of an invented topology in one thread, on plain vectors, one step at
/// a time: whichever of those that may go next a seed picks. Streams take their steps in order; the
/// host takes any that is ready; a message starts when it may, and is then as slow as the seed
/// wants: its bytes are read when it starts or when it ends, and until then what it will overwrite
/// is garbage.
///
/// What may go next stays so until it goes, so that one order that ends proves that all do.
class PlanInterpreter {
 public:
  PlanInterpreter(const DevicePlanShape& shape, const PlanSum& sum, std::uint64_t seed);

  [[nodiscard]] int ranks() const { return static_cast<int>(ranks_.size()); }
  [[nodiscard]] const DevicePlan& plan(int rank) const { return At(rank).plan; }
  /// By rank; hosts have the next ones. In place, it lies where the output will.
  void set_input(int rank, const std::vector<std::byte>& input, bool in_place);
  [[nodiscard]] const std::vector<std::byte>& output(int rank) const { return At(rank).output; }

  /// Until all is done: "", or what stands still.
  [[nodiscard]] std::string Run();

 private:
  enum class State : std::uint8_t { kWaiting, kStarted, kDone };
  struct Rank {
    DevicePlan plan;
    int first_of_host = 0;
    std::vector<std::byte> input;
    std::vector<std::byte> output;
    std::vector<std::byte> slots;
    std::vector<State> states;
    std::vector<int> open;  // steps that are not done, in order
  };
  struct Message {
    int send_rank, send_step;
    int receive_rank, receive_step;
    std::vector<std::byte> early;  // where its bytes were read at once
  };
  using Channel = std::pair<int, int>;  // from rank, to rank

  [[nodiscard]] const Rank& At(int rank) const { return ranks_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] Rank& At(int rank) { return ranks_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] PlanMemory MemoryOf(int rank);
  [[nodiscard]] int RankOf(int host, int local_rank) const;
  [[nodiscard]] bool InTurn(const Rank& rank, std::size_t position) const;
  /// Whether it has moved.
  bool TryStep(int rank, int step);
  bool TryMeet(int rank, int step);
  bool TryMessages();
  void StartMessage(int rank, int step);
  void Finish(int rank, int step);
  void Compute(int rank, const PlanStep& step);
  bool Move();

  DevicePlanShape shape_;
  PlanSum sum_;
  std::mt19937_64 random_;
  std::vector<Rank> ranks_;
  std::map<Channel, std::deque<int>> sends_;     // started, without a partner
  std::map<Channel, std::deque<int>> receives_;  // the same
  std::vector<Message> messages_;                // both have started
};

}  // namespace ronde
