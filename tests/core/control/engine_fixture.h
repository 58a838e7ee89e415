#pragma once

#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "core/base/strcat.h"
#include "core/control/engine.h"
#include "tests/core/control/summing_executor.h"
#include "tests/support/run_ranks.h"

namespace ronde {

using EngineSettings = std::vector<std::pair<Setting, std::string>>;

/// For `count` elements.
inline Request RequestFor(OperationKind kind, const std::string& name, std::size_t count = 0) {
  Request request;
  request.kind = kind;
  request.name = name;
  request.shape = {static_cast<std::int64_t>(count)};
  return request;
}

/// One rank of a test: transport, executor and engine.
class EngineRank {
 public:
  explicit EngineRank(Transport& transport, const EngineSettings& settings = {},
                      EngineObserver* observer = nullptr)
      : executor(transport), engine(transport, executor, Make(settings), clock_, observer) {}

  /// Sums `values` over ranks in place; they must outlive the handle.
  Handle Sum(const std::string& name, std::vector<float>& values) {
    const auto count = static_cast<std::int64_t>(values.size());
    const TensorView view(values.data(), DataType::kFloat32, {count});
    // As a session does.
    std::optional<Handle> again =
        engine.EnqueueAgain({.name = name, .input = view, .output = view});
    if (again) return *std::move(again);
    Request request;
    request.name = name;
    request.shape = {count};
    return Submit(std::move(request), values);
  }
  Handle Submit(Request request, std::vector<float>& values) {
    const TensorView view(values.data(), DataType::kFloat32,
                          {static_cast<std::int64_t>(values.size())});
    return engine.Enqueue(std::move(request), view, view);
  }
  /// An operation without data: a barrier, a join, a change of the process sets.
  Handle Submit(Request request) { return engine.Enqueue(std::move(request), {}, {}); }
  Handle Join() { return Submit(RequestFor(OperationKind::kJoin, "ronde.join")); }
  /// The number of a new process set, which has to be granted.
  int AddSet(std::vector<std::int64_t> members) {
    Request request = RequestFor(OperationKind::kAddProcessSet, "add");
    request.members = std::move(members);
    const Handle handle = Submit(std::move(request));
    const Status status = handle.Wait();
    EXPECT_TRUE(status.ok()) << status.ToString();
    return handle.result().process_set;
  }
  Handle RemoveSet(int set) {
    Request request = RequestFor(OperationKind::kRemoveProcessSet, "remove");
    request.process_set = set;
    return Submit(std::move(request));
  }
  /// Sums `values` over the ranks of a process set.
  Handle SumIn(int set, const std::string& name, std::vector<float>& values) {
    Request request = RequestFor(OperationKind::kAllreduce, name, values.size());
    request.process_set = set;
    return Submit(std::move(request), values);
  }
  /// A sum that is one of `size` of `group`.
  Handle SumInGroup(const std::string& group, int size, const std::string& name,
                    std::vector<float>& values) {
    Request request = RequestFor(OperationKind::kAllreduce, name, values.size());
    request.group = group;
    request.group_size = size;
    return Submit(std::move(request), values);
  }
  /// A one-element sum that has to work.
  void ExpectWorks(const std::string& name, int size) {
    std::vector<float> one = {1};
    const Status status = Sum(name, one).Wait();
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_EQ(one[0], static_cast<float>(size));
  }

 private:
  static Config Make(const EngineSettings& settings) {
    Config config;
    for (const auto& [setting, value] : settings) {
      EXPECT_TRUE(config.Set(setting, value, SettingOrigin::kProgram).ok());
    }
    return config;
  }
  SteadyClock clock_;

 public:
  SummingExecutor executor;
  Engine engine;
};

/// Status of every rank, gathered by a test's threads (each writes its own element).
inline void ExpectSameOnAllRanks(const std::vector<Status>& statuses) {
  for (const Status& status : statuses) EXPECT_EQ(status, statuses.front()) << status.ToString();
}

}  // namespace ronde
