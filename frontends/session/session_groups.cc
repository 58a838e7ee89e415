// Groups of operations, all or nothing.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/session/operation_check.h"
#include "frontends/session/session_parts.h"

namespace ronde {
namespace {

// Members of one data type, which travel as one request.
struct SameType {
  Request request;
  std::vector<GroupMember> members;
};

std::string MemberName(const std::string& group, std::size_t index) {
  return StrCat(group, "/", index);
}

Status AddMember(const TensorView& input, const TensorView& output, SameType& same) {
  same.members.push_back({input.data, output.data, output.padding_bytes, input.ready});
  Request& request = same.request;
  request.group_counts.push_back(input.count());
  if (!__builtin_add_overflow(request.shape[0], request.group_counts.back(), &request.shape[0])) {
    return Status::Ok();
  }
  return Status::InvalidArgument(
      StrCat("tensor '", request.name, "': a group of more elements than 63 bits count"));
}

// In the order in which the types first appear.
Result<std::vector<SameType>> SplitByType(const std::string& name,
                                          const std::vector<TensorView>& inputs,
                                          const std::vector<TensorView>& outputs,
                                          const AllreduceOptions& options) {
  std::vector<SameType> types;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    auto same = std::find_if(types.begin(), types.end(), [&](const SameType& type) {
      return type.request.dtype == inputs[i].dtype;
    });
    if (same == types.end()) {
      same = types.insert(types.end(), SameType());
      Request& request = same->request;
      request.name = name;
      request.process_set = options.process_set;
      request.dtype = inputs[i].dtype;
      request.op = options.op;
      request.prescale = options.prescale;
      request.postscale = options.postscale;
      request.shape = {0};
      request.group_counts.reserve(inputs.size());
      same->members.reserve(inputs.size());
    }
    RONDE_RETURN_IF_ERROR(AddMember(inputs[i], outputs[i], *same));
  }
  return types;
}

// One handle for several: completes when all have, with the first failure.
Handle JoinHandles(const std::vector<Handle>& parts) {
  struct Remaining {
    std::mutex mutex;
    std::size_t count;  // guarded by mutex, like the status
    Status first_failure;
  };
  auto remaining = std::make_shared<Remaining>();  // outlives this frame, in the callbacks
  remaining->count = parts.size();
  Handle joined;
  for (const Handle& part : parts) {
    part.OnComplete([remaining, joined](const Status& status) {
      Status final_status;
      {
        const std::lock_guard lock(remaining->mutex);
        if (remaining->first_failure.ok()) remaining->first_failure = status;
        if (--remaining->count > 0) return;
        final_status = remaining->first_failure;
      }
      joined.Complete(final_status);
    });
  }
  return joined;
}

std::vector<Handle> AllFailed(std::size_t members, const Status& status) {
  return std::vector<Handle>(std::max<std::size_t>(members, 1), Handle::Completed(status));
}

}  // namespace

MemoryPlace Session::Parts::PlaceOf(const std::vector<GroupMember>& group,
                                    const Request& request) const {
  // Most groups do not begin in registered memory, and no list is made of them.
  if (!PlaceOf(group.front().output, 1, request.on_device).registered()) return {};
  std::vector<PackedTensor> tensors;
  tensors.reserve(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::size_t size_bytes =
        static_cast<std::size_t>(request.group_counts[i]) * SizeOf(request.dtype);
    tensors.push_back({group[i].input, group[i].output, size_bytes, group[i].padding_bytes});
  }
  return PlaceOf(FindPacked(tensors), PackedSizeOf(tensors), request.on_device);
}

void Session::Parts::SetMemories(const std::vector<TensorView>& inputs,
                                 const std::vector<TensorView>& outputs, Request& request) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (request.objection.empty()) {
      const std::string overlap = ObjectionToOverlap(inputs[i], outputs[i]);
      if (!overlap.empty()) request.objection = StrCat("member ", i, ": ", overlap);
    }
    SetMemories(inputs[i], outputs[i], request);
    if (inputs[i].device == inputs[0].device || !request.objection.empty()) continue;
    request.objection = StrCat("member 0 is in ", MemoryName(inputs[0].device), ", but member ", i,
                               " is in ", MemoryName(inputs[i].device));
  }
  request.on_device = inputs[0].device != nullptr;
}

