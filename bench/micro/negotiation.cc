#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "core/base/strcat.h"
#include "core/control/negotiator.h"

namespace ronde {
namespace {

// One step's negotiation on the coordinator, without transport: every rank requests every tensor,
// each rank in an order of its own. Items are requests.
void Negotiate(benchmark::State& state) {
  const auto tensors = static_cast<int>(state.range(0));
  const auto ranks = static_cast<int>(state.range(1));
  std::vector<Request> requests;
  for (int i = 0; i < tensors; ++i) {
    Request request;
    request.name = StrCat("layer", i, ".weight");
    request.shape = {64, i + 1};
    requests.push_back(std::move(request));
  }
  Negotiator negotiator(ranks);
  for (auto _ : state) {
    for (int rank = 0; rank < ranks; ++rank) {
      for (int i = 0; i < tensors; ++i) {
        const auto index = static_cast<std::size_t>((i + rank * 7) % tensors);
        if (!negotiator.AddRequest(rank, requests[index], 0).ok()) {
          state.SkipWithError("the negotiator refused a request");
          return;
        }
      }
    }
    ResponseList ready = negotiator.TakeReady();
    benchmark::DoNotOptimize(ready);
  }
  state.SetItemsProcessed(state.iterations() * tensors * ranks);
}

BENCHMARK(Negotiate)
    ->Name("negotiate")
    ->ArgNames({"tensors", "ranks"})
    ->ArgsProduct({{1, 161, 1000}, {2, 8, 64}});

}  // namespace
}  // namespace ronde
