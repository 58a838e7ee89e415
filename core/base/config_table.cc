#include <array>

#include "core/base/config.h"

namespace ronde {
namespace {

using enum SettingType;

constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
constexpr double kDay = 86400;

constexpr std::array kTable = {
    SettingSpec{Setting::kAllreduceAlgorithm, "RONDE_ALLREDUCE_ALGORITHM", "--allreduce-algorithm",
                "Collectives", kText, "auto", 0, 0, "",
                "algorithm of every allreduce: auto, NAME (ronde-info lists them), or rules "
                "NAME[:min-max],... of which the first that covers the size in bytes wins, as in "
                "recursive_doubling:-64K,ring:1M-; sizes that none covers are chosen as by auto; "
                "local=NAME and net=NAME, also with :min-max, name what hierarchical does inside "
                "hosts (push_two_shot, shared_memory) and between them (pairwise, direct, ring, "
                "recursive_doubling, halving_doubling)"},
    SettingSpec{Setting::kReproducible, "RONDE_REPRODUCIBLE", "--reproducible", "Collectives",
                kSwitch, "off", 0, 0, "tree",
                "admit only algorithms whose order of additions does not depend on how tensors "
                "were fused: the same bits run after run; tree: only those that add as a binary "
                "tree over ranks, so that K/R workers a rank give the same bits whatever R is"},
    SettingSpec{Setting::kChunkBytes, "RONDE_CHUNK_BYTES", "--chunk-bytes", "Collectives", kBytes,
                "256K", 4096, kGiB, "",
                "bytes that each rank stages at once in shared memory, and the size of a segment "
                "between hosts"},
    SettingSpec{Setting::kWait, "RONDE_WAIT", "--wait", "Collectives", kChoice, "auto", 0, 0,
                "auto|spin|block",
                "how a rank waits for others: auto spins for a while where every rank has a core, "
                "then sleeps; spin never sleeps; block sleeps at once"},
    SettingSpec{Setting::kSpinUs, "RONDE_SPIN_US", "--spin-us", "Collectives", kInteger, "-1", -1,
                1e6, "",
                "microseconds that --wait auto spins before it sleeps; -1 adapts to ranks and "
                "cores"},
    SettingSpec{
        Setting::kTuningFile, "RONDE_TUNING_FILE", "--tuning-file", "Collectives", kText, "", 0, 0,
        "",
        "what `ronde-bench --calibrate FILE` measured or --autotune-file FILE saved: costs, "
        "thresholds, algorithms by size, settings; rank 0 reads it for all; empty uses "
        "compiled-in costs"},
    SettingSpec{Setting::kHierarchy, "RONDE_HIERARCHY", "--hierarchy", "Network", kChoice, "auto",
                0, 0, "auto|flat|leader|rails",
                "how collectives cross hosts: rails: every rank of a host carries its share over "
                "the network; leader: one rank a host does; flat: as if every rank had a host of "
                "its own; auto takes what costs least, as in rails where hosts have equally many "
                "ranks"},
    SettingSpec{Setting::kWireCompression, "RONDE_WIRE_COMPRESSION", "--wire-compression",
                "Network", kChoice, "none", 0, 0, "none|fp16|bf16|int8",
                "how sums and averages of float32 travel between hosts (inside a host they never "
                "change): int8 is in blocks, each with its own scale"},
    SettingSpec{Setting::kNetTransport, "RONDE_NET_TRANSPORT", "--net-transport", "Network",
                kChoice, "auto", 0, 0, "auto|ucx|mpi",
                "what carries data between hosts; auto takes ucx where it is built in and the job "
                "has several hosts"},
    SettingSpec{Setting::kNetworkInterface, "RONDE_NETWORK_INTERFACE", "--network-interface",
                "Network", kText, "auto", 0, 0, "",
                "network interfaces between hosts, separated by commas, or a subnet such as "
                "10.0.0.0/24; auto takes those that all hosts can reach one another by"},
    SettingSpec{Setting::kFusionThresholdBytes, "RONDE_FUSION_THRESHOLD_BYTES",
                "--fusion-threshold-bytes", "Engine", kBytes, "1M", 0, 4 * kGiB, "",
                "tensors are fused into batches of at most this size; larger ones travel alone"},
    SettingSpec{Setting::kCycleTimeMs, "RONDE_CYCLE_TIME_MS", "--cycle-time-ms", "Engine", kReal,
                "0", 0, 1000, "",
                "how long ready tensors may wait for company; 0 sends them at once"},
    SettingSpec{Setting::kResponseCacheCapacity, "RONDE_RESPONSE_CACHE_CAPACITY",
                "--response-cache-capacity", "Engine", kInteger, "1024", 0, 65536, "",
                "operations that are remembered, so that asking for them again costs one bit; 0 "
                "is off"},
    SettingSpec{Setting::kLockAfter, "RONDE_LOCK_AFTER", "--lock-after", "Engine", kInteger, "5", 0,
                1e6, "",
                "equal iterations in a row after which their schedule is locked and no longer "
                "negotiated; 0 is never"},
    SettingSpec{Setting::kProcessSets, "RONDE_PROCESS_SETS", "--process-sets", "Engine", kText, "",
                0, 0, "",
                "process sets that exist from the start, numbered from 1, as in 0-3;4-7;0,4: world "
                "ranks and ranges of them, sets separated by semicolons"},
    SettingSpec{Setting::kTimeoutS, "RONDE_TIMEOUT_S", "--timeout-s", "Failures", kReal, "60", 0.01,
                kDay, "", "deadline of a data wait once all ranks have agreed to run it"},
    SettingSpec{Setting::kStallWarningS, "RONDE_STALL_WARNING_S", "--stall-warning-s", "Failures",
                kReal, "60", 0, kDay, "",
                "warn when a tensor has waited this long for other ranks; 0 is off"},
    SettingSpec{Setting::kStallShutdownS, "RONDE_STALL_SHUTDOWN_S", "--stall-shutdown-s",
                "Failures", kReal, "0", 0, kDay, "",
                "end the job when a tensor has waited this long for other ranks; 0 is off"},
    SettingSpec{Setting::kTimeline, "RONDE_TIMELINE", "--timeline", "Observation", kText, "", 0, 0,
                "",
                "write a Chrome trace (Perfetto) of every operation to this file; ranks above 0 "
                "add .rankN to its name; empty is off"},
    SettingSpec{Setting::kTimelineMarkCycles, "RONDE_TIMELINE_MARK_CYCLES",
                "--timeline-mark-cycles", "Observation", kSwitch, "off", 0, 0, "",
                "mark the arrival of every list of agreed operations in the timeline"},
    SettingSpec{Setting::kMetricsFile, "RONDE_METRICS_FILE", "--metrics-file", "Observation", kText,
                "", 0, 0, "",
                "write the metrics as Prometheus text to this file, replaced as a whole; ranks "
                "above 0 add .rankN to its name; empty is off"},
    SettingSpec{Setting::kMetricsPort, "RONDE_METRICS_PORT", "--metrics-port", "Observation",
                kInteger, "0", 0, 65535, "",
                "serve the metrics on this loopback port plus the local rank; 0 is off"},
    SettingSpec{Setting::kMetricsIntervalS, "RONDE_METRICS_INTERVAL_S", "--metrics-interval-s",
                "Observation", kReal, "5", 0.1, kDay, "", "seconds between two metrics files"},
    SettingSpec{
        Setting::kAutotune, "RONDE_AUTOTUNE", "--autotune", "Autotuning", kSwitch, "off", 0, 0, "",
        "try out fusion threshold, cycle time, chunk size and algorithm thresholds while the "
        "job runs, except what is set by hand, and keep what beats the defaults"},
    SettingSpec{Setting::kAutotuneFile, "RONDE_AUTOTUNE_FILE", "--autotune-file", "Autotuning",
                kText, "", 0, 0, "",
                "where to save the result as a tuning file for --tuning-file; empty is nowhere"},
    SettingSpec{Setting::kAutotuneLog, "RONDE_AUTOTUNE_LOG", "--autotune-log", "Autotuning", kText,
                "", 0, 0, "", "write every point that was tried, with its score, as CSV"},
    SettingSpec{Setting::kTopology, "RONDE_TOPOLOGY", "--topology", "Topology", kText, "auto", 0, 0,
                "",
                "what this host looks like: auto asks hwloc, else a JSON file in the form of "
                "`ronde-info --json`'s topology"},
    SettingSpec{Setting::kHostId, "RONDE_HOST_ID", "--host-id", "Topology", kText, "", 0, 0, "",
                "name of this host for grouping ranks; empty derives it from boot id, host name "
                "and network namespace"},
    SettingSpec{Setting::kLogLevel, "RONDE_LOG_LEVEL", "--log-level", "Logging", kChoice, "warning",
                0, 0, "trace|debug|info|warning|error|off", "what is written to stderr"},
};

}  // namespace

std::span<const SettingSpec> Settings() { return kTable; }

const SettingSpec& SpecOf(Setting setting) { return kTable[static_cast<std::size_t>(setting)]; }

}  // namespace ronde
