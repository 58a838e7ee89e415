#include "tensor_fusion/block_operations.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/reducescatter/reducescatter.h"
#include "core/base/available_memory.h"
#include "core/base/strcat.h"
#include "tensor_fusion/operation_arguments.h"

namespace ronde {
namespace {

using Extents = std::vector<std::int64_t>;

// Results below this are allocated without asking whether there is memory for them, which takes
// another exchange.
constexpr std::int64_t kUnaskedBytes = std::int64_t{256} << 20;

std::int64_t RowBytes(const Request& request) {
  return RowElements(request.shape) * static_cast<std::int64_t>(SizeOf(request.dtype));
}

Status Unfit(const Request& request, const Extents& extents, std::size_t ranks) {
  return Status::Internal(StrCat(Name(request.kind), " '", request.name, "' of ",
                                 ToString(request.shape), " was agreed with ", extents.size(),
                                 " extents for ", ranks, " ranks, which do not fit it"));
}

// A result of the rows that came from each rank; returns where they go.
std::byte* Deliver(const Request& request, Extents rows_from, OperationResult& result) {
  result.gathered_shape = request.shape;
  result.gathered_shape[0] = 0;
  for (const std::int64_t rows : rows_from) result.gathered_shape[0] += rows;
  result.gathered.resize(static_cast<std::size_t>(result.gathered_shape[0] * RowBytes(request)));
  result.rank_extents = std::move(rows_from);
  return result.gathered.data();
}

}  // namespace

Result<bool> BlockOperations::HasMemoryFor(const Extents& result_bytes,
                                           const ReadyOperation& operation) {
  // A choice from agreed values. Sums are of floating point because they may exceed 63 bits.
  if (*std::max_element(result_bytes.begin(), result_bytes.end()) < kUnaskedBytes) return true;
  double needed_bytes = 0;
  for (int rank = 0; rank < context_.size(); ++rank) {
    const Transport& transport = context_.transport();
    if (transport.host_id(rank) != transport.host_id(context_.rank())) continue;
    needed_bytes += static_cast<double>(result_bytes[static_cast<std::size_t>(rank)]);
  }
  // All ask before anyone allocates.
  const auto free_bytes = static_cast<double>(AvailableMemoryBytes());
  const double missing_bytes = std::max(0.0, needed_bytes - free_bytes);
  std::vector<double> missing(size());
  const Extents blocks(size(), sizeof(double));
  RONDE_RETURN_IF_ERROR(Allgather(
      context_, {.input = &missing_bytes, .output = missing.data(), .rank_bytes = blocks}));
  const auto rank = static_cast<std::size_t>(
      std::find_if(missing.begin(), missing.end(), [](double bytes) { return bytes > 0; }) -
      missing.begin());
  if (rank == size()) return true;
  const Request& request = operation.response->request;
  operation.entry.handle.Complete(Status::Unavailable(
      StrCat(Name(request.kind), " '", request.name, "': the results of the ranks on the host of ",
             "rank ", rank, " need ", static_cast<std::int64_t>(missing[rank] / 1024 / 1024) + 1,
             " MiB more memory than is available there; gather less at once, or run fewer ranks on "
             "a host")));
  return false;
}

Status BlockOperations::Gather(ReadyOperation& operation) {
  const Request& request = operation.response->request;
  const Extents& extents = operation.response->rank_extents;
  if (request.shape.empty() || extents.size() != size() || extents[rank()] != request.shape[0]) {
    return Unfit(request, extents, size());
  }
  const std::int64_t row_bytes = RowBytes(request);
  blocks_.clear();
  for (const std::int64_t extent : extents) blocks_.push_back(extent * row_bytes);

  AllgatherArguments arguments;
  arguments.input = operation.entry.input.data;
  arguments.rank_bytes = blocks_;
  if (request.into_output) {
    // Equal blocks are what the output was measured for.
    if (std::count(extents.begin(), extents.end(), extents.front()) !=
        static_cast<std::ptrdiff_t>(size())) {
      return Unfit(request, extents, size());
    }
    arguments.output = operation.entry.output.data;
    arguments.output_place = request.output_place;
  } else {
    const auto total = std::accumulate(blocks_.begin(), blocks_.end(), std::int64_t{0});
    RONDE_ASSIGN_OR_RETURN(const bool has_memory, HasMemoryFor(Extents(size(), total), operation));
    if (!has_memory) return Status::Ok();
    arguments.output = Deliver(request, extents, operation.entry.handle.mutable_result());
  }
  return Allgather(context_, arguments);
}

Status BlockOperations::ReduceAndScatter(const ReadyOperation& operation) {
  const Request& request = operation.response->request;
  if (request.shape.empty()) return Unfit(request, {}, size());
  return Reducescatter(context_, ReducescatterArgumentsFor(operation, context_.size(), blocks_));
}

Status BlockOperations::Exchange(ReadyOperation& operation) {
  const Request& request = operation.response->request;
  const Extents& extents = operation.response->rank_extents;
  const std::size_t ranks = size();
  if (request.shape.empty() || extents.size() != ranks * ranks) {
    return Unfit(request, extents, ranks);
  }
  const auto sent = std::span(extents).subspan(rank() * ranks, ranks);
  if (!std::equal(sent.begin(), sent.end(), request.splits.begin(), request.splits.end())) {
    return Unfit(request, extents, ranks);
  }
  const std::int64_t row_bytes = RowBytes(request);
  blocks_.clear();
  for (const std::int64_t extent : extents) blocks_.push_back(extent * row_bytes);
  Extents received;
  Extents result_bytes(ranks, 0);
  for (std::size_t from = 0; from < ranks; ++from) {
    received.push_back(extents[from * ranks + rank()]);
    for (std::size_t to = 0; to < ranks; ++to) result_bytes[to] += blocks_[from * ranks + to];
  }
  RONDE_ASSIGN_OR_RETURN(const bool has_memory, HasMemoryFor(result_bytes, operation));
  if (!has_memory) return Status::Ok();

  AlltoallArguments arguments;
  arguments.input = operation.entry.input.data;
  arguments.output = Deliver(request, std::move(received), operation.entry.handle.mutable_result());
  arguments.block_bytes = blocks_;
  arguments.input_place = request.input_place;
  return Alltoall(context_, arguments);
}

}  // namespace ronde
