#include "tests/soak/rank_run.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "core/base/strcat.h"

namespace ronde::soak {
namespace {

std::string ToText(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += StrCat(text.empty() ? "" : ",", rank);
  return text;
}

}  // namespace

RankRun::RankRun(Session& session, Plan plan, std::uint64_t seed, const Features& features,
                 RankState& state)
    : session_(session),
      plan_(std::move(plan)),
      random_(Mix(seed, 1000 + static_cast<std::uint64_t>(session.rank()))),
      features_(features),
      state_(state) {
  place_.session = &session_;
  place_.sets[0] = 0;
}

RankRun::Failure RankRun::Run() {
  if (features_.registered) {
    state_.Set("allocates registered memory");
    auto memory = session_.Allocate(kRegisteredBytes);
    if (!memory.ok()) return StrCat("Allocate fails: ", memory.status().ToString());
    memory_ = std::move(memory).value();
    place_.registered = memory_.get();
  }
  for (int number = 0; number < plan_.steps(); ++number) {
    state_.Set(StrCat("prepares step ", number));
    if (Failure failure = Do(plan_.Next())) return StrCat("step ", number, ": ", *failure);
  }
  state_.Set("has done all steps");
  return std::nullopt;
}

RankRun::Failure RankRun::Do(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kBatch:
      return DoBatch(step);
    case Step::Kind::kAddSet:
      return DoAddSet(step);
    case Step::Kind::kAddWrongSet:
      return DoAddWrongSet(step);
    case Step::Kind::kRemoveSet:
      return DoRemoveSet(step);
    case Step::Kind::kJoin:
      return DoJoin(step);
  }
  return std::nullopt;
}

RankRun::Tasks RankRun::Prepare(const std::vector<Operation>& operations, std::size_t count) {
  Tasks tasks;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const std::vector<int>& members = operations[i].members;
    const bool mine =
        i < count && std::binary_search(members.begin(), members.end(), session_.rank());
    tasks.push_back(mine ? std::make_unique<Task>(operations[i], place_) : nullptr);
  }
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i] == nullptr || operations[i].then < 0) continue;
    tasks[i]->SubmitAfterwards(*tasks[static_cast<std::size_t>(operations[i].then)]);
  }
  return tasks;
}

void RankRun::SubmitAll(const Tasks& tasks, const Step& step) {
  std::vector<Task*> order;
  for (const auto& task : tasks) {
    if (task != nullptr && !task->operation().chained) order.push_back(task.get());
  }
  if (step.shuffled_by == kEveryone || step.shuffled_by == session_.rank()) {
    random_.Shuffle(order);
  }
  if (step.late_rank == session_.rank()) {
    // Not to wait for anything: the others get a head start.
    std::this_thread::sleep_for(std::chrono::microseconds(random_.Range(0, 2000)));
  }
  for (Task* task : order) task->Submit();
}

RankRun::Failure RankRun::WaitForAll(const Tasks& tasks) {
  // All of them, whatever becomes of the first: they lend their buffers.
  Failure failure;
  std::vector<std::pair<Task*, std::string>> refused;
  for (const auto& task : tasks) {
    if (task == nullptr) continue;
    state_.Set(StrCat("waits for ", soak::ToText(task->operation())));
    const Status status = task->Wait();
    ++operations_;
    if (!status.ok()) refused.emplace_back(task.get(), status.ToString());
    if (failure) continue;
    if (const Failure wrong = task->Verify(status)) {
      failure = StrCat(soak::ToText(task->operation()), ": ", *wrong);
    }
  }
  for (const auto& [task, words] : refused) {
    if (failure) break;
    failure = CompareWords(task->operation().name, words, task->set());
  }
  return failure;
}

RankRun::Failure RankRun::CompareWords(const std::string& name, const std::string& words, int set) {
  state_.Set(StrCat("compares the error of '", name, "'"));
  std::string mine = words;
  const Handle handle = session_.AllgatherAsync(
      StrCat("soak.words.", name),
      {mine.data(), DataType::kUInt8, {1, static_cast<std::int64_t>(mine.size())}}, set);
  // Of different lengths they are different: the comparison itself is then refused.
  if (const Status status = handle.Wait(); !status.ok()) {
    return StrCat("the error of '", name, "' is not the same on all ranks; here: ", words, " (",
                  status.message(), ")");
  }
  const auto& all = handle.result().gathered;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (static_cast<char>(all[i]) == words[i % words.size()]) continue;
    return StrCat("the error of '", name, "' is not the same on all ranks; here: ", words);
  }
  return std::nullopt;
}

RankRun::Failure RankRun::DoBatch(const Step& step) {
  const Tasks tasks = Prepare(step.operations, step.operations.size());
  SubmitAll(tasks, step);
  return WaitForAll(tasks);
}

RankRun::Failure RankRun::DoJoin(const Step& step) {
  const std::size_t count = step.submits[static_cast<std::size_t>(session_.rank())];
  const Tasks tasks = Prepare(step.operations, count);
  SubmitAll(tasks, step);
  const Handle join = session_.JoinAsync();
  if (Failure failure = WaitForAll(tasks)) return failure;
  state_.Set(StrCat("has joined after ", count, " of ", step.operations.size(), " operations"));
  if (const Status status = join.Wait(); !status.ok()) {
    return StrCat("join fails: ", status.ToString());
  }
  const int last = join.result().last_joined;
  if (last < 0 || last >= session_.size()) return StrCat("rank ", last, " joined last");
  return CompareWords("join", StrCat("last ", last), kWorld);
}

RankRun::Failure RankRun::DoAddSet(const Step& step) {
  state_.Set(StrCat("adds set ", step.set, " of ", ToText(step.members)));
  const Result<int> number = session_.AddProcessSet(step.members);
  if (!number.ok()) {
    return StrCat("adding a set of ", ToText(step.members), " fails: ", number.status().ToString());
  }
  if (number.value() <= last_number_) {
    return StrCat("set number ", number.value(), " follows ", last_number_);
  }
  last_number_ = number.value();
  place_.sets[step.set] = number.value();
  const auto ranks = session_.ProcessSetRanks(number.value());
  if (ranks.ok() && ranks.value() == step.members) return std::nullopt;
  return StrCat("set ", number.value(), " has other ranks than ", ToText(step.members));
}

RankRun::Failure RankRun::DoAddWrongSet(const Step& step) {
  std::vector<int> members = step.members;
  if (step.deviant == session_.rank()) {
    members.size() > 1 ? members.pop_back() : members.assign({(members[0] + 1) % session_.size()});
  }
  state_.Set(StrCat("adds a set of ", ToText(members), ", on which ranks do not agree"));
  const Result<int> number = session_.AddProcessSet(members);
  if (number.ok()) return StrCat("a set whose members differ was added as ", number.value());
  return CompareWords("set", number.status().ToString(), kWorld);
}

RankRun::Failure RankRun::DoRemoveSet(const Step& step) {
  const int number = place_.sets.at(step.set);
  state_.Set(StrCat("removes set ", step.set, " (number ", number, ")"));
  const Status removed = session_.RemoveProcessSet(number);
  if (!removed.ok()) return StrCat("removing a set fails: ", removed.ToString());
  place_.sets.erase(step.set);
  state_.Set(StrCat("uses set ", number, ", which has been removed"));
  const Status used = session_.BarrierAsync("removed", number).Wait();
  if (used.ok()) return StrCat("set ", number, " works although it has been removed");
  return std::nullopt;
}

}  // namespace ronde::soak
