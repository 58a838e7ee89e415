// One rank of a job in which faults_test.py ends ranks, hosts and links: faults_program PHASE runs
// PHASE over and over until something fails: negotiate (tensors of a few bytes, submitted at
// different times), reduce (16 MiB at once) or average (of models, every fourth step).
//
// Lines on stdout: "pid RANK PID HOST", "looping RANK", "failed RANK STATUS".

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "frontends/session/end_on_signals.h"
#include "frontends/session/session_slot.h"

namespace ronde {
namespace {

constexpr std::int64_t kLarge = 4 << 20;  // elements
constexpr std::int64_t kModel = 256 << 10;
constexpr std::int64_t kPeriod = 4;

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// Stands for a training step's own work.
void Compute(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

Status Negotiate(Session& session, std::int64_t round) {
  std::vector<float> values(10);
  const TensorView view(values.data(), DataType::kFloat32, {10});
  if (round % session.size() == session.rank()) Compute(20);
  std::vector<Handle> handles;
  for (int i = 0; i < 3; ++i) {
    handles.push_back(session.AllreduceAsync(StrCat("layer", i, ".weight"), view, view));
  }
  Status first;
  for (const Handle& handle : handles) {
    const Status status = handle.Wait();
    if (first.ok()) first = status;
  }
  return first;
}

Status Reduce(Session& session, std::vector<float>& values) {
  const TensorView view(values.data(), DataType::kFloat32, {kLarge});
  return session.AllreduceAsync("large.weight", view, view).Wait();
}

Status Average(Session& session, std::int64_t step, std::vector<float>& values) {
  Compute(5);
  const TensorView model(values.data(), DataType::kFloat32, {kModel});
  return session.AverageModelAsync("model", model, {.period = kPeriod}, step).Wait();
}

Status Loop(Session& session, const std::string& phase) {
  std::vector<float> values(static_cast<std::size_t>(kLarge), 1);
  for (std::int64_t round = 1;; ++round) {
    Status status;
    if (phase == "negotiate") status = Negotiate(session, round);
    if (phase == "reduce") status = Reduce(session, values);
    if (phase == "average") status = Average(session, round, values);
    RONDE_RETURN_IF_ERROR(status);
    if (round == kPeriod) Say(StrCat("looping ", session.rank()));
  }
}

int Run(const std::string& phase) {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  Say(StrCat("pid ", ReadLaunchEnvironment().rank, " ", getpid(), " ", host));
  EndOnSignals();
  const auto config = Config::FromEnvironment();
  if (!config.ok()) return 2;
  const Status initialised = InitSession(config.value());
  if (!initialised.ok()) {
    Say("failed at the start: " + initialised.ToString());
    return ExitCodeFor(initialised);
  }
  const std::shared_ptr<Session> session = CurrentSession().value();
  const Status status = Loop(*session, phase);
  Say(StrCat("failed ", session->rank(), " ", status.ToString()));
  return ExitCodeFor(status);
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) { return argc == 2 ? ronde::Run(argv[1]) : 2; }
