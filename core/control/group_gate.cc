#include "core/control/group_gate.h"

#include <algorithm>

#include "core/base/strcat.h"
#include "core/control/process_sets.h"

namespace ronde {
namespace {

// The same operation with an error in place of what was agreed.
Answer Failed(const Answer& answer, const std::string& group, const Status& error) {
  auto response = std::make_shared<Response>();
  response->request = answer.response->request;
  response->error = {error.code(), StrCat("tensor '", response->request.name, "': its group '",
                                          group, "' failed: ", error.message())};
  return {std::move(response)};
}

}  // namespace

void GroupGate::Pass(Answer answer, std::span<const std::pair<std::string, int>> groups,
                     std::vector<Answer>& ready) {
  if (groups.empty()) return ready.push_back(std::move(answer));
  const int set = SetOf(answer.response->request);
  if (const Status error = answer.response->error; !error.ok()) {
    ready.push_back(std::move(answer));
    for (const std::pair<std::string, int>& group : groups) {
      // One of which ranks name several sizes counts once, as the smallest.
      const bool counts = std::none_of(groups.begin(), groups.end(), [&](const auto& other) {
        return other.first == group.first && other.second < group.second;
      });
      if (counts) Fail({set, group.first}, group.second, error, ready);
    }
    return;
  }
  const auto& [name, size] = groups.front();
  const std::pair<int, std::string> key(set, name);
  Group& group = groups_[key];
  ++group.answered;
  if (!group.failure.ok()) {
    ready.push_back(Failed(answer, name, group.failure));
  } else {
    group.held.push_back(std::move(answer));
  }
  if (group.answered < size) return;
  for (Answer& held : group.held) ready.push_back(std::move(held));
  groups_.erase(key);
}

void GroupGate::Forget(int set) {
  std::erase_if(groups_, [set](const auto& item) { return item.first.first == set; });
}

void GroupGate::Fail(const std::pair<int, std::string>& key, int size, const Status& error,
                     std::vector<Answer>& ready) {
  Group& group = groups_[key];
  if (group.failure.ok()) group.failure = error;
  for (const Answer& held : group.held) ready.push_back(Failed(held, key.second, error));
  group.held.clear();
  // The rest fails as it comes.
  if (++group.answered >= size) groups_.erase(key);
}

}  // namespace ronde
