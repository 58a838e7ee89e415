// One rank of a job over real processes, for session_mpi_test (mode "run") and, with a mode in
// which rank 1 fails, for session_mpi_failure_test.

#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/config.h"
#include "core/base/config_environment.h"
#include "core/base/program.h"
#include "core/base/strcat.h"
#include "frontends/session/session.h"
#include "frontends/session/session_slot.h"

namespace ronde {
namespace {

void Expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("expected: " + what);
}

void ExpectOk(const Status& status) { Expect(status.ok(), "ok, got " + status.ToString()); }

void RunAllreduces(Session& session) {
  const int size = session.size();
  for (int round = 0; round < 50; ++round) {
    std::vector<std::vector<float>> tensors(20);
    std::vector<Handle> handles;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].assign(i * 997 + 1, static_cast<float>(session.rank() + 1));
    }
    for (std::size_t k = 0; k < tensors.size(); ++k) {
      const std::size_t i = (k * 7 + static_cast<std::size_t>(session.rank() * round)) % 20;
      const TensorView tensor(tensors[i].data(), DataType::kFloat32,
                              {static_cast<std::int64_t>(tensors[i].size())});
      handles.push_back(
          session.AllreduceAsync(StrCat("t", i), tensor, tensor, {.op = ReduceOp::kSum}));
    }
    for (const Handle& handle : handles) ExpectOk(handle.Wait());
    const auto sum = static_cast<float>(size * (size + 1) / 2);
    for (const auto& tensor : tensors) {
      Expect(tensor == std::vector<float>(tensor.size(), sum), "the sum over the ranks");
    }
  }
}

void RunModelAverages(Session& session) {
  std::vector<double> parameters(1000, session.rank());
  for (std::int64_t step = 1; step <= 6; ++step) {
    const Handle handle = session.AverageModelAsync(
        "model", {parameters.data(), DataType::kFloat64, {1000}}, {.period = 3}, step);
    ExpectOk(handle.Wait());
    Expect(handle.result().performed == (step % 3 == 0), "an average every third step");
    const double mean = (session.size() - 1) / 2.0;
    Expect(parameters[999] == (step < 3 ? session.rank() : mean), "the mean over the ranks");
  }
}

void RunInRegisteredMemory(Session& session) {
  constexpr std::int64_t kCount = 100'000;
  const auto memory = session.Allocate(kCount * sizeof(float));
  ExpectOk(memory.status());
  auto* const values = reinterpret_cast<float*>(memory.value().get());
  const TensorView view(values, DataType::kFloat32, {kCount});
  const int size = session.size();
  for (int round = 0; round < 20; ++round) {
    std::fill_n(values, kCount, static_cast<float>(session.rank() + 1));
    ExpectOk(session.AllreduceAsync("registered", view, view, {.op = ReduceOp::kSum}).Wait());
    const auto sum = static_cast<float>(size * (size + 1) / 2);
    Expect(std::all_of(values, values + kCount, [sum](float value) { return value == sum; }),
           "the sum over the ranks in registered memory");
  }
}

