// One rank of a job that shared_faults_test.py kills, stops or delays: shared_faults_program KIND
// FOLDER runs collectives of one kind, or of all in turn, until FOLDER/finish exists, and checks
// every result; rank R aborts once FOLDER/abortR exists. Where one fails it fills its registered
// memory with a pattern, says once FOLDER/verify exists whether anybody has written there, and
// stays until FOLDER/leave exists, since the launcher ends all others after the first that has
// failed.
//
// Lines on stdout: pid RANK PID; looping RANK; verified RANK ROUNDS, or failed RANK CAUSE,
// patterned RANK, untouched RANK (or TOUCHED RANK BYTE).

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/config.h"
#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "frontends/session/session.h"

namespace ronde {
namespace {

constexpr std::int64_t kLargeBlock = 512 << 10;  // elements for each rank
constexpr int kInFlight = 6;                     // so that data are moving most of the time
constexpr std::byte kPattern{0xA5};
constexpr auto kPatience = std::chrono::seconds(60);

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// What one rank works on: an input and an output for a large block of every rank, twice.
class Work {
 public:
  explicit Work(Session& session) : session_(session) {}

  Status Allocate() {
    auto memory = session_.Allocate(bytes());
    if (!memory.ok()) return memory.status();
    registered_ = std::move(memory).value();
    private_.resize(2 * static_cast<std::size_t>(elements()));
    return Status::Ok();
  }

  Status Run(const std::string& kind);

  void Pattern() { std::fill_n(registered_.get(), bytes(), kPattern); }
  // The first byte that has changed; bytes() where none has.
  [[nodiscard]] std::size_t FirstChange() const {
    const std::byte* const begin = registered_.get();
    return static_cast<std::size_t>(
        std::find_if(begin, begin + bytes(), [](std::byte b) { return b != kPattern; }) - begin);
  }
  [[nodiscard]] std::size_t bytes() const {
    return 2 * static_cast<std::size_t>(elements()) * sizeof(float);
  }

 private:
  [[nodiscard]] std::int64_t elements() const { return kLargeBlock * session_.size(); }
  [[nodiscard]] float sum() const {
    return static_cast<float>(session_.size() * (session_.size() + 1) / 2 +
                              round_ * session_.size());
  }
  Status Allreduce(float* memory, std::int64_t count);
  Status Allgather(float* memory);
  Status Broadcast(float* memory);
  Status Reducescatter(float* memory);
  Status Alltoall(float* memory);

  // Waits for all of `handles`; the first that failed counts.
  static Status WaitForAll(const std::vector<Handle>& handles) {
    Status first;
    for (const Handle& handle : handles) {
      const Status status = handle.Wait();
      if (first.ok()) first = status;
    }
    return first;
  }
  static Status Check(const float* values, std::int64_t count, float expected, const char* what) {
    const auto* const wrong =
        std::find_if(values, values + count, [expected](float v) { return v != expected; });
    if (wrong == values + count) return Status::Ok();
    return Status::Internal(
        StrCat("WRONG ", what, ": element ", wrong - values, " is ", *wrong, ", not ", expected));
  }

