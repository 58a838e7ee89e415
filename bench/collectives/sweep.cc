#include "bench/collectives/sweep.h"

#include <algorithm>
#include <memory>

#include "bench/collectives/bound_runner.h"
#include "bench/collectives/contender.h"
#include "bench/collectives/device_runner.h"
#include "bench/collectives/engine_runner.h"
#include "bench/collectives/peers/peer_table.h"
#include "core/base/clock.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// Contenders take turns in this many rounds.
constexpr int kRounds = 5;

// Ranks that have just been started share cores until the scheduler has spread them.
constexpr double kSpreadingMs = 50;

class Sweeper {
 public:
  Sweeper(const BenchOptions& options, const Config& config, DirectRunner& direct,
          const SweepParts& parts)
      : options_(options),
        direct_(direct),
        parts_(parts),
        engine_(config, parts.make_session, parts.device) {
    for (const std::string& name : options.peers) {
      for (const PeerEntry& entry : Peers()) {
        if (entry.name == name) peers_.push_back(entry.make({direct.context(), parts.device}));
      }
    }
  }

  /// Collective: what the rows need on a device.
  Status Prepare(const Config& config) {
    if (parts_.device == nullptr || options_.engine_path) return Status::Ok();
    RONDE_ASSIGN_OR_RETURN(device_, DeviceRunner::Create(direct_, *parts_.device, config));
    return Status::Ok();
  }

  /// Whether the settings let Ronde make this call, before anything is measured. A session chooses
  /// as the bare path does; what a device takes, only its own table knows.
  Status CheckCall(const CollectiveCall& call) {
    if (parts_.device != nullptr) return Status::Ok();
    CollectiveCall placed = call;
    if (options_.registered_buffers) {
      placed.input_place = {.block = 1, .offset = 0};
      placed.output_place = {.block = 2, .offset = 0};
    }
    return direct_.CheckChoice(placed);
  }

  Result<Row> MeasureRow(const CollectiveCall& call) {
    Row row = RowFor(call);
    CollectiveRunner& ronde = Ronde();
    if (!ronde.Supports(call)) {
      return Status::Unavailable(StrCat(Name(call.collective), " of ", Name(call.dtype),
                                        ": --device ", Name(options_.device),
                                        " has no bare form of it here; use --path engine"));
    }
    std::vector<Contender> contenders;
    contenders.reserve(1 + peers_.size() + 2);  // they refer to one another
    contenders.emplace_back(ronde, call, options_.registered_buffers, direct_.rank());
    // Peers run in ordinary memory whatever Ronde runs in: they cannot ask for anything else.
    for (const auto& peer : peers_) contenders.emplace_back(*peer, call, false, direct_.rank());

    const std::size_t rivals = contenders.size();
    if (options_.bounds) {
      for (BoundRunner* const runner : {&read_and_write_, &read_}) {
        contenders.emplace_back(*runner, call, options_.registered_buffers, direct_.rank());
        contenders.back().UseBuffersOf(contenders.front());
      }
    }
    RONDE_RETURN_IF_ERROR(TimeInTurns(contenders));
    for (std::size_t i = 0; i < rivals; ++i) {
      RONDE_RETURN_IF_ERROR(i == 0 ? FinishRonde(contenders[i], row)
                                   : FinishPeer(contenders[i], options_.peers[i - 1], row));
    }
    if (options_.bounds) {
      RONDE_RETURN_IF_ERROR(
          FinishBound(contenders[0], contenders[rivals], contenders[rivals + 1], row));
    }
    return row;
  }

 private:
  [[nodiscard]] CollectiveRunner& Ronde() {
    if (options_.engine_path) return engine_;
    if (device_ != nullptr) return *device_;
    return direct_;
  }

  [[nodiscard]] Row RowFor(const CollectiveCall& call) const {
    Row row;
    row.collective = call.collective;
    row.path = options_.engine_path ? "engine" : "direct";
    row.device = Name(options_.device);
    row.buffers = options_.registered_buffers ? "registered" : "private";
    row.dtype = call.dtype;
    row.op = call.op;
    row.root = call.root;
    row.ranks = direct_.size();
    row.samples = options_.iterations;
    row.rules = options_.rules;
    row.count = call.layout.count;
    row.size_bytes = call.layout.size_bytes;
    row.checked = options_.check_calls > 0;
    return row;
  }

  Status TimeInTurns(std::vector<Contender>& contenders) {
    for (Contender& contender : contenders) {
      RONDE_RETURN_IF_ERROR(contender.WarmUp(direct_, options_.warmup_iterations));
    }
    const int rounds = std::min(kRounds, options_.iterations);
    for (int round = 0; round < rounds; ++round) {
      // Spread the samples over the rounds without losing a remainder.
      const int samples =
          options_.iterations * (round + 1) / rounds - options_.iterations * round / rounds;
      for (Contender& contender : contenders) {
        RONDE_RETURN_IF_ERROR(contender.TakeTurn(options_.rules, samples));
      }
    }
    return Status::Ok();
  }

