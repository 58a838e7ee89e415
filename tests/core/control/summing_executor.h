#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/strcat.h"
#include "core/comm/transport.h"
#include "core/control/block_shape.h"
#include "core/control/executor.h"
#include "core/control/process_sets.h"

namespace ronde {

/// Runs float32 operations of any kind as sums of vectors that hold what every rank contributes, a
/// whole list in one exchange for each process set, and fails where the members' lists differ.
/// `before` sees every list first and can make it fail.
class SummingExecutor final : public Executor {
 public:
  using Before = std::function<Status(std::span<const ReadyOperation>)>;
  explicit SummingExecutor(Transport& transport, double timeout_s = 30)
      : transport_(transport), timeout_s_(timeout_s), sets_(transport.size()) {}
  void set_before(Before before) { before_ = std::move(before); }

  Status Execute(std::span<ReadyOperation> operations) override {
    if (before_) RONDE_RETURN_IF_ERROR(before_(operations));
    std::map<int, Part> parts;  // by process set: all ranks exchange in the same order
    for (const ReadyOperation& operation : operations) {
      RONDE_RETURN_IF_ERROR(Learn(operation.response->request));
      const int set = SetOf(operation.response->request);
      if (!sets_.Contains(set, transport_.rank())) {
        return Status::Internal(StrCat("an operation of process set ", set, " reached a stranger"));
      }
      Part& part = parts[set];
      part.names += operation.response->request.name + ";";
      Contribute(operation, *sets_.Find(set), part.values);
    }
    for (auto& [set, part] : parts) RONDE_RETURN_IF_ERROR(Exchange(*sets_.Find(set), part));
    for (const ReadyOperation& operation : operations) {
      const int set = SetOf(operation.response->request);
      Collect(operation, *sets_.Find(set), parts[set]);
    }
    for (const ReadyOperation& operation : operations) {
      const Request& request = operation.response->request;
      if (request.kind == OperationKind::kRemoveProcessSet) sets_.Remove(request.process_set);
      operation.entry.handle.Complete(Status::Ok());
    }
    return Status::Ok();
  }

 private:
  /// What the members of a set have in a list.
  struct Part {
    std::string names;
    std::vector<double> values;
    std::size_t next = 0;  // of the values to be collected
  };

  Status Learn(const Request& agreed) {
    if (agreed.kind != OperationKind::kAddProcessSet) return Status::Ok();
    if (agreed.process_set != sets_.next_number()) {
      return Status::Internal(StrCat("process set ", agreed.process_set, " where number ",
                                     sets_.next_number(), " was expected"));
    }
    sets_.Add(agreed.members);
    return Status::Ok();
  }

  [[nodiscard]] int PlaceIn(const std::vector<int>& members) const {
    return static_cast<int>(std::lower_bound(members.begin(), members.end(), transport_.rank()) -
                            members.begin());
  }
  static std::int64_t Sum(std::span<const std::int64_t> extents) {
    std::int64_t sum = 0;
    for (const std::int64_t extent : extents) sum += extent;
    return sum;
  }
  static std::int64_t RowCount(const Shape& shape) {
    return shape.empty() ? 1 : ElementCount(Shape(shape.begin() + 1, shape.end()));
  }

  void Contribute(const ReadyOperation& operation, const std::vector<int>& members,
                  std::vector<double>& values) const {
    const Request& request = operation.response->request;
    const auto* input = static_cast<const float*>(operation.entry.input.data);
    const std::vector<std::int64_t>& extents = operation.response->rank_extents;
    const int place = PlaceIn(members);
    std::int64_t count = ElementCount(request.shape);
    switch (request.kind) {
      case OperationKind::kAllreduce:
      case OperationKind::kReducescatter:
      case OperationKind::kModelAverage:
        values.insert(values.end(), input, input + count);
        return;
      case OperationKind::kBroadcast:
        for (std::int64_t i = 0; i < count; ++i) {
          values.push_back(place == request.root ? input[i] : 0);
        }
        return;
      case OperationKind::kAllgather:
      case OperationKind::kAlltoall: {
        // Rows of the ranks before, this rank's, zeros for the others.
        const std::size_t each = extents.size() / members.size();
        const std::int64_t before = Sum(std::span(extents).first(place * each));
        const std::size_t begin = values.size();
        values.resize(begin + Sum(extents) * RowCount(request.shape));
        std::copy(input, input + count, values.begin() + begin + before * RowCount(request.shape));
        return;
      }
      default:
        return;
    }
  }

