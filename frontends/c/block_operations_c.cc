// The C API: operations on one block of rows for each rank.
#include <algorithm>
#include <memory>
#include <vector>

#include "frontends/c/c_tensor.h"
#include "frontends/c/guard.h"
#include "frontends/c/options.h"
#include "frontends/c/result_copy.h"
#include "frontends/c/ronde.h"
#include "frontends/c/start.h"

namespace ronde {
namespace {

auto Allgather(const char* name, const ronde_tensor& tensor, int process_set) {
  return
      [=](Session& session) { return session.AllgatherAsync(name, InputOf(tensor), process_set); };
}

auto AllgatherInto(const char* name, const ronde_tensor& tensor, int process_set) {
  return [=](Session& session) {
    return session.AllgatherAsync(name, InputOf(tensor),
                                  GatheredOutputOf(tensor, session, process_set), process_set);
  };
}

auto Reducescatter(const char* name, const ronde_tensor& tensor, const AllreduceOptions& options) {
  return [=](Session& session) {
    return session.ReducescatterAsync(
        name, InputOf(tensor), ScatteredOutputOf(tensor, session, options.process_set), options);
  };
}

// No splits at all are refused on all ranks, as wrong ones are.
auto Alltoall(const char* name, const ronde_tensor& tensor, const std::int64_t* splits,
              int process_set) {
  return [=](Session& session) {
    const int ranks = session.process_set_size(process_set);
    std::vector<std::int64_t> rows;
    if (splits != nullptr && ranks > 0) rows.assign(splits, splits + ranks);
    return session.AlltoallAsync(name, InputOf(tensor), rows, process_set);
  };
}

// `make(options)` says what to submit once both have been looked at.
template <typename Make>
ronde_status StartBlocks(const char* name, const ronde_tensor& tensor, const ronde_options* options,
                         ronde_handle** handle, const Make& make) noexcept {
  return Guard([&]() -> Status {
    RONDE_RETURN_IF_ERROR(ClearHandles(handle, 1));
    RONDE_RETURN_IF_ERROR(CheckShape(tensor));
    RONDE_ASSIGN_OR_RETURN(const AllreduceOptions read, ReadOptions(options));
    return Start(name, handle, make(read));
  });
}

template <typename Make>
ronde_status RunBlocks(const char* name, const ronde_tensor& tensor, const ronde_options* options,
                       const Make& make) noexcept {
  return Guard([&]() -> Status {
    RONDE_RETURN_IF_ERROR(CheckShape(tensor));
    RONDE_ASSIGN_OR_RETURN(const AllreduceOptions read, ReadOptions(options));
    return StartAndWait(name, nullptr, make(read));
  });
}

}  // namespace
}  // namespace ronde

using ronde::Guard;
using ronde::Status;

ronde_status ronde_allgather_with_async(const char* name, const void* input, const int64_t* shape,
                                        int dimensions, ronde_dtype dtype,
                                        const ronde_options* options,
                                        ronde_handle** handle) noexcept {
  const ronde_tensor tensor = {input, nullptr, shape, dimensions, dtype};
  return ronde::StartBlocks(name, tensor, options, handle, [&](const auto& read) {
    return ronde::Allgather(name, tensor, read.process_set);
  });
}

ronde_status ronde_allgather_async(const char* name, const void* input, const int64_t* shape,
                                   int dimensions, ronde_dtype dtype,
                                   ronde_handle** handle) noexcept {
  return ronde_allgather_with_async(name, input, shape, dimensions, dtype, nullptr, handle);
}

ronde_status ronde_allgather_into_with_async(const char* name, const void* input, void* output,
                                             const int64_t* shape, int dimensions,
                                             ronde_dtype dtype, const ronde_options* options,
                                             ronde_handle** handle) noexcept {
  const ronde_tensor tensor = {input, output, shape, dimensions, dtype};
  return ronde::StartBlocks(name, tensor, options, handle, [&](const auto& read) {
    return ronde::AllgatherInto(name, tensor, read.process_set);
  });
}

ronde_status ronde_allgather_into_with(const char* name, const void* input, void* output,
                                       const int64_t* shape, int dimensions, ronde_dtype dtype,
                                       const ronde_options* options) noexcept {
  const ronde_tensor tensor = {input, output, shape, dimensions, dtype};
  return ronde::RunBlocks(name, tensor, options, [&](const auto& read) {
    return ronde::AllgatherInto(name, tensor, read.process_set);
  });
}

