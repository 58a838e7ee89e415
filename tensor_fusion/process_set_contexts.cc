#include "tensor_fusion/process_set_contexts.h"

#include <algorithm>
#include <functional>

#include "core/base/strcat.h"
#include "core/control/message.h"

namespace ronde {
namespace {

// World ranks in ascending order, at least one.
bool IsRankList(std::span<const std::int64_t> members, int ranks) {
  const bool ascends =
      std::adjacent_find(members.begin(), members.end(), std::greater_equal<>()) == members.end();
  return !members.empty() && ascends && members.front() >= 0 && members.back() < ranks;
}

}  // namespace

Status ProcessSetContexts::Add(int process_set, std::span<const std::int64_t> members) {
  Transport& world = world_.context.transport();
  if (process_set <= kWorld || sets_.contains(process_set) || !IsRankList(members, world.size())) {
    return Status::Internal(
        StrCat("process set ", process_set, " of ", members.size(), " ranks cannot be added"));
  }
  const bool is_member = std::binary_search(members.begin(), members.end(), world.rank());
  RONDE_ASSIGN_OR_RETURN(
      std::unique_ptr<Transport> group,
      world.Split(is_member ? 1 : 0, world.rank(), world_.context.NewDeadline()));
  if (!is_member) return Status::Ok();
  RONDE_ASSIGN_OR_RETURN(
      std::unique_ptr<CollectiveContext> context,
      CollectiveContext::CreateWithin(world_.context, std::move(group), members));
  sets_.try_emplace(process_set, std::move(context));
  return Status::Ok();
}

ProcessSetContext* ProcessSetContexts::Find(int process_set) {
  if (process_set == kWorld) return &world_;
  const auto found = sets_.find(process_set);
  return found == sets_.end() ? nullptr : &found->second.view;
}

}  // namespace ronde