Handle Session::GroupedAllreduceAsync(const std::string& name,
                                      const std::vector<TensorView>& inputs,
                                      const std::vector<TensorView>& outputs,
                                      AllreduceOptions options) {
  Status valid = CheckGroup(name, inputs, outputs, options.op);
  if (valid.ok()) valid = parts_->PlaceIn(options.process_set, name).status();
  if (!valid.ok()) return Handle::Completed(valid);
  Result<std::vector<SameType>> split = SplitByType(name, inputs, outputs, options);
  if (!split.ok()) return Handle::Completed(split.status());
  std::vector<SameType>& types = split.value();
  Request memories;
  parts_->SetMemories(inputs, outputs, memories);
  for (std::size_t i = 0; i < types.size(); ++i) {
    Request& request = types[i].request;
    request.on_device = memories.on_device;
    request.objection = memories.objection;
    request.input_place = request.output_place = parts_->PlaceOf(types[i].members, request);
    if (types.size() == 1) break;
    // The first has the name that it would have alone, so that ranks with other types meet there.
    if (i > 0) request.name = MemberName(name, i);
    request.group = name;
    request.group_size = static_cast<int>(types.size());
  }
  if (types.size() == 1) {
    return parts_->engine.Enqueue(std::move(types[0].request), std::move(types[0].members),
                                  inputs[0].device);
  }
  std::vector<TensorEntry> entries;
  entries.reserve(types.size());
  for (SameType& type : types) {
    entries.push_back({.request = std::move(type.request),
                       .group = std::move(type.members),
                       .device = inputs[0].device,
                       .handle = Handle(nullptr)});
  }
  return JoinHandles(parts_->engine.EnqueueAll(std::move(entries)));
}

template <typename Make>
std::vector<Handle> Session::Parts::SubmitGroup(const std::string& name, std::size_t members,
                                                const Make& make) {
  std::vector<TensorEntry> entries;
  entries.reserve(members);
  for (std::size_t i = 0; i < members; ++i) {
    Result<Submission> submission = make(MemberName(name, i), i);
    if (!submission.ok()) return AllFailed(members, submission.status());
    Request& request = submission.value().request;
    request.group = name;
    request.group_size = static_cast<int>(members);
    const Status valid = Validate(request);
    if (!valid.ok()) return AllFailed(members, valid);
    Device* const on_device = submission.value().input.device;
    entries.push_back({.request = std::move(request),
                       .input = std::move(submission.value().input),
                       .output = std::move(submission.value().output),
                       .device = on_device,
                       .handle = Handle(nullptr)});
  }
  return engine.EnqueueAll(std::move(entries));
}

std::vector<Handle> Session::GroupedAllgatherAsync(const std::string& name,
                                                   const std::vector<TensorView>& inputs,
                                                   int process_set) {
  const Status valid = CheckGroupSize(name, inputs.size(), inputs.size());
  if (!valid.ok()) return AllFailed(inputs.size(), valid);
  return parts_->SubmitGroup(name, inputs.size(), [&](const std::string& member, std::size_t i) {
    return parts_->Allgather(member, inputs[i], process_set);
  });
}

std::vector<Handle> Session::GroupedAllgatherAsync(const std::string& name,
                                                   const std::vector<TensorView>& inputs,
                                                   const std::vector<TensorView>& outputs,
                                                   int process_set) {
  const Status valid = CheckGroupSize(name, inputs.size(), outputs.size());
  if (!valid.ok()) return AllFailed(inputs.size(), valid);
  return parts_->SubmitGroup(name, inputs.size(), [&](const std::string& member, std::size_t i) {
    return parts_->AllgatherInto(member, inputs[i], outputs[i], process_set);
  });
}

std::vector<Handle> Session::GroupedReducescatterAsync(const std::string& name,
                                                       const std::vector<TensorView>& inputs,
                                                       const std::vector<TensorView>& outputs,
                                                       AllreduceOptions options) {
  const Status valid = CheckGroupSize(name, inputs.size(), outputs.size());
  if (!valid.ok()) return AllFailed(inputs.size(), valid);
  return parts_->SubmitGroup(name, inputs.size(), [&](const std::string& member, std::size_t i) {
    return parts_->Reducescatter(member, inputs[i], outputs[i], options);
  });
}

}  // namespace ronde
