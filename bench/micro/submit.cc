#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/base/strcat.h"
#include "core/comm/transports/in_process.h"
#include "frontends/session/session.h"

namespace ronde {
namespace {

constexpr std::int64_t kElements = 16;

// The tensors of one rank's step. Names are as long as those of a deep network.
class Step {
 public:
  explicit Step(std::size_t tensors) : values_(tensors, std::vector<float>(kElements, 1.0F)) {
    for (std::size_t i = 0; i < tensors; ++i) {
      names_.push_back(StrCat("module.layer", i, ".0.conv2.weight"));
    }
    handles_.reserve(tensors);
  }
  // Returns the seconds until all of them have been handed over.
  double Submit(Session& session) {
    handles_.clear();
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const TensorView tensor(values_[i].data(), DataType::kFloat32, {kElements});
      handles_.push_back(session.AllreduceAsync(names_[i], tensor, tensor));
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  bool Wait() const {
    for (const Handle& handle : handles_) {
      if (!handle.Wait().ok()) return false;
    }
    return true;
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::vector<float>> values_;
  std::vector<Handle> handles_;
};

std::unique_ptr<Session> Open(std::unique_ptr<Transport> transport) {
  return std::move(Session::CreateOn(std::move(transport), Config()).value());
}

// What one submission takes a thread that computes gradients, two ranks in this process. Time and
// items are those of rank 0's submissions; what follows them is not timed.
void Submit(benchmark::State& state) {
  const auto tensors = static_cast<std::size_t>(state.range(0));
  auto transports = MakeInProcessWorld(2);
  auto peer = std::async(std::launch::async, Open, std::move(transports[1]));
  const std::unique_ptr<Session> mine = Open(std::move(transports[0]));
  const std::unique_ptr<Session> other = peer.get();
  Step my_step(tensors);
  Step other_step(tensors);
  for (auto _ : state) {
    state.SetIterationTime(my_step.Submit(*mine));
    other_step.Submit(*other);
    if (!my_step.Wait() || !other_step.Wait()) state.SkipWithError("an allreduce failed");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(tensors));
  auto leaving = std::async(std::launch::async, [&other] { (void)other->Shutdown(); });
  (void)mine->Shutdown();
}

BENCHMARK(Submit)->Name("submit")->ArgName("tensors")->Arg(1)->Arg(161)->UseManualTime();

}  // namespace
}  // namespace ronde
