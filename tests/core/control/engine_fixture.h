#pragma once

#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/config.h"
#include "core/base/strcat.h"
#include "core/control/engine.h"
#include "tests/support/run_ranks.h"

namespace ronde {

/// Sums float32 operations over all ranks, a whole list in one exchange through rank 0, and fails
/// where the ranks' lists differ. `before` sees every list first and can make it fail.
class SummingExecutor final : public Executor {
 public:
  using Before = std::function<Status(std::span<const ReadyOperation>)>;
  explicit SummingExecutor(Transport& transport, double timeout_s = 30)
      : transport_(transport), timeout_s_(timeout_s) {}
  void set_before(Before before) { before_ = std::move(before); }

  Status Execute(std::span<ReadyOperation> operations) override {
    if (before_) RONDE_RETURN_IF_ERROR(before_(operations));
    std::string names;
    std::vector<double> values;
    for (const ReadyOperation& operation : operations) {
      names += operation.response->request.name + ";";
      const auto* input = static_cast<const float*>(operation.entry.input.data);
      values.insert(values.end(), input, input + operation.entry.input.count());
    }
    // 44 bits: sums of it stay exact.
    values.push_back(static_cast<double>(std::hash<std::string>()(names) >> 20));
    const double my_hash = values.back();
    RONDE_RETURN_IF_ERROR(SumOverRanks(values));
    if (values.back() != my_hash * transport_.size()) {
      return Status::Internal("the ranks execute different lists: " + names);
    }
    std::size_t next = 0;
    for (const ReadyOperation& operation : operations) {
      auto* output = static_cast<float*>(operation.entry.output.data);
      for (std::int64_t i = 0; i < operation.entry.output.count(); ++i) {
        output[i] = static_cast<float>(values[next++]);
      }
      operation.entry.handle.Complete(Status::Ok());
    }
    return Status::Ok();
  }

 private:
  Status SumOverRanks(std::vector<double>& values) {
    const Deadline deadline = Deadline::After(timeout_s_);
    const auto bytes = std::as_writable_bytes(std::span(values));
    if (transport_.rank() != 0) {
      RONDE_RETURN_IF_ERROR(transport_.Send(0, 1, bytes, deadline));
      return transport_.Receive(0, 2, bytes, deadline);
    }
    std::vector<double> theirs(values.size());
    for (int peer = 1; peer < transport_.size(); ++peer) {
      RONDE_RETURN_IF_ERROR(
          transport_.Receive(peer, 1, std::as_writable_bytes(std::span(theirs)), deadline));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += theirs[i];
    }
    for (int peer = 1; peer < transport_.size(); ++peer) {
      RONDE_RETURN_IF_ERROR(transport_.Send(peer, 2, bytes, deadline));
    }
    return Status::Ok();
  }

  Transport& transport_;
  const double timeout_s_;
  Before before_;
};

using EngineSettings = std::vector<std::pair<Setting, std::string>>;

/// One rank of a test: transport, executor and engine.
class EngineRank {
 public:
  explicit EngineRank(Transport& transport, const EngineSettings& settings = {})
      : executor(transport), engine(transport, executor, Make(settings), clock_) {}

  /// Sums `values` over ranks in place; they must outlive the handle.
  Handle Sum(const std::string& name, std::vector<float>& values) {
    Request request;
    request.name = name;
    request.shape = {static_cast<std::int64_t>(values.size())};
    return Submit(std::move(request), values);
  }
  Handle Submit(Request request, std::vector<float>& values) {
    const TensorView view(values.data(), DataType::kFloat32,
                          {static_cast<std::int64_t>(values.size())});
    return engine.Enqueue(std::move(request), view, view);
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
