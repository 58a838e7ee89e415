// The C API: groups of operations.
#include <memory>
#include <utility>
#include <vector>

#include "frontends/c/c_tensor.h"
#include "frontends/c/guard.h"
#include "frontends/c/options.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"

namespace ronde {
namespace {

using Views = std::vector<TensorView>;

// A group as C passes it, read.
struct CGroup {
  const char* name;
  const ronde_tensor* tensors;
  int count;
  AllreduceOptions options;

  [[nodiscard]] Views Inputs() const {
    return Map([](const ronde_tensor& tensor) { return InputOf(tensor); });
  }
  template <typename Function>
  [[nodiscard]] Views Map(const Function& function) const {
    Views views;
    views.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) views.push_back(function(tensors[i]));
    return views;
  }
};

Result<CGroup> ReadGroup(const char* name, const ronde_tensor* tensors, int count,
                         const ronde_options* options) {
  RONDE_RETURN_IF_ERROR(NeedPointer(name, "name"));
  RONDE_RETURN_IF_ERROR(NeedPointer(tensors, "tensors"));
  if (count < 1) {
    return Status::InvalidArgument(
        StrCat("tensor '", name, "': a group needs at least one member, not ", count));
  }
  for (int i = 0; i < count; ++i) RONDE_RETURN_IF_ERROR(CheckShape(tensors[i]));
  RONDE_ASSIGN_OR_RETURN(const AllreduceOptions read, ReadOptions(options));
  return CGroup{name, tensors, count, read};
}

Handle Allreduce(Session& session, const CGroup& group) {
  const Views outputs = group.Map([](const ronde_tensor& tensor) { return SameOutputOf(tensor); });
  return session.GroupedAllreduceAsync(group.name, group.Inputs(), outputs, group.options);
}

std::vector<Handle> Allgather(Session& session, const CGroup& group) {
  return session.GroupedAllgatherAsync(group.name, group.Inputs(), group.options.process_set);
}

std::vector<Handle> AllgatherInto(Session& session, const CGroup& group) {
  const int process_set = group.options.process_set;
  const Views outputs = group.Map(
      [&](const ronde_tensor& tensor) { return GatheredOutputOf(tensor, session, process_set); });
  return session.GroupedAllgatherAsync(group.name, group.Inputs(), outputs, process_set);
}

std::vector<Handle> Reducescatter(Session& session, const CGroup& group) {
  const Views outputs = group.Map([&](const ronde_tensor& tensor) {
    return ScatteredOutputOf(tensor, session, group.options.process_set);
  });
  return session.GroupedReducescatterAsync(group.name, group.Inputs(), outputs, group.options);
}

using SubmitGroup = std::vector<Handle> (*)(Session&, const CGroup&);

// One handle for each member, or none.
Status StartGroup(SubmitGroup submit, const char* name, const ronde_tensor* tensors, int count,
                  const ronde_options* options, ronde_handle** handles) {
  RONDE_RETURN_IF_ERROR(ClearHandles(handles, count));
  RONDE_ASSIGN_OR_RETURN(const CGroup group, ReadGroup(name, tensors, count, options));
  RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, CurrentSession());
  std::vector<std::unique_ptr<ronde_handle>> started;
  for (int i = 0; i < count; ++i) started.push_back(std::make_unique<ronde_handle>());
  const std::vector<Handle> submitted = submit(*session, group);
  for (std::size_t i = 0; i < started.size(); ++i) {
    started[i]->handle = submitted[i];
    handles[i] = started[i].release();
  }
  return Status::Ok();
}

// Waits for all members; the first failure.
Status RunGroup(SubmitGroup submit, const char* name, const ronde_tensor* tensors, int count,
                const ronde_options* options) {
  RONDE_ASSIGN_OR_RETURN(const CGroup group, ReadGroup(name, tensors, count, options));
  RONDE_ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, CurrentSession());
  Status first_failure;
  for (const Handle& handle : submit(*session, group)) {
    Status status = handle.Wait();
    if (first_failure.ok()) first_failure = std::move(status);
  }
  return first_failure;
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Status;

ronde_status ronde_grouped_allreduce_async(const char* name, const ronde_tensor* tensors, int count,
                                           const ronde_options* options,
                                           ronde_handle** handle) noexcept {
  return Guard([=]() -> Status {
    RONDE_RETURN_IF_ERROR(ronde::ClearHandles(handle, 1));
    RONDE_ASSIGN_OR_RETURN(const ronde::CGroup group,
                           ronde::ReadGroup(name, tensors, count, options));
    return ronde::Start(name, handle,
                        [&](ronde::Session& session) { return ronde::Allreduce(session, group); });
  });
}

ronde_status ronde_grouped_allreduce(const char* name, const ronde_tensor* tensors, int count,
                                     const ronde_options* options) noexcept {
  return Guard([=]() -> Status {
    RONDE_ASSIGN_OR_RETURN(const ronde::CGroup group,
                           ronde::ReadGroup(name, tensors, count, options));
    return ronde::StartAndWait(
        name, nullptr, [&](ronde::Session& session) { return ronde::Allreduce(session, group); });
  });
}

ronde_status ronde_grouped_allgather_async(const char* name, const ronde_tensor* tensors, int count,
                                           const ronde_options* options,
                                           ronde_handle** handles) noexcept {
  return Guard(
      [=] { return ronde::StartGroup(ronde::Allgather, name, tensors, count, options, handles); });
}

ronde_status ronde_grouped_allgather_into_async(const char* name, const ronde_tensor* tensors,
                                                int count, const ronde_options* options,
                                                ronde_handle** handles) noexcept {
  return Guard([=] {
    return ronde::StartGroup(ronde::AllgatherInto, name, tensors, count, options, handles);
  });
}

ronde_status ronde_grouped_allgather_into(const char* name, const ronde_tensor* tensors, int count,
                                          const ronde_options* options) noexcept {
  return Guard(
      [=] { return ronde::RunGroup(ronde::AllgatherInto, name, tensors, count, options); });
}

ronde_status ronde_grouped_reducescatter_async(const char* name, const ronde_tensor* tensors,
                                               int count, const ronde_options* options,
                                               ronde_handle** handles) noexcept {
  return Guard([=] {
    return ronde::StartGroup(ronde::Reducescatter, name, tensors, count, options, handles);
  });
}

ronde_status ronde_grouped_reducescatter(const char* name, const ronde_tensor* tensors, int count,
                                         const ronde_options* options) noexcept {
  return Guard(
      [=] { return ronde::RunGroup(ronde::Reducescatter, name, tensors, count, options); });
}