  Session& session_;
  std::shared_ptr<std::byte> registered_;
  std::vector<float> private_;
  int round_ = 0;  // changes what is sent, so that stale results show
};

Status Work::Allreduce(float* memory, std::int64_t count) {
  float* const output = memory + elements();
  std::fill_n(memory, count, static_cast<float>(session_.rank() + 1 + round_));
  std::vector<Handle> handles;
  for (int i = 0; i < kInFlight; ++i) {
    handles.push_back(
        session_.AllreduceAsync(StrCat("sum", i), {memory, DataType::kFloat32, {count}},
                                {output, DataType::kFloat32, {count}}, {.op = ReduceOp::kSum}));
  }
  const Status status = WaitForAll(handles);
  return status.ok() ? Check(output, count, sum(), "sum") : status;
}

Status Work::Allgather(float* memory) {
  float* const input = memory + elements();
  std::fill_n(input, kLargeBlock, static_cast<float>(session_.rank() + round_));
  std::vector<Handle> handles;
  for (int i = 0; i < kInFlight; ++i) {
    handles.push_back(session_.AllgatherAsync(StrCat("gather", i),
                                              {input, DataType::kFloat32, {kLargeBlock}},
                                              {memory, DataType::kFloat32, {elements()}}));
  }
  Status status = WaitForAll(handles);
  for (int rank = 0; rank < session_.size() && status.ok(); ++rank) {
    status = Check(memory + rank * kLargeBlock, kLargeBlock, static_cast<float>(rank + round_),
                   "gathered block");
  }
  return status;
}

Status Work::Broadcast(float* memory) {
  std::fill_n(memory, elements(), static_cast<float>(session_.rank() + round_));
  std::vector<Handle> handles;
  for (int i = 0; i < kInFlight; ++i) {
    handles.push_back(
        session_.BroadcastAsync(StrCat("root", i), {memory, DataType::kFloat32, {elements()}}, 1));
  }
  const Status status = WaitForAll(handles);
  return status.ok() ? Check(memory, elements(), static_cast<float>(1 + round_), "broadcast")
                     : status;
}

Status Work::Reducescatter(float* memory) {
  float* const output = memory + elements();
  std::fill_n(memory, elements(), static_cast<float>(session_.rank() + 1 + round_));
  std::vector<Handle> handles;
  for (int i = 0; i < kInFlight; ++i) {
    handles.push_back(session_.ReducescatterAsync(
        StrCat("scatter", i), {memory, DataType::kFloat32, {elements()}},
        {output, DataType::kFloat32, {kLargeBlock}}, {.op = ReduceOp::kSum}));
  }
  const Status status = WaitForAll(handles);
  return status.ok() ? Check(output, kLargeBlock, sum(), "scattered sum") : status;
}

Status Work::Alltoall(float* memory) {
  std::fill_n(memory, elements(), static_cast<float>(session_.rank() + round_));
  const std::vector<std::int64_t> splits(static_cast<std::size_t>(session_.size()), kLargeBlock);
  std::vector<Handle> handles;
  for (int i = 0; i < kInFlight; ++i) {
    handles.push_back(session_.AlltoallAsync(StrCat("exchange", i),
                                             {memory, DataType::kFloat32, {elements()}}, splits));
  }
  Status status = WaitForAll(handles);
  for (int rank = 0; rank < session_.size() && status.ok(); ++rank) {
    const auto* const got = reinterpret_cast<const float*>(handles.back().result().gathered.data());
    status = Check(got + rank * kLargeBlock, kLargeBlock, static_cast<float>(rank + round_),
                   "exchanged block");
  }
  return status;
}

Status Work::Run(const std::string& kind) {
  ++round_;
  auto* const registered = reinterpret_cast<float*>(registered_.get());
  const bool all = kind == "all";
  Status status;
  const auto run = [&](const char* name, auto&& body) {
    if (status.ok() && (all || kind == name)) status = body();
  };
  run("push", [&] { return Allreduce(registered, elements()); });
  run("two_shot", [&] { return Allreduce(private_.data(), elements()); });
  run("one_shot", [&] { return Allreduce(private_.data(), 2 << 10); });
  run("tiny", [&] { return Allreduce(private_.data(), 4); });
  run("allgather", [&] { return Allgather(registered); });
  run("broadcast", [&] { return Broadcast(registered); });
  run("reducescatter", [&] { return Reducescatter(registered); });
  run("alltoall", [&] { return Alltoall(registered); });
  return status;
}

bool Exists(const std::string& folder, const std::string& name) {
  return std::filesystem::exists(folder + "/" + name);
}

// Rank 0 says when it is enough.
Result<bool> IsEnough(Session& session, const std::string& folder) {
  std::int32_t enough = session.rank() == 0 && Exists(folder, "finish") ? 1 : 0;
  RONDE_RETURN_IF_ERROR(
      session.BroadcastAsync("enough", {&enough, DataType::kInt32, {1}}, 0).Wait());
  return enough != 0;
}

Status Loop(Session& session, Work& work, const std::string& kind, const std::string& folder) {
  for (std::int64_t rounds = 0;; ++rounds) {
    RONDE_RETURN_IF_ERROR(work.Run(kind));
    if (rounds == 0) Say(StrCat("looping ", session.rank()));
    RONDE_ASSIGN_OR_RETURN(const bool enough, IsEnough(session, folder));
    if (!enough) continue;
    Say(StrCat("verified ", session.rank(), " ", rounds + 1));
    return Status::Ok();
  }
}

void WaitFor(const std::string& folder, const std::string& name) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!Exists(folder, name) && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

int ReportFailure(Work& work, int rank, const Status& failure, const std::string& folder) {
  Say(StrCat("failed ", rank, " ", failure.ToString()));
  work.Pattern();
  Say(StrCat("patterned ", rank));
  WaitFor(folder, "verify");
  const std::size_t changed = work.FirstChange();
  Say(changed == work.bytes() ? StrCat("untouched ", rank)
                              : StrCat("TOUCHED ", rank, " ", changed));
  WaitFor(folder, "leave");
  return 1;
}

// Ends the job, from a thread of its own, once FOLDER/abortR exists for this rank R.
void AwaitAbort(const std::stop_token& stop, Session& session, const std::string& folder) {
  const std::string name = StrCat("abort", session.rank());
  while (!stop.stop_requested() && !Exists(folder, name)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (!stop.stop_requested()) session.Abort(Status::Aborted("asked to end the job"));
}

int Main(const std::string& kind, const std::string& folder) {
  const auto config = Config::FromEnvironment();
  if (!config.ok()) return 2;
  Say(StrCat("pid ", ReadLaunchEnvironment().rank, " ", getpid()));
  const auto session = Session::Create(config.value());
  if (!session.ok()) {
    Say(StrCat("no session: ", session.status().ToString()));
    return 1;
  }
  Work work(*session.value());
  Status status = work.Allocate();
  const std::jthread aborter(AwaitAbort, std::ref(*session.value()), std::cref(folder));
  if (status.ok()) status = Loop(*session.value(), work, kind, folder);
  if (!status.ok()) return ReportFailure(work, session.value()->rank(), status, folder);
  return session.value()->Shutdown().ok() ? 0 : 1;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return ronde::Main(argv[1], argv[2]);
}
