#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/strcat.h"
#include "core/control/block_shape.h"
#include "core/control/executor.h"
#include "tensor_fusion/fused_executor.h"

namespace ronde {

using Members = std::vector<std::int64_t>;

/// Operations of process sets, as the engine would hand them to one rank, with what must come out.
/// The calls must be the same on all ranks; what this rank has no part in is left out here, as the
/// engine leaves it out.
class SetOperations {
 public:
  explicit SetOperations(int world_rank) : world_rank_(world_rank) {}

  void Add(int number, Members members) {
    Request request;
    request.kind = OperationKind::kAddProcessSet;
    request.process_set = number;
    request.members = std::move(members);
    Append(std::move(request), {}, {});
  }
  void Remove(int number) {
    Request request;
    request.kind = OperationKind::kRemoveProcessSet;
    request.process_set = number;
    Append(std::move(request), {}, {});
  }

  /// Of `count` elements, which are 1 + world rank + seed.
  void Allreduce(int number, const Members& members, std::int64_t count, int seed = 0) {
    if (!IsIn(members)) return;
    const float sum = Sum(members) + static_cast<float>(members.size()) * static_cast<float>(seed);
    const float mine = static_cast<float>(world_rank_ + 1 + seed);
    Run(number, OperationKind::kAllreduce, Values(count, mine), Values(count, sum));
  }
  /// Of as many elements as the rank within the set says, and one.
  void Allgather(int number, const Members& members) {
    if (!IsIn(members)) return;
    std::vector<float> expected;
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < members.size(); ++i) {
      rows.push_back(static_cast<std::int64_t>(i) + 1);
      expected.insert(expected.end(), i + 1, static_cast<float>(members[i]));
    }
    Values& input = inputs_.emplace_back(RankIn(members) + 1, static_cast<float>(world_rank_));
    Request request = Of(number, OperationKind::kAllgather, input.size());
    Deliver(std::move(request), rows, input, std::move(expected));
  }
  void Broadcast(int number, const Members& members, int root) {
    if (!IsIn(members)) return;
    const Values mine(1000, static_cast<float>(world_rank_));
    const Values expected(1000, static_cast<float>(members[static_cast<std::size_t>(root)]));
    ReadyOperation& operation =
        Run(number, OperationKind::kBroadcast, mine, expected, /*in_place=*/true);
    operation.response->request.root = root;
  }
  /// Of 3 rows for each rank and one more.
  void Reducescatter(int number, const Members& members) {
    if (!IsIn(members)) return;
    const auto ranks = static_cast<int>(members.size());
    const std::int64_t rows = 3 * ranks + 1;
    const auto own = ReducescatterRows(rows, static_cast<int>(RankIn(members)), ranks);
    Run(number, OperationKind::kReducescatter,
        Values(static_cast<std::size_t>(rows), static_cast<float>(world_rank_ + 1)),
        Values(static_cast<std::size_t>(own), Sum(members)));
  }
  /// Of one element for each rank: 100 times the sender's world rank, and the receiver's.
  void Alltoall(int number, const Members& members) {
    if (!IsIn(members)) return;
    Values& input = inputs_.emplace_back();
    Values expected;
    for (const std::int64_t peer : members) {
      input.push_back(static_cast<float>(100 * world_rank_ + peer));
      expected.push_back(static_cast<float>(100 * peer + world_rank_));
    }
    Request request = Of(number, OperationKind::kAlltoall, members.size());
    request.splits.assign(members.size(), 1);
    Deliver(std::move(request), std::vector<std::int64_t>(members.size() * members.size(), 1),
            input, std::move(expected));
  }
  void Barrier(int number, const Members& members) {
    if (IsIn(members)) Append(Of(number, OperationKind::kBarrier, 0), {}, {});
  }
  void OneOfEachKind(int number, const Members& members) {
    Allgather(number, members);
    Broadcast(number, members, static_cast<int>(members.size()) - 1);
    Reducescatter(number, members);
    Alltoall(number, members);
    Barrier(number, members);
  }

