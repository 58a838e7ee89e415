#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frontends/session/session.h"
#include "tests/soak/plan.h"
#include "tests/soak/rank_state.h"
#include "tests/soak/task.h"

namespace ronde::soak {

/// One rank of one world: does what the plan says and checks every result.
class RankRun {
 public:
  /// `plan` is this rank's own copy. What is this rank's alone (its order) comes from the seed too.
  RankRun(Session& session, Plan plan, std::uint64_t seed, const Features& features,
          RankState& state);

  /// Does all steps. What went wrong first, or nothing.
  std::optional<std::string> Run();

  [[nodiscard]] std::uint64_t operations() const { return operations_; }

 private:
  using Failure = std::optional<std::string>;
  using Tasks = std::vector<std::unique_ptr<Task>>;

  Failure Do(const Step& step);
  Failure DoBatch(const Step& step);
  Failure DoJoin(const Step& step);
  Failure DoAddSet(const Step& step);
  Failure DoAddWrongSet(const Step& step);
  Failure DoRemoveSet(const Step& step);

  /// This rank's tasks of the first `count` operations; null for what is not its own.
  Tasks Prepare(const std::vector<Operation>& operations, std::size_t count);
  void SubmitAll(const Tasks& tasks, const Step& step);
  Failure WaitForAll(const Tasks& tasks);
  /// Errors are the same, word for word, on all ranks of a set.
  Failure CompareWords(const std::string& name, const std::string& words, int set);

  Session& session_;
  Plan plan_;
  Random random_;
  const Features features_;
  RankState& state_;
  Place place_;
  std::shared_ptr<std::byte> memory_;
  int last_number_ = 0;  // of a process set
  std::uint64_t operations_ = 0;
};

}  // namespace ronde::soak