// Blocks of different sizes, in ordinary and in registered memory.
void RunBlocks(Session& session) {
  const int size = session.size();
  const int rank = session.rank();
  const std::int64_t rows = 10'000 * size + 1;
  const auto memory = session.Allocate(static_cast<std::size_t>(rows) * sizeof(float));
  ExpectOk(memory.status());
  std::vector<float> ordinary(static_cast<std::size_t>(rows));
  const Shape block = ReducescatterShape({rows}, rank, size);
  std::vector<float> mine(static_cast<std::size_t>(block[0]));
  const TensorView part(mine.data(), DataType::kFloat32, block);
  std::vector<std::int64_t> splits(static_cast<std::size_t>(size), 10'000);
  splits[0] += 1;
  const float values_sum = static_cast<float>(size * (size + 1) / 2);
  for (float* const values : {ordinary.data(), reinterpret_cast<float*>(memory.value().get())}) {
    std::fill_n(values, rows, static_cast<float>(rank + 1));
    const TensorView whole(values, DataType::kFloat32, {rows});
    ExpectOk(session.ReducescatterAsync("rs", whole, part, {.op = ReduceOp::kSum}).Wait());
    Expect(mine == std::vector<float>(mine.size(), values_sum), "this rank's part of the sum");

    const Handle exchange = session.AlltoallAsync("a2a", whole, splits);
    ExpectOk(exchange.Wait());
    const auto* const got = reinterpret_cast<const float*>(exchange.result().gathered.data());
    const std::int64_t each = splits[static_cast<std::size_t>(rank)];
    for (std::int64_t i = 0; i < each * size; ++i) {
      Expect(got[i] == static_cast<float>(i / each + 1), "the blocks of all ranks in order");
    }

    std::fill_n(values + 10'000 * rank, 10'000, static_cast<float>(rank + 1));
    const TensorView own(values + 10'000 * rank, DataType::kFloat32, {10'000});
    const TensorView all(values, DataType::kFloat32, {10'000 * size});
    ExpectOk(session.AllgatherAsync("into", own, all).Wait());
    Expect(values[10'000 * size - 1] == static_cast<float>(size) && values[0] == 1,
           "the rows of all ranks");
    ExpectOk(session.BroadcastAsync("root", whole, size - 1).Wait());
    Expect(values[rows - 1] == static_cast<float>(size), "the last rank's values");
  }
  splits[0] += rank == size - 1 ? 1 : 0;
  const TensorView whole(ordinary.data(), DataType::kFloat32, {rows});
  const Status wrong = session.AlltoallAsync("a2a", whole, splits).Wait();
  Expect(wrong.code() == StatusCode::kInvalidArgument, "one rank's wrong splits refused on all");
}

void RunOthers(Session& session) {
  const int size = session.size();
  std::int64_t value = session.rank();
  ExpectOk(session.BroadcastAsync("b", {&value, DataType::kInt64, {1}}, size - 1).Wait());
  Expect(value == size - 1, "the last rank's value");

  std::vector<std::int32_t> rows(static_cast<std::size_t>(session.rank()), session.rank());
  const Handle gather =
      session.AllgatherAsync("g", {rows.data(), DataType::kInt32, {session.rank()}});
  ExpectOk(gather.Wait());
  Expect(gather.result().gathered_shape == Shape{size * (size - 1) / 2}, "all ranks' rows");

  const TensorView odd(&value, DataType::kInt64, session.rank() == 0 ? Shape{1} : Shape{1, 1});
  const Status mismatch = session.AllreduceAsync("odd", odd, odd).Wait();
  Expect(size == 1 || mismatch.code() == StatusCode::kMismatch, "a mismatch");

  const Status agreed = session.AgreeOnStatus(
      session.rank() == size - 1 ? Status::InvalidArgument("bad file") : Status::Ok());
  Expect(agreed == Status::InvalidArgument("bad file"), "the last rank's status everywhere");
  ExpectOk(session.BarrierAsync().Wait());
}

void RunEverything() {
  for (int round = 0; round < 2; ++round) {  // MPI stays up between two sessions
    auto session = Session::Create(Config());
    ExpectOk(session.status());
    RunAllreduces(*session.value());
    RunModelAverages(*session.value());
    RunInRegisteredMemory(*session.value());
    RunBlocks(*session.value());
    RunOthers(*session.value());
    ExpectOk(session.value()->Shutdown());
  }
}

// What rank 1 does while the others wait for it.
void Misbehave(const std::string& mode, Session& session) {
  if (mode == "abort") session.Abort(Status::Aborted("disk full"));
  if (mode == "uncaught" || mode == "unwind") throw std::runtime_error("learning rate is NaN");
  if (mode == "exit") std::exit(3);
  if (mode == "kill") raise(SIGKILL);
}

Status WaitForRankOne(const std::string& mode, Session& session) {
  ExpectOk(session.BarrierAsync("together").Wait());
  if (session.rank() == 1) Misbehave(mode, session);
  return session.BarrierAsync("never").Wait();
}

int ReportEnd(const Status& status) {
  std::fprintf(stderr, "ended with: %s\n", status.ToString().c_str());
  return ExitCodeFor(status);
}

int FailWithoutACatch(const std::string& mode) {
  ExpectOk(InitSession(Config()));
  const auto session = CurrentSession();
  return ReportEnd(WaitForRankOne(mode, *session.value()));
}

int FailWithACatch(const std::string& mode) {
  try {
    const auto session = Session::Create(Config());
    ExpectOk(session.status());
    return ReportEnd(WaitForRankOne(mode, *session.value()));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "caught: %s\n", error.what());
    return 1;
  }
}

int DifferInASetting() {
  Config config;
  const bool first = ReadLaunchEnvironment().rank == 0;
  ExpectOk(config.Set(Setting::kFusionThresholdBytes, first ? "1M" : "2M", SettingOrigin::kFlag));
  return ReportEnd(Session::Create(config).status());
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "run";
  if (mode == "settings") return ronde::DifferInASetting();
  if (mode == "uncaught" || mode == "exit" || mode == "kill") return ronde::FailWithoutACatch(mode);
  if (mode != "run") return ronde::FailWithACatch(mode);
  try {
    ronde::RunEverything();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
