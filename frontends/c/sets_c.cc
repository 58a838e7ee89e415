// The C API: process sets, and join.
#include <vector>

#include "frontends/c/guard.h"
#include "frontends/c/result_copy.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"

using ronde::Guard;
using ronde::Session;
using ronde::Status;

ronde_status ronde_process_set_add(const int* ranks, int count, int* process_set) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(process_set, "process_set"));
    RONDE_RETURN_IF_ERROR(ronde::NeedPointer(ranks, "ranks"));
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    // No ranks at all are refused on all ranks, as wrong ones are.
    RONDE_ASSIGN_OR_RETURN(*process_set, session->AddProcessSet(std::vector<int>(
                                             ranks, ranks + (count > 0 ? count : 0))));
    return Status::Ok();
  });
}

ronde_status ronde_process_set_remove(int process_set) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    return session->RemoveProcessSet(process_set);
  });
}

ronde_status ronde_process_set_ranks(int process_set, int* ranks, int capacity) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    RONDE_ASSIGN_OR_RETURN(const std::vector<int> found, session->ProcessSetRanks(process_set));
    return ronde::CopyOut(found, ranks, capacity);
  });
}

int ronde_process_set_size(int process_set) noexcept {
  return ronde::AskSession(
      [=](const Session& session) { return session.process_set_size(process_set); });
}

int ronde_process_set_rank(int process_set) noexcept {
  return ronde::AskSession(
      [=](const Session& session) { return session.process_set_rank(process_set); });
}

ronde_status ronde_join_async(ronde_handle** handle) noexcept {
  return Guard([=] {
    return ronde::Start("ronde.join", handle, [](Session& session) { return session.JoinAsync(); });
  });
}

ronde_status ronde_join(int* last_rank) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, ronde::CurrentSession());
    RONDE_ASSIGN_OR_RETURN(const int last, session->Join());
    if (last_rank != nullptr) *last_rank = last;
    return Status::Ok();
  });
}
