// One rank of a job in which rank 1 fails in the way that the mode says; failures_test.py runs it.
// What a rank's own call gave goes to stdout as "got RANK STATUS"; stderr is left to Ronde.

#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/base/config.h"
#include "core/base/strcat.h"
#include "frontends/session/end_on_signals.h"
#include "frontends/session/session_slot.h"

namespace ronde {
namespace {

constexpr std::int64_t kLarge = 4 << 20;  // elements: a data phase of some milliseconds
constexpr int kCulprit = 1;

bool IsCulprit(const Session& session) { return session.rank() == kCulprit; }

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

int Report(const Session& session, const Status& status) {
  Say(StrCat("got ", session.rank(), " ", status.ToString()));
  return ExitCodeFor(status);
}

[[noreturn]] void Die() {
  raise(SIGKILL);
  std::abort();
}

// The others wait for rank 1, which does `fault` instead of submitting.
Status WhileNegotiating(Session& session, const std::function<void()>& fault) {
  if (IsCulprit(session)) fault();
  std::vector<float> values(10);
  const TensorView view(values.data(), DataType::kFloat32, {10});
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

// All ranks reduce large tensors until rank 1 does `fault`, from another thread.
Status WhileReducing(Session& session, const std::function<void()>& fault) {
  std::vector<float> values(static_cast<std::size_t>(kLarge), 1);
  const TensorView view(values.data(), DataType::kFloat32, {kLarge});
  std::jthread assassin;
  for (int round = 0;; ++round) {
    if (round == 3 && IsCulprit(session)) assassin = std::jthread(fault);
    RONDE_RETURN_IF_ERROR(session.AllreduceAsync("large.weight", view, view).Wait());
  }
}

Status InACallback(Session& session, const std::function<void()>& fault) {
  const bool fails = IsCulprit(session);
  const Handle first = session.BarrierAsync("first");
  first.OnComplete([&](const Status&) {
    if (fails) fault();
  });
  RONDE_RETURN_IF_ERROR(first.Wait());
  return session.BarrierAsync("second").Wait();
}

Status InAddProcessSet(Session& session, const std::function<void()>& fault) {
  if (IsCulprit(session)) fault();
  return session.AddProcessSet({0, 1}).status();
}

// Every kind of operation is refused, in words, once the session has been shut down.
Status AfterShutdown(Session& session) {
  RONDE_RETURN_IF_ERROR(session.Shutdown());
  float value = 1;
  const TensorView view(&value, DataType::kFloat32, {1});
  const std::vector<std::pair<const char*, Handle>> handles = {
      {"allreduce", session.AllreduceAsync("w", view, view)},
      {"group", session.GroupedAllreduceAsync("w", {view}, {view})},
      {"broadcast", session.BroadcastAsync("w", view, 0)},
      {"allgather", session.AllgatherAsync("w", view)},
      {"gather group", session.GroupedAllgatherAsync("w", {view}).front()},
      {"reducescatter", session.ReducescatterAsync("w", view, view)},
      {"alltoall",
       session.AlltoallAsync("w", view, std::vector<std::int64_t>(session.size() == 1 ? 1 : 0, 1))},
      {"barrier", session.BarrierAsync("w")},
      {"average", session.AverageModelAsync("w", view, {.period = 1}, 1)},
      {"join", session.JoinAsync()},
  };
  for (const auto& [name, handle] : handles) {
    const Status status = handle.Wait();
    if (status.ok()) return Status::Internal(StrCat(name, " works after the shutdown"));
  }
  if (session.Allocate(64).ok()) return Status::Internal("Allocate works after the shutdown");
  if (session.AddProcessSet({0}).ok()) return Status::Internal("a set after the shutdown");
  return Status::Ok();
}

Status UseSetsAndMemory(Session& session) {
  RONDE_ASSIGN_OR_RETURN(const int set, session.AddProcessSet({0, 1}));
  RONDE_ASSIGN_OR_RETURN(void* const memory, AllocateMemory(4096));
  auto* const values = static_cast<float*>(memory);
  values[0] = 1;
  const TensorView view(values, DataType::kFloat32, {1});
  if (session.rank() <= 1) {
    AllreduceOptions options;
    options.op = ReduceOp::kSum;
    options.process_set = set;
    RONDE_RETURN_IF_ERROR(session.AllreduceAsync("w", view, view, options).Wait());
    if (values[0] != 2) return Status::Internal(StrCat("the sum is ", values[0], ", not 2"));
  }
  return session.BarrierAsync().Wait();
}

// Where nobody else holds the session, which is not destroyed by its own engine.
Status ShutDownInACallback() {
  const Handle last = CurrentSession().value()->BarrierAsync("last");
  std::promise<Status> ended;
  last.OnComplete([&ended](const Status&) { ended.set_value(ShutdownSession()); });
  RONDE_RETURN_IF_ERROR(last.Wait());
  return ended.get_future().get();
}

// Three lives in one process.
Status Cycles() {
  for (int cycle = 0; cycle < 3; ++cycle) {
    RONDE_RETURN_IF_ERROR(InitSession(Config::FromEnvironment().value()));
    if (InitSession(Config()).code() != StatusCode::kInvalidArgument) {
      return Status::Internal("a second initialisation is no error");
    }
    RONDE_RETURN_IF_ERROR(UseSetsAndMemory(*CurrentSession().value()));
    RONDE_RETURN_IF_ERROR(cycle == 1 ? ShutDownInACallback() : ShutdownSession());
  }
  return Status::Ok();
}

using Fault = std::function<void()>;

std::map<std::string, Fault> Faults(const std::shared_ptr<Session>& session) {
  return {
      {"abort", [session] { session->Abort(Status::Aborted("disk full")); }},
      {"throw", [] { throw std::runtime_error("learning rate is NaN"); }},
      {"terminate", [] { std::terminate(); }},
      {"kill", Die},
      {"exit", [] { std::exit(3); }},
      {"_exit", [] { _exit(3); }},
      {"stop", [] { raise(SIGSTOP); }},
      {"late", [] { pause(); }},
      {"term", [] { kill(getpid(), SIGTERM); }},
      {"int", [] { kill(getpid(), SIGINT); }},
      {"none", [] {}},
  };
}

int Run(const std::string& phase, const std::string& fault_name) {
  if (phase == "cycles") {
    const Status status = Cycles();
    Say("got 0 " + status.ToString());
    return ExitCodeFor(status);
  }
  EndOnSignals();
  const Status initialised = InitSession(Config::FromEnvironment().value());
  if (!initialised.ok()) {
    Say("got 0 " + initialised.ToString());
    return ExitCodeFor(initialised);
  }
  const std::shared_ptr<Session> session = CurrentSession().value();
  if (phase == "after-shutdown") return Report(*session, AfterShutdown(*session));
  const Fault fault = Faults(session).at(fault_name);
  Status status = session->BarrierAsync("together").Wait();
  if (!status.ok()) return Report(*session, status);
  if (phase == "negotiate" || phase == "silence") status = WhileNegotiating(*session, fault);
  if (phase == "data") status = WhileReducing(*session, fault);
  if (phase == "callback") status = InACallback(*session, fault);
  if (phase == "add-set") status = InAddProcessSet(*session, fault);
  return Report(*session, status);
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return ronde::Run(argv[1], argc > 2 ? argv[2] : "none");
}
