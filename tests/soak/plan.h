#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "tests/soak/features.h"
#include "tests/soak/operation.h"
#include "tests/soak/random.h"

namespace ronde::soak {

/// Who submits a batch in another order than that of the plan.
inline constexpr int kNobody = -1;
inline constexpr int kEveryone = -2;

/// What all ranks do next; those that an operation does not concern pass it over.
struct Step {
  enum class Kind : std::uint8_t { kBatch, kAddSet, kAddWrongSet, kRemoveSet, kJoin };
  Kind kind = Kind::kBatch;
  std::vector<Operation> operations;
  int shuffled_by = kNobody;         ///< a world rank, or one of the above
  int late_rank = kNobody;           ///< waits for the others' first operations before it submits
  int set = 0;                       ///< a set's key: kAddSet, kRemoveSet
  std::vector<int> members;          ///< kAddSet
  int deviant = 0;                   ///< kAddWrongSet: the rank that gives other members
  std::vector<std::size_t> submits;  ///< kJoin: how many of the operations each rank still has
};

/// One world's life, made up step by step from a seed, in the same way on all ranks.
class Plan {
 public:
  Plan(std::uint64_t seed, int size, const Features& features);

  /// Settings of this world, on top of what `config` has.
  void Configure(Config* config);
  /// By rank; empty where all ranks share one host.
  std::vector<std::string> HostIds();

  [[nodiscard]] int steps() const { return steps_; }
  Step Next();

 private:
  Step RandomBatch();
  Step RepeatedBatch();
  Step JoinStep();
  Step AddSet();
  Step RemoveSet();

  Operation RandomOperation(int set, const std::string& name);
  Operation JoinableOperation(const std::string& name);
  void ChooseShape(Operation* operation);
  void Deviate(Operation* operation);
  void Register(std::vector<Operation>* operations);
  [[nodiscard]] std::vector<int> RandomMembers();
  [[nodiscard]] std::vector<int> World() const;

  Random random_;
  const int size_;
  const Features features_;
  int steps_;
  std::map<int, std::vector<int>> sets_;  // by key
  int next_set_ = 1;
  std::vector<Operation> schedule_;  // what is repeated
  int repetitions_left_ = 0;
  int deviations_percent_ = 0;  // of the repetitions
};

/// Registered memory that a world's operations share.
inline constexpr std::size_t kRegisteredBytes = 4 << 20;

}  // namespace ronde::soak
