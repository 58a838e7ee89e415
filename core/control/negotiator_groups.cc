// What the negotiator does for groups: all of their members are answered together.
#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/negotiator.h"

namespace ronde {

std::vector<Negotiator::GroupVote> Negotiator::VotesOf(const Pending& pending) const {
  if (pending.slot < 0) return pending.votes;
  std::vector<GroupVote> votes;
  const Request& request = slots_.ResponseOf(pending.slot)->request;
  if (request.group.empty()) return votes;
  for (std::size_t i = 0; i < pending.asked.size(); ++i) {
    if (pending.asked[i]) {
      votes.push_back({request.group, request.group_size, static_cast<int>(i)});
    }
  }
  return votes;
}

void Negotiator::FinishMember(const Pending& pending, const std::vector<GroupVote>& votes,
                              Answer answer) {
  const std::size_t before = ready_.size();
  const int slot = pending.slot >= 0 ? pending.slot : answer.slot;
  std::vector<std::pair<std::string, int>> groups;
  for (const GroupVote& vote : votes) {
    const std::pair<std::string, int> group(vote.group, vote.size);
    if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  OpenDisputes(pending, groups, answer.response->error);
  std::erase_if(groups, [&](const auto& group) {
    const auto found = disputes_.find({pending.set, group.first});
    if (found == disputes_.end()) return false;
    found->second.MarkAnswered(pending.key);
    if (answer.response->error.ok()) {
      answer = FailedMember(answer, group.first, found->second.error());
    }
    return true;  // the gate need not wait for the rest of it
  });
  gate_.Pass(std::move(answer), groups, ready_);
  if (ready_.size() == before) {
    if (slot >= 0) slots_.Pin(slot);  // until its answer is told, it stays what it is
    return;
  }
  if (slot >= 0) slots_.Touch(slot, next_list());
  TouchReady(before);
}

void Negotiator::TouchReady(std::size_t before) {
  for (std::size_t i = before; i < ready_.size(); ++i) {
    const int passed = slots_.Find(KeyOf(ready_[i].response->request));
    if (passed >= 0) slots_.Touch(passed, next_list());
  }
}

void Negotiator::OpenDisputes(const Pending& pending,
                              const std::vector<std::pair<std::string, int>>& groups,
                              const Status& error) {
  if (error.ok()) return;
  const std::vector<GroupVote> votes = VotesOf(pending);
  for (const std::pair<std::string, int>& group : groups) {
    const auto agreeing = std::count_if(votes.begin(), votes.end(), [&group](const auto& vote) {
      return vote.group == group.first && vote.size == group.second;
    });
    if (agreeing < pending.count) OpenDispute(pending, group.first, error);
  }
}

void Negotiator::OpenDispute(const Pending& pending, const std::string& name, const Status& error) {
  const auto [item, added] =
      disputes_.try_emplace({pending.set, name}, error, pending.members->size());
  if (!added) return;
  GroupDispute& dispute = item->second;
  for (std::size_t i = 0; i < pending.members->size(); ++i) {
    const int rank = (*pending.members)[i];
    if (joined_[rank] || shut_down_[rank]) dispute.MarkGone(i);
  }
  // Ranks that put the operation elsewhere will not come with the rest of the group.
  std::vector<bool> elsewhere = pending.asked;
  for (const GroupVote& vote : VotesOf(pending)) {
    if (vote.group == name) elsewhere[static_cast<std::size_t>(vote.position)] = false;
  }
  for (std::size_t i = 0; i < elsewhere.size(); ++i) {
    if (elsewhere[i]) dispute.MarkGone(i);
  }
  for (const Pending* other : PendingByAge()) {
    if (other->set != pending.set) continue;
    for (const GroupVote& vote : VotesOf(*other)) {
      if (vote.group != name) continue;
      dispute.Note(static_cast<std::size_t>(vote.position), other->key, vote.size);
    }
  }
  for (Answer& held : gate_.Take(pending.set, name)) {
    const std::string key = KeyOf(held.response->request);
    for (std::size_t i = 0; i < pending.members->size(); ++i) {
      dispute.Note(i, key, held.response->request.group_size);
    }
    dispute.MarkAnswered(key);
    ready_.push_back(FailedMember(held, name, error));
  }
  // From now on ranks ask for its operations in full: a slot does not say for which use of it.
  for (const int slot : slots_.SlotsOf(pending.set)) {
    if (slots_.ResponseOf(slot)->request.group != name) continue;
    TellInFull(slot);
    Evict(slot);
  }
}

bool Negotiator::IsDeferred(int rank, std::size_t position, const std::string& key,
                            Request& request, std::int64_t now_ns) {
  if (request.group.empty()) return false;
  const auto found = disputes_.find({SetOf(request), request.group});
  if (found == disputes_.end() || found->second.Note(position, key, request.group_size)) {
    return false;
  }
  found->second.Defer({rank, std::move(request), now_ns});
  return true;
}

bool Negotiator::IsSurplus(const Pending& pending, const GroupDispute& dispute) const {
  for (std::size_t i = 0; i < pending.members->size(); ++i) {
    const bool comes = !joined_[(*pending.members)[i]] && dispute.IsComing(i, pending.key);
    if (!pending.asked[i] && comes) return false;
  }
  return true;
}

void Negotiator::AnswerSurplus() {
  for (Pending* pending : PendingByAge()) {
    for (const GroupVote& vote : VotesOf(*pending)) {
      const auto found = disputes_.find({pending->set, vote.group});
      if (found == disputes_.end() || !IsSurplus(*pending, found->second)) continue;
      const Answer member = ErrorAnswer(pending->name, pending->set, Status::Ok());
      Answer answer = FailedMember(member, vote.group, found->second.error());
      // The others may by now have an operation of that name in the next use of the group.
      for (std::size_t i = 0; i < pending->members->size(); ++i) {
        if (pending->asked[i]) answer.response->rank_extents.push_back((*pending->members)[i]);
      }
      Finish(*pending, std::move(answer));
      break;
    }
  }
}

Status Negotiator::EndDisputes(bool all) {
  std::vector<GroupDispute::Deferred> deferred;
  for (auto item = disputes_.begin(); item != disputes_.end();) {
    if (!all && !item->second.IsOver()) {
      ++item;
      continue;
    }
    std::vector<GroupDispute::Deferred> its = item->second.TakeDeferred();
    std::move(its.begin(), its.end(), std::back_inserter(deferred));
    item = disputes_.erase(item);
  }
  for (GroupDispute::Deferred& each : deferred) {
    RONDE_RETURN_IF_ERROR(AddRequest(each.rank, std::move(each.request), each.since_ns));
  }
  return Status::Ok();
}

std::vector<WaitingTensor> Negotiator::HeldByGroups() const {
  std::vector<WaitingTensor> tensors;
  for (HeldMember& held : gate_.held()) {
    const Request& request = held.answer->response->request;
    tensors.push_back({.name = request.name,
                       .set = SetOf(request),
                       .waiting = *sets_.Find(SetOf(request)),
                       .missing = {},
                       .lack = std::move(held.lack),
                       .since_ns = held.answer->since_ns});
  }
  for (const auto& [group, dispute] : disputes_) {
    for (const GroupDispute::Deferred& deferred : dispute.deferred()) {
      tensors.push_back(
          {.name = deferred.request.name,
           .set = group.first,
           .waiting = {deferred.rank},
           .missing = {},
           .lack = StrCat("other ranks have not finished with the last use of group '",
                          group.second, "', of whose size they disagreed"),
           .since_ns = deferred.since_ns});
    }
  }
  return tensors;
}

std::int64_t Negotiator::HeldSinceNs() const {
  std::int64_t since_ns = gate_.since_ns();
  for (const auto& [group, dispute] : disputes_) {
    for (const GroupDispute::Deferred& each : dispute.deferred()) {
      since_ns = std::min(since_ns, each.since_ns);
    }
  }
  return since_ns;
}

}  // namespace ronde
