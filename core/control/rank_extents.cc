#include "core/control/rank_extents.h"

#include "core/base/strcat.h"

namespace ronde {
namespace {

/// Each rank gives every rank a part of its rows, and all of them.
Status CheckSplits(const std::vector<Request>& requests, std::span<const int> ranks) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Request& request = requests[i];
    std::int64_t rows = 0;
    bool valid = request.splits.size() == requests.size();
    for (const std::int64_t split : request.splits) {
      valid = valid && split >= 0 && !__builtin_add_overflow(rows, split, &rows);
    }
    if (valid && rows == request.shape[0]) continue;
    return Status::InvalidArgument(
        StrCat("tensor '", request.name, "': on rank ", ranks[i], " the splits are ",
               ToString(request.splits), ", but ", request.shape[0], " rows go to ",
               requests.size(), " ranks; give one number of rows for each rank, none negative, ",
               "that add up to the rows of the input"));
  }
  return Status::Ok();
}

/// All ranks' rows together must be as countable as each rank's.
Status CheckTotal(const std::vector<Request>& requests) {
  Request joined = requests.front();
  joined.shape[0] = 0;
  for (const Request& request : requests) {
    if (__builtin_add_overflow(joined.shape[0], request.shape[0], &joined.shape[0])) {
      return Status::InvalidArgument(
          StrCat("tensor '", joined.name, "': the ranks together have more rows than fit"));
    }
  }
  return Validate(joined);
}

}  // namespace

Status ListExtents(const std::vector<Request>& requests, std::span<const int> ranks,
                   std::vector<std::int64_t>& extents) {
  const OperationKind kind = requests.front().kind;
  if (kind != OperationKind::kAllgather && kind != OperationKind::kAlltoall) return Status::Ok();
  RONDE_RETURN_IF_ERROR(CheckTotal(requests));
  if (kind == OperationKind::kAllgather) {
    for (const Request& request : requests) extents.push_back(request.shape[0]);
    return Status::Ok();
  }
  RONDE_RETURN_IF_ERROR(CheckSplits(requests, ranks));
  for (const Request& request : requests) {
    extents.insert(extents.end(), request.splits.begin(), request.splits.end());
  }
  return Status::Ok();
}

}  // namespace ronde