ronde_status ronde_allgather_into_async(const char* name, const void* input, void* output,
                                        const int64_t* shape, int dimensions, ronde_dtype dtype,
                                        ronde_handle** handle) noexcept {
  return ronde_allgather_into_with_async(name, input, output, shape, dimensions, dtype, nullptr,
                                         handle);
}

ronde_status ronde_allgather_into(const char* name, const void* input, void* output,
                                  const int64_t* shape, int dimensions,
                                  ronde_dtype dtype) noexcept {
  return ronde_allgather_into_with(name, input, output, shape, dimensions, dtype, nullptr);
}

ronde_status ronde_reducescatter_with_async(const char* name, const void* input, void* output,
                                            const int64_t* shape, int dimensions, ronde_dtype dtype,
                                            const ronde_options* options,
                                            ronde_handle** handle) noexcept {
  const ronde_tensor tensor = {input, output, shape, dimensions, dtype};
  return ronde::StartBlocks(name, tensor, options, handle, [&](const auto& read) {
    return ronde::Reducescatter(name, tensor, read);
  });
}

ronde_status ronde_reducescatter_with(const char* name, const void* input, void* output,
                                      const int64_t* shape, int dimensions, ronde_dtype dtype,
                                      const ronde_options* options) noexcept {
  const ronde_tensor tensor = {input, output, shape, dimensions, dtype};
  return ronde::RunBlocks(name, tensor, options, [&](const auto& read) {
    return ronde::Reducescatter(name, tensor, read);
  });
}

ronde_status ronde_reducescatter_async(const char* name, const void* input, void* output,
                                       const int64_t* shape, int dimensions, ronde_dtype dtype,
                                       ronde_op op, double prescale, double postscale,
                                       ronde_handle** handle) noexcept {
  const ronde_options options = {sizeof(options), 0, op, prescale, postscale};
  return ronde_reducescatter_with_async(name, input, output, shape, dimensions, dtype, &options,
                                        handle);
}

ronde_status ronde_reducescatter(const char* name, const void* input, void* output,
                                 const int64_t* shape, int dimensions, ronde_dtype dtype,
                                 ronde_op op) noexcept {
  const ronde_options options = {sizeof(options), 0, op, 1, 1};
  return ronde_reducescatter_with(name, input, output, shape, dimensions, dtype, &options);
}

ronde_status ronde_alltoall_with_async(const char* name, const void* input, const int64_t* shape,
                                       int dimensions, ronde_dtype dtype, const int64_t* splits,
                                       const ronde_options* options,
                                       ronde_handle** handle) noexcept {
  const ronde_tensor tensor = {input, nullptr, shape, dimensions, dtype};
  return ronde::StartBlocks(name, tensor, options, handle, [&](const auto& read) {
    return ronde::Alltoall(name, tensor, splits, read.process_set);
  });
}

ronde_status ronde_alltoall_with(const char* name, const void* input, const int64_t* shape,
                                 int dimensions, ronde_dtype dtype, const int64_t* splits,
                                 void* output, size_t capacity_bytes, int64_t* rank_extents,
                                 const ronde_options* options) noexcept {
  return Guard([=]() -> Status {
    const ronde_tensor tensor = {input, nullptr, shape, dimensions, dtype};
    RONDE_RETURN_IF_ERROR(ronde::CheckShape(tensor));
    RONDE_ASSIGN_OR_RETURN(const ronde::AllreduceOptions read, ronde::ReadOptions(options));
    ronde_handle* started = nullptr;
    RONDE_RETURN_IF_ERROR(
        ronde::Start(name, &started, ronde::Alltoall(name, tensor, splits, read.process_set)));
    const std::unique_ptr<ronde_handle> handle(started);
    RONDE_RETURN_IF_ERROR(handle->handle.Wait());
    const ronde::OperationResult& result = handle->handle.result();
    if (rank_extents != nullptr) {
      std::copy(result.rank_extents.begin(), result.rank_extents.end(), rank_extents);
    }
    return ronde::CopyGathered(result, output, capacity_bytes);
  });
}

ronde_status ronde_alltoall_async(const char* name, const void* input, const int64_t* shape,
                                  int dimensions, ronde_dtype dtype, const int64_t* splits,
                                  ronde_handle** handle) noexcept {
  return ronde_alltoall_with_async(name, input, shape, dimensions, dtype, splits, nullptr, handle);
}

ronde_status ronde_alltoall(const char* name, const void* input, const int64_t* shape,
                            int dimensions, ronde_dtype dtype, const int64_t* splits, void* output,
                            size_t capacity_bytes, int64_t* rank_extents) noexcept {
  return ronde_alltoall_with(name, input, shape, dimensions, dtype, splits, output, capacity_bytes,
                             rank_extents, nullptr);
}
