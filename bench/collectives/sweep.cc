#include "bench/collectives/sweep.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/collectives/data_pattern.h"
#include "bench/collectives/engine_runner.h"
#include "bench/collectives/peers/peer_table.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

// Contenders take turns in this many rounds.
constexpr int kRounds = 5;

using Buffer = std::shared_ptr<std::byte>;

struct Buffers {
  Buffer input;
  Buffer output;
};

struct Contender {
  AllreduceRunner* runner;
  const Buffers* buffers;
  bool supported = true;
  std::vector<double> samples[2];
};

class Sweeper {
 public:
  Sweeper(const BenchOptions& options, const Config& config, DirectRunner& direct)
      : options_(options), direct_(direct), engine_(config) {
    for (const std::string& name : options.peers) {
      for (const PeerEntry& entry : Peers()) {
        if (entry.name == name) peers_.push_back(entry.make());
      }
    }
  }

  Result<Row> MeasureRow(DataType dtype, ReduceOp op, std::int64_t size_bytes) {
    Row row;
    row.collective = options_.collective;
    row.path = options_.engine_path ? "engine" : "direct";
    row.buffers = options_.registered_buffers ? "registered" : "private";
    row.dtype = dtype;
    row.op = op;
    row.ranks = direct_.size();
    row.count = std::max<std::int64_t>(1, size_bytes / static_cast<std::int64_t>(SizeOf(dtype)));
    row.size_bytes = row.count * static_cast<std::int64_t>(SizeOf(dtype));
    RONDE_RETURN_IF_ERROR(Allocate(row));

    std::vector<Contender> contenders;
    AllreduceRunner& ronde =
        options_.engine_path ? static_cast<AllreduceRunner&>(engine_) : direct_;
    contenders.push_back({&ronde, &own_, true, {}});
    for (const auto& peer : peers_) {
      contenders.push_back({peer.get(), &peers_buffers_, true, {}});
      contenders.back().supported = peer->Supports(Arguments(row, peers_buffers_, false));
    }
    RONDE_RETURN_IF_ERROR(TimeInTurns(row, contenders));
    if (options_.check) RONDE_RETURN_IF_ERROR(Check(ronde, row));
    return Finish(std::move(row), contenders);
  }

 private:
  // Peers run in ordinary memory whatever Ronde runs in: they cannot ask for anything else.
  Status Allocate(const Row& row) {
    RONDE_RETURN_IF_ERROR(Allocate(row, options_.registered_buffers, own_));
    if (peers_.empty()) return Status::Ok();
    return Allocate(row, /*registered=*/false, peers_buffers_);
  }

  Status Allocate(const Row& row, bool registered, Buffers& buffers) {
    const auto bytes = static_cast<std::size_t>(row.size_bytes);
    RONDE_ASSIGN_OR_RETURN(buffers.input, AllocateBuffer(bytes, registered));
    RONDE_ASSIGN_OR_RETURN(buffers.output, AllocateBuffer(bytes, registered));
    FillPattern(buffers.input.get(), row.count, row.dtype, row.op, direct_.rank());
    std::memcpy(buffers.output.get(), buffers.input.get(), bytes);
    return Status::Ok();
  }

  Result<Buffer> AllocateBuffer(std::size_t size_bytes, bool registered) {
    if (registered) return direct_.AllocateRegistered(size_bytes);
    // Ordinary malloc'd memory, as a user of any of these libraries has it.
    Buffer buffer(static_cast<std::byte*>(std::malloc(size_bytes)),
                  [](std::byte* memory) { std::free(memory); });
    if (buffer != nullptr) return buffer;
    return Status::Unavailable(
        StrCat("no memory for two buffers of ", size_bytes, " bytes; choose a smaller -e"));
  }

  [[nodiscard]] AllreduceArguments Arguments(const Row& row, const Buffers& buffers,
                                             bool in_place) const {
    AllreduceArguments arguments;
    arguments.input = in_place ? buffers.output.get() : buffers.input.get();
    arguments.output = buffers.output.get();
    arguments.count = row.count;
    arguments.dtype = row.dtype;
    arguments.op = row.op;
    const auto size_bytes = static_cast<std::size_t>(row.size_bytes);
    arguments.input_place = direct_.Find(arguments.input, size_bytes);
    arguments.output_place = direct_.Find(arguments.output, size_bytes);
    return arguments;
  }