  Status Check(Contender& contender, const Row& row, std::int64_t* wrong) {
    if (!row.checked) return Status::Ok();
    RONDE_RETURN_IF_ERROR(contender.Check(options_.check_calls, row.ranks, wrong));
    std::vector<double> sums = {static_cast<double>(wrong[0]), static_cast<double>(wrong[1])};
    RONDE_RETURN_IF_ERROR(direct_.Sum(sums));
    std::transform(sums.begin(), sums.end(), wrong,
                   [](double sum) { return static_cast<std::int64_t>(sum); });
    return Status::Ok();
  }

  Status FinishRonde(Contender& contender, Row& row) {
    row.algorithm = contender.algorithm();
    RONDE_RETURN_IF_ERROR(Check(contender, row, row.wrong));
    return contender.Summarize(direct_, row.timing);
  }

  Status FinishPeer(Contender& contender, const std::string& name, Row& row) {
    Row::Peer peer;
    peer.name = name;
    peer.supported = contender.supported();
    peer.algorithm = contender.algorithm();
    RONDE_RETURN_IF_ERROR(Check(contender, row, peer.wrong));
    RONDE_RETURN_IF_ERROR(contender.Summarize(direct_, peer.timing));
    row.peers.push_back(peer);
    return Status::Ok();
  }

  Status FinishBound(const Contender& ronde, Contender& read_and_write, Contender& read, Row& row) {
    Row::Bound& bound = row.bound.emplace();
    bound.kernel = read_and_write.algorithm();
    RONDE_RETURN_IF_ERROR(read_and_write.Summarize(direct_, bound.timing));
    for (int place = 0; place < 2; ++place) {
      bound.percent[place] = 100 * MedianRatio(read_and_write.samples(place), ronde.samples(place));
    }
    Timing reads[2];
    RONDE_RETURN_IF_ERROR(read.Summarize(direct_, reads));
    bound.read = reads[0];
    return Status::Ok();
  }

  const BenchOptions& options_;
  DirectRunner& direct_;
  const SweepParts& parts_;
  EngineRunner engine_;
  std::unique_ptr<CollectiveRunner> device_;
  BoundRunner read_and_write_{direct_, BoundRunner::Kind::kReadAndWrite};
  BoundRunner read_{direct_, BoundRunner::Kind::kRead};
  std::vector<std::unique_ptr<CollectiveRunner>> peers_;
};

// In the order of the rows, without pointers and places.
std::vector<CollectiveCall> CallsOf(const BenchOptions& options, int ranks) {
  const std::vector<ReduceOp> ops =
      Reduces(options.collective) ? options.ops : std::vector<ReduceOp>{ReduceOp::kSum};
  std::vector<CollectiveCall> calls;
  for (const DataType dtype : options.dtypes) {
    for (const ReduceOp op : ops) {
      for (const std::int64_t size : SizesOf(options)) {
        CollectiveCall& call = calls.emplace_back();
        call.collective = options.collective;
        call.layout = LayoutOf(options.collective, size, dtype, ranks);
        call.dtype = dtype;
        call.op = op;
        call.root = options.root;
      }
    }
  }
  return calls;
}

}  // namespace

Status LetRanksSpread(DirectRunner& direct) {
  const SteadyClock clock;
  const std::int64_t start_ns = clock.NowNs();
  std::vector<double> elapsed_ms = {0};
  while (elapsed_ms[0] < kSpreadingMs) {
    for (int i = 0; i < 100; ++i) RONDE_RETURN_IF_ERROR(direct.Barrier());
    elapsed_ms[0] = static_cast<double>(clock.NowNs() - start_ns) / 1e6;
    RONDE_RETURN_IF_ERROR(direct.Max(elapsed_ms));
  }
  return Status::Ok();
}

Status Sweep(const BenchOptions& options, const Config& config, DirectRunner& direct,
             const SweepParts& parts, const std::function<void(const Row&)>& sink) {
  if (options.root >= direct.size()) {
    return Status::InvalidArgument(StrCat("-r ", options.root, ": there are ", direct.size(),
                                          " ranks; expected 0 to ", direct.size() - 1));
  }
  Sweeper sweeper(options, config, direct, parts);
  const std::vector<CollectiveCall> calls = CallsOf(options, direct.size());
  for (const CollectiveCall& call : calls) RONDE_RETURN_IF_ERROR(sweeper.CheckCall(call));
  RONDE_RETURN_IF_ERROR(LetRanksSpread(direct));
  RONDE_RETURN_IF_ERROR(sweeper.Prepare(config));
  for (const CollectiveCall& call : calls) {
    RONDE_ASSIGN_OR_RETURN(const Row row, sweeper.MeasureRow(call));
    sink(row);
  }
  return Status::Ok();
}

}  // namespace ronde::bench