  /// Hands them over and looks at what has become of them.
  void RunAll(FusedExecutor& executor) {
    std::vector<Handle> handles;  // the executor lets go of its own
    for (const ReadyOperation& operation : operations_) {
      handles.push_back(operation.entry.handle);
    }
    const Status status = executor.Execute(operations_);
    ASSERT_TRUE(status.ok()) << status.message();
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const ReadyOperation& operation = operations_[i];
      const std::string what = StrCat("rank ", world_rank_, ", operation ", i, ", a ",
                                      Name(operation.response->request.kind), " of set ",
                                      operation.response->request.process_set);
      ASSERT_TRUE(handles[i].Poll()) << what;
      const auto& gathered = handles[i].result().gathered;
      const auto* const values = outputs_[i].empty()
                                     ? reinterpret_cast<const float*>(gathered.data())
                                     : outputs_[i].data();
      const std::size_t count =
          outputs_[i].empty() ? gathered.size() / sizeof(float) : outputs_[i].size();
      EXPECT_EQ(Values(values, values + count), expected_[i]) << what;
    }
  }
  [[nodiscard]] std::vector<ReadyOperation>& operations() { return operations_; }

 private:
  using Values = std::vector<float>;

  [[nodiscard]] bool IsIn(const Members& members) const {
    return std::find(members.begin(), members.end(), world_rank_) != members.end();
  }
  [[nodiscard]] std::size_t RankIn(const Members& members) const {
    return static_cast<std::size_t>(std::find(members.begin(), members.end(), world_rank_) -
                                    members.begin());
  }
  static float Sum(const Members& members) {
    float sum = 0;
    for (const std::int64_t rank : members) sum += static_cast<float>(rank + 1);
    return sum;
  }
  static Request Of(int number, OperationKind kind, std::size_t count) {
    Request request;
    request.kind = kind;
    request.process_set = number;
    request.shape = {static_cast<std::int64_t>(count)};
    return request;
  }

  ReadyOperation& Append(Request request, Values output, Values expected) {
    outputs_.push_back(std::move(output));
    expected_.push_back(std::move(expected));
    ReadyOperation& operation = operations_.emplace_back();
    request.name = StrCat("x", operations_.size());
    operation.response->request = std::move(request);
    return operation;
  }
  ReadyOperation& Run(int number, OperationKind kind, const Values& mine, Values expected,
                      bool in_place = false) {
    Values output = in_place ? mine : Values(expected.size());
    ReadyOperation& operation =
        Append(Of(number, kind, mine.size()), std::move(output), std::move(expected));
    Values& out = outputs_.back();
    Values& in = in_place ? out : inputs_.emplace_back(mine);
    operation.entry.input = View(in);
    operation.entry.output = View(out);
    return operation;
  }
  void Deliver(Request request, std::vector<std::int64_t> extents, Values& input, Values expected) {
    ReadyOperation& operation = Append(std::move(request), {}, std::move(expected));
    operation.response->rank_extents = std::move(extents);
    operation.entry.input = View(input);
  }
  static TensorView View(Values& values) {
    return {values.data(), DataType::kFloat32, {static_cast<std::int64_t>(values.size())}};
  }

  int world_rank_;
  std::vector<ReadyOperation> operations_;
  std::deque<Values> inputs_;
  std::deque<Values> outputs_;  // by operation; empty for what has a result of its own, or none
  std::vector<Values> expected_;
};

/// Overlapping sets of a world of at least 3 ranks, from number 1 on: all but the last, all but the
/// first, every second, the last alone, and all.
inline std::vector<Members> OverlappingSets(int ranks) {
  std::vector<Members> sets(5);
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    if (rank < ranks - 1) sets[0].push_back(rank);
    if (rank > 0) sets[1].push_back(rank);
    if (rank % 2 == 0) sets[2].push_back(rank);
    if (rank == ranks - 1) sets[3].push_back(rank);
    sets[4].push_back(rank);
  }
  return sets;
}

/// Adds them, runs what fuses and what does not in all of them and in the world, mixed, in one list
/// with that, and removes them.
inline void RunOverlappingSets(int rank, int ranks, FusedExecutor& executor) {
  const std::vector<Members> sets = OverlappingSets(ranks);
  const Members& world = sets.back();
  SetOperations list(rank);
  for (std::size_t i = 0; i < sets.size(); ++i) list.Add(static_cast<int>(i) + 1, sets[i]);
  int seed = 0;
  for (const std::int64_t count : {1, 17, 1000, 100'000, 3}) {
    list.Allreduce(kWorld, world, count, ++seed);
    for (std::size_t i = 0; i < sets.size(); ++i) {
      list.Allreduce(static_cast<int>(i) + 1, sets[i], count, ++seed);
    }
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    list.OneOfEachKind(static_cast<int>(i) + 1, sets[i]);
    list.OneOfEachKind(kWorld, world);
  }
  for (std::size_t i = 0; i < sets.size(); ++i) list.Remove(static_cast<int>(i) + 1);
  list.RunAll(executor);
}

/// Adds and removes a set of all ranks but one `times` times; another set lives throughout.
inline void AddAndRemove(int rank, int ranks, int times, int first_number,
                         FusedExecutor& executor) {
  const Members stays = OverlappingSets(ranks)[2];
  SetOperations begin(rank);
  begin.Add(first_number, stays);
  begin.RunAll(executor);
  for (int i = 1; i <= times; ++i) {
    Members members;
    for (int member = 0; member < ranks; ++member) {
      if (member != i % ranks) members.push_back(member);
    }
    SetOperations list(rank);
    list.Add(first_number + i, members);
    list.Allreduce(first_number + i, members, 100);
    list.Allreduce(first_number, stays, 100);
    list.Remove(first_number + i);
    list.RunAll(executor);
    if (::testing::Test::HasFailure()) return;
  }
  SetOperations end(rank);
  end.Remove(first_number);
  end.RunAll(executor);
}

}  // namespace ronde