  Status TimeInTurns(Row& row, std::vector<Contender>& contenders) {
    const int rounds = std::min(kRounds, options_.iterations);
    for (int round = 0; round < rounds; ++round) {
      // Spread the samples over the rounds without losing a remainder.
      const int samples =
          options_.iterations * (round + 1) / rounds - options_.iterations * round / rounds;
      for (Contender& contender : contenders) {
        if (!contender.supported) continue;
        RONDE_RETURN_IF_ERROR(contender.runner->Begin());
        if (round == 0 && &contender == &contenders.front()) {
          row.algorithm = contender.runner->AlgorithmFor(Arguments(row, own_, false));
        }
        for (const bool in_place : {false, true}) {
          const Buffers& buffers = *contender.buffers;
          const AllreduceArguments arguments = Arguments(row, buffers, in_place);
          // Repeated sums in place grow without bound; every round starts from the pattern again.
          std::memcpy(buffers.output.get(), buffers.input.get(),
                      static_cast<std::size_t>(row.size_bytes));
          const int warmup = round == 0 ? options_.warmup_iterations : 1;
          for (int i = 0; i < warmup; ++i) RONDE_RETURN_IF_ERROR(contender.runner->Run(arguments));
          RONDE_RETURN_IF_ERROR(
              TimeCalls(*contender.runner, arguments, samples, contender.samples[in_place]));
        }
        contender.runner->End();
      }
    }
    return Status::Ok();
  }

  Status Check(AllreduceRunner& runner, Row& row) {
    RONDE_RETURN_IF_ERROR(runner.Begin());
    for (const bool in_place : {false, true}) {
      const auto bytes = static_cast<std::size_t>(row.size_bytes);
      if (in_place) {
        std::memcpy(own_.output.get(), own_.input.get(), bytes);
      } else {
        std::memset(own_.output.get(), 0xff, bytes);  // an untouched element must not look right
      }
      RONDE_RETURN_IF_ERROR(runner.Run(Arguments(row, own_, in_place)));
      row.wrong[in_place] = CountWrong(own_.output.get(), row.count, row.dtype, row.op, row.ranks);
    }
    runner.End();
    std::vector<double> wrong = {static_cast<double>(row.wrong[0]),
                                 static_cast<double>(row.wrong[1])};
    RONDE_RETURN_IF_ERROR(direct_.Sum(wrong));
    row.wrong[0] = static_cast<std::int64_t>(wrong[0]);
    row.wrong[1] = static_cast<std::int64_t>(wrong[1]);
    row.checked = true;
    return Status::Ok();
  }

  Result<Row> Finish(Row row, std::vector<Contender>& contenders) {
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      Timing timing[2];
      for (int place = 0; place < 2; ++place) {
        RONDE_RETURN_IF_ERROR(direct_.Max(contenders[i].samples[place]));
        timing[place] = Summarize(contenders[i].samples[place]);
      }
      if (i == 0) {
        std::copy(std::begin(timing), std::end(timing), std::begin(row.timing));
      } else {
        row.peers.push_back(
            {options_.peers[i - 1], contenders[i].supported, {timing[0], timing[1]}});
      }
    }
    return row;
  }

  const BenchOptions& options_;
  DirectRunner& direct_;
  EngineRunner engine_;
  std::vector<std::unique_ptr<AllreduceRunner>> peers_;
  Buffers own_;
  Buffers peers_buffers_;  // only where there are peers
};

}  // namespace

Status Sweep(const BenchOptions& options, const Config& config, DirectRunner& direct,
             const std::function<void(const Row&)>& sink) {
  Sweeper sweeper(options, config, direct);
  for (const DataType dtype : options.dtypes) {
    for (const ReduceOp op : options.ops) {
      for (const std::int64_t size : SizesOf(options)) {
        RONDE_ASSIGN_OR_RETURN(const Row row, sweeper.MeasureRow(dtype, op, size));
        sink(row);
      }
    }
  }
  return Status::Ok();
}

}  // namespace ronde::bench
