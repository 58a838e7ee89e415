// Process sets, and joining.
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/session/session_parts.h"

namespace ronde {
namespace {

// All changes have one name, whatever they are: ranks that do different things then learn of it.
Request ChangeRequest(OperationKind kind) {
  Request request;
  request.kind = kind;
  request.name = "ronde.process_set";
  request.dtype = DataType::kUInt8;
  request.shape = {0};
  return request;
}

TensorView Nothing() { return {nullptr, DataType::kUInt8, {0}}; }

}  // namespace

Result<int> Session::AddProcessSet(const std::vector<int>& ranks) {
  Request request = ChangeRequest(OperationKind::kAddProcessSet);
  request.members.assign(ranks.begin(), ranks.end());
  const std::lock_guard lock(parts_->process_set_change);
  const Handle handle = parts_->engine.Enqueue(std::move(request), Nothing(), Nothing());
  RONDE_RETURN_IF_ERROR(handle.Wait());
  const int process_set = handle.result().process_set;
  parts_->process_sets.Add(process_set, ranks);
  return process_set;
}

Status Session::RemoveProcessSet(int process_set) {
  Request request = ChangeRequest(OperationKind::kRemoveProcessSet);
  request.process_set = process_set;
  const std::lock_guard lock(parts_->process_set_change);
  const Handle handle = parts_->engine.Enqueue(std::move(request), Nothing(), Nothing());
  RONDE_RETURN_IF_ERROR(handle.Wait());
  parts_->process_sets.Remove(process_set);
  return Status::Ok();
}

Result<std::vector<int>> Session::ProcessSetRanks(int process_set) const {
  return parts_->process_sets.Ranks(process_set);
}

int Session::process_set_rank(int process_set) const {
  const Result<ProcessSetPlace> place = parts_->process_sets.PlaceIn(process_set);
  return place.ok() ? place.value().rank : -1;
}

int Session::process_set_size(int process_set) const {
  const Result<std::vector<int>> ranks = parts_->process_sets.Ranks(process_set);
  return ranks.ok() ? static_cast<int>(ranks.value().size()) : -1;
}

Handle Session::JoinAsync() {
  Request request;
  request.kind = OperationKind::kJoin;
  request.name = kJoinName;
  request.dtype = DataType::kUInt8;
  request.shape = {0};
  return parts_->engine.Enqueue(std::move(request), Nothing(), Nothing());
}

Result<int> Session::Join() {
  const Handle handle = JoinAsync();
  RONDE_RETURN_IF_ERROR(handle.Wait());
  return handle.result().last_joined;
}

}  // namespace ronde
