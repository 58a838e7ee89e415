#include "collectives/host_facts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "collectives/autotune_output.h"
#include "collectives/shared/set_up_exchange.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/base/text_file.h"
#include "core/comm/host_identity.h"
#include "core/comm/topology_file.h"

namespace ronde {
namespace {

// CPU numbers are folded into this many bits; larger machines are counted too small.
constexpr int kMaskWords = 64;
constexpr int kNoLimit = 1 << 30;

using Text = std::array<char, 512>;
using CpuMask = std::array<std::uint64_t, kMaskWords>;

// What a rank tells the others of its host.
struct RankRecord {
  CpuMask cpus{};
  std::int32_t quota_cores = kNoLimit;  // of its control group
  std::int32_t packages = 0;
  std::int32_t bound_package = -1;
  std::int64_t cache_bytes = 0;
  std::int64_t tuning_bytes = 0;  // of rank 0's tuning file
  Text error{};
};

// What the hosts tell each other.
struct HostRecord {
  Crowding crowding;
  std::array<char, 64> machine{};  // empty: its own
  CpuMask cpus{};
  std::int64_t tuning_bytes = 0;
  Text error{};
};

RankRecord RecordOf(const Topology& topology) {
  RankRecord record;
  for (const int cpu : topology.allowed_cpus) {
    const auto bit = static_cast<unsigned>(cpu) % (kMaskWords * 64);
    record.cpus[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  const bool limited = topology.available_cores < static_cast<int>(topology.allowed_cpus.size());
  if (limited || topology.allowed_cpus.empty()) record.quota_cores = topology.available_cores;
  record.packages = topology.packages;
  record.bound_package = BoundPackage(topology);
  record.cache_bytes = topology.l3_bytes;
  return record;
}

template <typename Record>
CpuMask CpusOf(const std::vector<Record>& records) {
  CpuMask together{};
  for (const Record& record : records) {
    for (int word = 0; word < kMaskWords; ++word) together[word] |= record.cpus[word];
  }
  return together;
}

int Count(const CpuMask& cpus) {
  int count = 0;
  for (const std::uint64_t word : cpus) count += std::popcount(word);
  return count;
}

int CoresOf(const std::vector<RankRecord>& ranks) {
  int cores = Count(CpusOf(ranks));
  if (cores == 0) cores = kNoLimit;  // a topology file that names no CPUs
  for (const RankRecord& rank : ranks) cores = std::min(cores, rank.quota_cores);
  return cores;
}

std::vector<int> PackagesOf(const std::vector<RankRecord>& ranks) {
  const int packages = std::max(1, ranks.front().packages);
  std::vector<int> of_rank;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const auto spread = static_cast<int>(rank * static_cast<std::size_t>(packages) / ranks.size());
    of_rank.push_back(ranks[rank].bound_package >= 0 ? ranks[rank].bound_package : spread);
  }
  std::vector<int> used = of_rank;
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  for (int& package : of_rank) {
    package = static_cast<int>(std::lower_bound(used.begin(), used.end(), package) - used.begin());
  }
  return of_rank;
}

template <typename Record>
void Merge(const Record& one, HostRecord& into) {
  into.tuning_bytes = std::max(into.tuning_bytes, one.tuning_bytes);
  if (into.error[0] == 0) into.error = one.error;
}

// Zero, which is unknown, gives way to what is known.
void TakeLesser(std::int64_t one, std::int64_t& least) {
  if (one > 0 && (least == 0 || one < least)) least = one;
}

HostRecord Summarize(const std::vector<RankRecord>& ranks) {
  HostRecord host;
  host.crowding.ranks_per_host = static_cast<int>(ranks.size());
  host.crowding.cores = CoresOf(ranks);
  host.cpus = CpusOf(ranks);
  for (const RankRecord& rank : ranks) {
    TakeLesser(rank.cache_bytes, host.crowding.cache_bytes);
    Merge(rank, host);
  }
  return host;
}

// Of the machine that `host` is, where it is others', too.
double RanksPerSharedCore(const HostRecord& host, const std::vector<HostRecord>& hosts) {
  std::vector<HostRecord> together;
  int ranks = 0;
  for (const HostRecord& other : hosts) {
    if (host.machine[0] == 0 || other.machine != host.machine) continue;
    together.push_back(other);
    ranks += other.crowding.ranks_per_host;
  }
  const int cores = Count(CpusOf(together));
  return together.size() < 2 || cores == 0 ? 1 : static_cast<double>(ranks) / cores;
}

HostRecord Summarize(const std::vector<HostRecord>& hosts) {
  HostRecord job = hosts.front();
  for (const HostRecord& host : hosts) {
    job.crowding.ranks_per_host =
        std::max(job.crowding.ranks_per_host, host.crowding.ranks_per_host);
    job.crowding.cores = std::min(job.crowding.cores, host.crowding.cores);
    TakeLesser(host.crowding.cache_bytes, job.crowding.cache_bytes);
    job.crowding.ranks_per_shared_core =
        std::max(job.crowding.ranks_per_shared_core, RanksPerSharedCore(host, hosts));
    Merge(host, job);
  }
  return job;
}

// What this rank brings along.
struct Luggage {
  RankRecord record;
  std::string machine;
  std::string tuning;  // the file's text, on rank 0

  Status Collect(const Config& config, bool reads_tuning) {
    RONDE_ASSIGN_OR_RETURN(const Topology topology, TopologyFor(config));
    record = RecordOf(topology);
    machine = MachineKey(topology);
    if (!reads_tuning) return Status::Ok();
    RONDE_RETURN_IF_ERROR(AutotuneOutput::Check(config, machine));
    const std::string& path = config.GetText(Setting::kTuningFile);
    if (path.empty()) return Status::Ok();
    const std::string_view flag = SpecOf(Setting::kTuningFile).flag;
    Result<std::string> text = ReadTextFile(path);
    if (!text.ok()) {
      return Status::InvalidArgument(StrCat(flag, ": ", text.status().message()));
    }
    tuning = std::move(text).value();
    const Result<TuningFile> file =
        TuningFromJson(tuning, StrCat(flag, ": tuning file '", path, "'"));
    if (!file.ok()) return file.status();
    record.tuning_bytes = static_cast<std::int64_t>(tuning.size());
    return Status::Ok();
  }
};

Result<HostRecord> AgreeOnJob(Communicator& world, const std::vector<RankRecord>& ranks,
                              const std::string& machine, const Deadline& deadline) {
  Transport& local = world.local().transport();
  HostRecord job;
  if (local.rank() == 0) {
    Transport& leaders = world.cross().transport();
    std::vector<HostRecord> hosts(static_cast<std::size_t>(leaders.size()));
    HostRecord& own = hosts[static_cast<std::size_t>(leaders.rank())];
    own = Summarize(ranks);
    std::memcpy(own.machine.data(), machine.data(), std::min(machine.size(), own.machine.size()));
    RONDE_RETURN_IF_ERROR(ExchangeRecords(leaders, &hosts, deadline));
    job = Summarize(hosts);
  }
  RONDE_RETURN_IF_ERROR(ShareBytes(local, std::as_writable_bytes(std::span(&job, 1)), deadline));
  return job;
}

// From rank 0 of the world, which leads its host, to all.
Status ShareText(Communicator& world, std::string& text, const Deadline& deadline) {
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(text));
  if (world.local().rank() == 0) {
    RONDE_RETURN_IF_ERROR(ShareBytes(world.cross().transport(), bytes, deadline));
  }
  return ShareBytes(world.local().transport(), bytes, deadline);
}

std::optional<Tuning> EntryFor(const TuningFile& file, Communicator& world,
                               const std::string& machine) {
  const Tuning* const entry = file.Find(world.size(), world.host_count());
  const bool speaks = world.rank() == 0;
  if (entry == nullptr) {
    if (speaks) {
      Log(LogLevel::kWarning, "--tuning-file has no entry for ", world.size(), " ranks on ",
          world.host_count(), world.host_count() == 1 ? " host" : " hosts",
          ", and is ignored; `ronde-bench --calibrate` adds one");
    }
    return std::nullopt;
  }
  if (speaks && file.machine != machine) {
    Log(LogLevel::kWarning, "--tuning-file was measured on another machine (", file.machine,
        ") than this (", machine, "); `ronde-bench --calibrate` measures this one");
  }
  return *entry;
}

}  // namespace

Result<HostFacts> AgreeOnHosts(Communicator& world, const Config& config,
                               const Deadline& deadline) {
  Luggage own;
  const Status collected = own.Collect(config, world.rank() == 0);
  if (!collected.ok()) {
    const std::size_t length = std::min(collected.message().size(), own.record.error.size() - 1);
    std::memcpy(own.record.error.data(), collected.message().data(), length);
  }
  Transport& local = world.local().transport();
  std::vector<RankRecord> ranks(static_cast<std::size_t>(local.size()));
  ranks[static_cast<std::size_t>(local.rank())] = own.record;
  RONDE_RETURN_IF_ERROR(ExchangeRecords(local, &ranks, deadline));
  // A topology file speaks of a machine of its own.
  const bool detected = config.GetText(Setting::kTopology) == "auto";
  RONDE_ASSIGN_OR_RETURN(const HostRecord job,
                         AgreeOnJob(world, ranks, detected ? MachineId() : "", deadline));
  if (job.error[0] != 0) return Status::InvalidArgument(job.error.data());

  HostFacts facts;
  facts.local_packages = PackagesOf(ranks);
  facts.local_cores = detected ? CoresOf(ranks) : AvailableCores();
  facts.crowding = job.crowding;
  if (job.tuning_bytes == 0) return facts;
  own.tuning.resize(static_cast<std::size_t>(job.tuning_bytes));
  RONDE_RETURN_IF_ERROR(ShareText(world, own.tuning, deadline));
  RONDE_ASSIGN_OR_RETURN(const TuningFile file, TuningFromJson(own.tuning, "--tuning-file"));
  facts.tuning = EntryFor(file, world, own.machine);
  return facts;
}

}  // namespace ronde
