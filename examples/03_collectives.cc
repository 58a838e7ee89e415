// Collectives from C++: asynchronous allreduces that ranks submit in different orders, a sharded
// update in registered memory, and the periodic model average, on a Session that this program owns.
//
//   build/bin/03_collectives                    one process
//   build/bin/ronderun -np 2 03_collectives     two
//
// Prints one line a rank; exit code 1 when a result is wrong or an operation failed.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/strcat.h"
#include "frontends/session/session.h"

namespace {

constexpr int kTensors = 4;
constexpr std::int64_t kCount = 1000;

using Tensor = std::vector<float>;

ronde::TensorView View(Tensor& tensor) {
  return {tensor.data(), ronde::DataType::kFloat32, {static_cast<std::int64_t>(tensor.size())}};
}

ronde::Status Expect(const Tensor& tensor, float expected, const std::string& what) {
  const auto close = [&](float x) {
    return std::abs(x - expected) <= 1e-5F * (1 + std::abs(expected));
  };
  if (std::all_of(tensor.begin(), tensor.end(), close)) return ronde::Status::Ok();
  return ronde::Status::Internal(ronde::StrCat(what, ": expected ", expected));
}

// As a backward pass does: every tensor as soon as it is ready, whenever that is on this rank.
ronde::Status AverageGradients(ronde::Session& session) {
  std::vector<Tensor> gradients;
  for (int i = 0; i < kTensors; ++i) gradients.emplace_back(kCount, 2.0F * session.rank() + i);
  std::vector<ronde::Handle> handles;
  for (int k = 0; k < kTensors; ++k) {
    const int i = (k + session.rank()) % kTensors;  // another order on every rank
    const ronde::TensorView view = View(gradients[i]);
    handles.push_back(session.AllreduceAsync(ronde::StrCat("gradient", i), view, view));
  }
  // ...compute something else meanwhile...
  for (const ronde::Handle& handle : handles) RONDE_RETURN_IF_ERROR(handle.Wait());
  for (int i = 0; i < kTensors; ++i) {
    const float mean = static_cast<float>(session.size() - 1 + i);
    RONDE_RETURN_IF_ERROR(Expect(gradients[i], mean, ronde::StrCat("gradient", i)));
  }
  return ronde::Status::Ok();
}

// A sharded optimizer: every rank gets the sum of its share of the gradients, updates its share of
// the parameters, and all ranks get all of them. In registered memory no rank copies in or out.
ronde::Status UpdateInShards(ronde::Session& session) {
  const std::int64_t shard = kCount;
  const std::int64_t count = shard * session.size();
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  RONDE_ASSIGN_OR_RETURN(const auto gradients, session.Allocate(bytes));
  RONDE_ASSIGN_OR_RETURN(const auto parameters, session.Allocate(bytes));
  auto* const gradient = reinterpret_cast<float*>(gradients.get());
  auto* const parameter = reinterpret_cast<float*>(parameters.get());
  std::fill_n(gradient, count, static_cast<float>(session.rank()));

  const auto view = [](float* data, std::int64_t size) {
    return ronde::TensorView(data, ronde::DataType::kFloat32, {size});
  };
  const std::int64_t begin = shard * session.rank();
  const ronde::TensorView mine = view(gradient + begin, shard);
  RONDE_RETURN_IF_ERROR(session.ReducescatterAsync("shard", view(gradient, count), mine).Wait());
  for (std::int64_t i = begin; i < begin + shard; ++i) parameter[i] -= gradient[i];
  RONDE_RETURN_IF_ERROR(
      session.AllgatherAsync("parameters", view(parameter + begin, shard), view(parameter, count))
          .Wait());
  return Expect(Tensor(parameter, parameter + count), -static_cast<float>(session.size() - 1) / 2,
                "parameters updated in shards");
}

// Two steps that all ranks take alike, then local steps with an average after every third.
ronde::Status TrainLocally(ronde::Session& session, int* averages) {
  const ronde::AverageSchedule schedule{.period = 3, .origin = 2};
  Tensor model(kCount, 1.0F);
  for (std::int64_t step = 1; step <= 8; ++step) {
    const float update = step <= schedule.origin ? 1.0F : 2.0F * session.rank();
    for (float& parameter : model) parameter += update;
    const ronde::Handle handle = session.AverageModelAsync("model", View(model), schedule, step);
    RONDE_RETURN_IF_ERROR(handle.Wait());
    *averages += handle.result().performed ? 1 : 0;  // after steps 5 and 8
  }
  return Expect(model, static_cast<float>(3 + 6 * (session.size() - 1)), "averaged model");
}

ronde::Status Run() {
  RONDE_ASSIGN_OR_RETURN(const ronde::Config config, ronde::Config::FromEnvironment());
  RONDE_ASSIGN_OR_RETURN(const auto session, ronde::Session::Create(config));
  RONDE_RETURN_IF_ERROR(AverageGradients(*session));
  RONDE_RETURN_IF_ERROR(UpdateInShards(*session));
  int averages = 0;
  RONDE_RETURN_IF_ERROR(TrainLocally(*session, &averages));
  if (averages != 2) return ronde::Status::Internal("averages are due after steps 5 and 8");
  std::printf("rank %d of %d: %d gradients averaged, %d model averages\n", session->rank(),
              session->size(), kTensors, averages);
  return session->Shutdown();
}

}  // namespace

int main() {
  const ronde::Status status = Run();
  if (!status.ok()) std::fprintf(stderr, "03_collectives: %s\n", status.message().c_str());
  return ronde::ExitCodeFor(status);
}
