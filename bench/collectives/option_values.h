#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/collectives/options.h"
#include "core/base/status.h"

namespace ronde::bench {

/// In place of a collective.
inline constexpr char kGradients[] = "gradients";
inline constexpr char kNegotiate[] = "negotiate";
inline constexpr char kIdle[] = "idle";

/// The command line as text, before it is given meaning. Unset: not given.
struct RawOptions {
  std::string collective = "allreduce";
  std::string min_bytes = "4";
  std::string max_bytes = "64M";
  std::optional<std::string> step_bytes;
  std::optional<std::int64_t> step_factor;
  std::string dtypes = "float";
  std::optional<std::string> ops;
  std::optional<int> root;
  int check_calls = 1;
  std::string path = "direct";
  std::string buffers = "private";
  std::string cache = "warm";
  std::string peers;
  std::string style = "nccl";
  std::optional<std::string> json;
  std::optional<std::string> calibrate;
  std::string model = "resnet50";
  std::string bucket_size_bytes = "256K";
  std::string fusion_thresholds;
  bool negotiation = false;
  std::string tensors = "1,16,161,1000";
  std::optional<std::string> ranks;
  std::string modes = "uncached,cached,locked";
  std::string order = "by-rank";
  double idle_seconds = 10;
  std::string device = "cpu";
};

/// Gives `raw` its meaning. Errors: kInvalidArgument, naming the flag.
[[nodiscard]] Status Interpret(const RawOptions& raw, BenchOptions& options);
/// The part of it that concerns `negotiate` and `idle`.
[[nodiscard]] Status InterpretEngineBenchmark(const RawOptions& raw, BenchOptions& options);
/// The part of it that concerns --device; after all others, since it refuses what they have read.
[[nodiscard]] Status InterpretDevice(const RawOptions& raw, BenchOptions& options);

/// Whether the peer of this name works on device memory, rather than on the host's.
[[nodiscard]] inline bool OnDevice(std::string_view peer) { return peer == "nccl"; }

}  // namespace ronde::bench
