#include "core/control/group_gate.h"

#include <algorithm>

#include "core/base/strcat.h"
#include "core/control/process_sets.h"

namespace ronde {
Answer FailedMember(const Answer& answer, const std::string& group, const Status& error) {
  auto response = std::make_shared<Response>();
  response->request = answer.response->request;
  response->error = {error.code(), StrCat("tensor '", response->request.name, "': its group '",
                                          group, "' failed: ", error.message())};
  return {std::move(response)};
}

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
      if (counts) NoteFailure({set, group.first}, group.second, error, ready);
    }
    return;
  }
  const auto& [name, size] = groups.front();
  const std::pair<int, std::string> key(set, name);
  Group& group = groups_[key];
  ++group.answered;
  group.size = size;
  if (!group.failure.ok()) {
    ready.push_back(FailedMember(answer, name, group.failure));
  } else {
    group.since_ns = std::min(group.since_ns, answer.since_ns);
    group.held.push_back(std::move(answer));
  }
  if (group.answered < size) return;
  for (Answer& held : group.held) ready.push_back(std::move(held));
  groups_.erase(key);
}

void GroupGate::Forget(int set) {
  std::erase_if(groups_, [set](const auto& item) { return item.first.first == set; });
}

void GroupGate::NoteFailure(const std::pair<int, std::string>& key, int size, const Status& error,
                            std::vector<Answer>& ready) {
  const auto item = groups_.try_emplace(key).first;
  Group& group = item->second;
  if (group.failure.ok()) group.failure = error;
  FailHeld(*item, error, ready);
  group.held.clear();
  // The rest fails as it comes.
  if (++group.answered >= size) groups_.erase(item);
}

void GroupGate::FailHeld(const Groups::value_type& item, const Status& error,
                         std::vector<Answer>& ready) {
  for (const Answer& held : item.second.held) {
    ready.push_back(FailedMember(held, item.first.second, error));
  }
}

std::vector<Answer> GroupGate::Take(int set, const std::string& group) {
  const auto item = groups_.find({set, group});
  if (item == groups_.end()) return {};
  std::vector<Answer> held = std::move(item->second.held);
  groups_.erase(item);
  return held;
}

void GroupGate::EndJoin(std::vector<Answer>& ready) {
  std::erase_if(groups_, [&ready](const auto& item) {
    const Group& group = item.second;
    const bool stands_in = std::any_of(group.held.begin(), group.held.end(),
                                       [](const Answer& answer) { return answer.stands_in; });
    if (!stands_in) return false;
    FailHeld(item,
             Status::InvalidArgument(StrCat("all ranks have joined, and only ", group.answered,
                                            " of its ", group.size, " operations were submitted; ",
                                            "submit all of a group before joining")),
             ready);
    return true;
  });
}

std::vector<HeldMember> GroupGate::held() const {
  std::vector<HeldMember> all;
  for (const auto& [key, group] : groups_) {
    for (const Answer& answer : group.held) {
      all.push_back({&answer, StrCat("group '", key.second, "' has ", group.answered, " of its ",
                                     group.size, " operations")});
    }
  }
  return all;
}

std::int64_t GroupGate::since_ns() const {
  std::int64_t since_ns = INT64_MAX;
  for (const auto& [key, group] : groups_) {
    if (!group.held.empty()) since_ns = std::min(since_ns, group.since_ns);
  }
  return since_ns;
}

}  // namespace ronde
