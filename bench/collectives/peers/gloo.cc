#include <unistd.h>

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include <gloo/allreduce.h>
#include <gloo/barrier.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/transport/tcp/device.h>

#include "bench/collectives/peers/gloo_operations.h"
#include "bench/collectives/peers/gloo_store.h"
#include "bench/collectives/peers/peer_table.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// Calls that are kept ready: more than one step of the largest model has.
constexpr std::size_t kMostPrepared = 1000;

// Loopback where all ranks share a host, else what this host's name stands for.
std::string DeviceAddress(CollectiveContext& context) {
  Transport& transport = context.transport();
  for (int rank = 0; rank < transport.size(); ++rank) {
    if (transport.host_id(rank) != transport.host_id(0)) {
      std::array<char, 256> name{};
      gethostname(name.data(), name.size() - 1);
      return name.data();
    }
  }
  return "127.0.0.1";
}

// What gloo throws becomes a status.
Status Guarded(const std::function<void()>& action) {
  try {
    action();
    return Status::Ok();
  } catch (const std::exception& error) {
    return Status::Unavailable(StrCat("--peers gloo: ", error.what()));
  }
}

// Gloo over TCP, its only transport on ordinary machines. Where it has several algorithms, the
// fastest of them for each call is found before timing, as a careful user would.
class GlooPeer final : public CollectiveRunner {
 public:
  explicit GlooPeer(CollectiveContext& context) : ronde_(context) {}

  [[nodiscard]] bool Supports(const CollectiveCall& call) const override {
    return ronde_.size() > 1 && GlooSupports(call);
  }

  Status Begin() override {
    if (context_ != nullptr || ronde_.size() == 1) return Status::Ok();
    return Guarded([this] {
      auto device = gloo::transport::tcp::CreateDevice(DeviceAddress(ronde_).c_str());
      auto context = std::make_shared<gloo::rendezvous::Context>(ronde_.rank(), ronde_.size());
      GlooStore store(ronde_);
      context->connectFullMesh(store, device);
      context_ = std::move(context);
    });
  }

  Status Prepare(const CollectiveCall& call) override {
    if (prepared_.size() >= kMostPrepared) prepared_.clear();
    Prepared& prepared = prepared_[KeyOf(call)];
    if (prepared.For(call)) return Status::Ok();
    prepared = {};
    return Guarded([this, &call, &prepared] {
      prepared = {call, Fastest(GlooOperationsFor(context_, call), call)};
    });
  }

  Status Run(const CollectiveCall& call) override {
    const Prepared& prepared = prepared_[KeyOf(call)];
    if (!prepared.For(call)) return Status::Internal("gloo's call was not prepared");
    return Guarded(prepared.operation.run);
  }

  Status Barrier() override {
    return Guarded([this] {
      gloo::BarrierOptions options(context_);
      gloo::barrier(options);
    });
  }

  void End() override {}

  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall& call) override {
    return prepared_[KeyOf(call)].operation.name;
  }

 private:
  struct Prepared {
    CollectiveCall call;
    GlooOperation operation;

    [[nodiscard]] bool For(const CollectiveCall& other) const {
      return operation.run != nullptr && call.collective == other.collective &&
             call.input == other.input && call.output == other.output &&
             call.layout.count == other.layout.count && call.dtype == other.dtype &&
             call.op == other.op && call.root == other.root;
    }
  };

  // What is kept of a call for a buffer that was freed since is replaced when it is used again.
  using Key = std::pair<const void*, bool>;
  static Key KeyOf(const CollectiveCall& call) { return {call.output, call.in_place}; }

  // Equal on all ranks: the slowest rank's time decides.
  GlooOperation Fastest(std::vector<GlooOperation> operations, const CollectiveCall& call) {
    if (operations.size() == 1) return std::move(operations.front());
    const int calls = call.layout.size_bytes > (16 << 20) ? 2 : 10;
    double least = std::numeric_limits<double>::infinity();
    std::size_t best = 0;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      operations[i].run();
      const SteadyClock clock;
      const std::int64_t start_ns = clock.NowNs();
      for (int n = 0; n < calls; ++n) operations[i].run();
      const double slowest = SlowestRank(static_cast<double>(clock.NowNs() - start_ns));
      if (slowest < least) {
        least = slowest;
        best = i;
      }
    }
    return std::move(operations[best]);
  }

  double SlowestRank(double mine) {
    gloo::AllreduceOptions options(context_);
    options.setOutput(&mine, 1);
    options.setReduceFunction(
        static_cast<void (*)(void*, const void*, const void*, std::size_t)>(&gloo::max<double>));
    gloo::allreduce(options);
    return mine;
  }

  CollectiveContext& ronde_;
  std::shared_ptr<gloo::Context> context_;
  std::map<Key, Prepared> prepared_;
};

}  // namespace

std::unique_ptr<CollectiveRunner> MakeGlooPeer(const PeerPlace& place) {
  return std::make_unique<GlooPeer>(place.context);
}

}  // namespace ronde::bench