  void Collect(const ReadyOperation& operation, const std::vector<int>& members, Part& part) const {
    const Request& request = operation.response->request;
    const int place = PlaceIn(members);
    const int size = static_cast<int>(members.size());
    const bool divides =
        request.op == ReduceOp::kAverage || request.kind == OperationKind::kModelAverage;
    const double scale = request.prescale * request.postscale / (divides ? size : 1);
    const std::vector<std::int64_t>& extents = operation.response->rank_extents;
    const std::int64_t row = RowCount(request.shape);
    auto* output = static_cast<float*>(operation.entry.output.data);
    const auto take = [&](float* to, std::int64_t count, double factor) {
      for (std::int64_t i = 0; i < count; ++i) {
        to[i] = static_cast<float>(part.values[part.next++] * factor);
      }
    };
    switch (request.kind) {
      case OperationKind::kAllreduce:
      case OperationKind::kModelAverage:
        return take(output, ElementCount(request.shape), scale);
      case OperationKind::kBroadcast:
        return take(output, ElementCount(request.shape), 1);
      case OperationKind::kReducescatter: {
        const std::size_t begin = part.next;
        std::int64_t before = 0;
        for (int i = 0; i < place; ++i) before += ReducescatterRows(request.shape[0], i, size);
        part.next += before * row;
        take(output, ReducescatterRows(request.shape[0], place, size) * row, scale);
        part.next = begin + ElementCount(request.shape);
        return;
      }
      case OperationKind::kAllgather:
      case OperationKind::kAlltoall: {
        const bool all = request.kind == OperationKind::kAllgather;
        std::vector<float> gathered;
        for (std::size_t block = 0; block < extents.size(); ++block) {
          std::vector<float> rows(extents[block] * row);
          take(rows.data(), extents[block] * row, 1);
          if (!all && static_cast<int>(block) % size != place) continue;
          gathered.insert(gathered.end(), rows.begin(), rows.end());
        }
        Handle handle = operation.entry.handle;
        const auto bytes = std::as_bytes(std::span(gathered));
        handle.mutable_result().gathered.assign(bytes.begin(), bytes.end());
        handle.mutable_result().rank_extents = extents;
        return;
      }
      default:
        return;
    }
  }

  Status Exchange(const std::vector<int>& members, Part& part) {
    // 44 bits: sums of it stay exact.
    const double my_hash = static_cast<double>(std::hash<std::string>()(part.names) >> 20);
    part.values.push_back(my_hash);
    RONDE_RETURN_IF_ERROR(SumOver(members, part.values));
    if (part.values.back() != my_hash * static_cast<double>(members.size())) {
      return Status::Internal("the ranks execute different lists: " + part.names);
    }
    return Status::Ok();
  }

  Status SumOver(const std::vector<int>& members, std::vector<double>& values) {
    const Deadline deadline = Deadline::After(timeout_s_);
    const auto bytes = std::as_writable_bytes(std::span(values));
    if (transport_.rank() != members.front()) {
      RONDE_RETURN_IF_ERROR(transport_.Send(members.front(), 1, bytes, deadline));
      return transport_.Receive(members.front(), 2, bytes, deadline);
    }
    const std::span peers = std::span(members).subspan(1);
    std::vector<double> theirs(values.size());
    for (const int peer : peers) {
      RONDE_RETURN_IF_ERROR(
          transport_.Receive(peer, 1, std::as_writable_bytes(std::span(theirs)), deadline));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += theirs[i];
    }
    for (const int peer : peers) {
      RONDE_RETURN_IF_ERROR(transport_.Send(peer, 2, bytes, deadline));
    }
    return Status::Ok();
  }

  Transport& transport_;
  const double timeout_s_;
  ProcessSets sets_;
  Before before_;
};

/// What an allgather or an alltoall has delivered.
inline std::vector<float> GatheredOf(const Handle& handle) {
  const std::vector<std::byte>& bytes = handle.result().gathered;
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace ronde
