#include <charconv>

#include "bench/collectives/option_values.h"
#include "collectives/device/nccl/nccl_library.h"
#include "core/base/strcat.h"
#include "core/device/device_list.h"

namespace ronde::bench {
namespace {

constexpr int kMostRanks = 64;

Status ParseThreadRanks(const RawOptions& raw, BenchOptions& options) {
  if (!raw.ranks) return Status::Ok();
  const std::string& text = *raw.ranks;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, options.thread_ranks);
  if (parsed.ec != std::errc() || parsed.ptr != end || options.thread_ranks < 1 ||
      options.thread_ranks > kMostRanks) {
    return Status::InvalidArgument(
        StrCat("--ranks ", text, ": expected one number from 1 to ", kMostRanks));
  }
  return Status::Ok();
}

Status Meaningless(const std::string& flag, const char* why, const BenchOptions& options) {
  return Status::InvalidArgument(
      StrCat(flag, ": ", why, "; leave it out with --device ", Name(options.device)));
}

// What only the processor's memory has.
Status RefuseHostFlags(const BenchOptions& options) {
  if (options.rules.cold) {
    return Meaningless("--cache cold", "evicts from the processor's caches", options);
  }
  if (options.rules.consume) return Meaningless("--consume", "reads with the processor", options);
  if (options.bounds) return Meaningless("--bounds", "measures the processor's memory", options);
  return Status::Ok();
}

Status CheckCollective(const BenchOptions& options) {
  if (options.collective == Collective::kSendrecv) {
    return Status::InvalidArgument(
        StrCat("sendrecv: has no form on devices; use another collective, or leave out --device ",
               Name(options.device)));
  }
  for (const ReduceOp op : options.ops) {
    if (!IsElementwise(op) && !options.engine_path) {
      return Status::InvalidArgument(StrCat("-o adasum: is computed on the host; with --device ",
                                            Name(options.device),
                                            " use --path engine, which stages it"));
    }
  }
  return Status::Ok();
}

}  // namespace

Status InterpretDevice(const RawOptions& raw, BenchOptions& options) {
  options.device = ParseDeviceChoice(raw.device).value_or(DeviceChoice::kCpu);
  const bool on_cpu = options.device == DeviceChoice::kCpu;
  for (const std::string& peer : options.peers) {
    if (OnDevice(peer) == !on_cpu) continue;
    return Status::InvalidArgument(
        on_cpu ? StrCat("--peers: '", peer, "' works on device memory; add --device cuda")
               : StrCat("--peers: '", peer, "' works on host memory; with --device ", raw.device,
                        " use nccl, or leave it out"));
  }
  if (on_cpu) {
    if (!raw.ranks || options.negotiate) return Status::Ok();
    return Status::InvalidArgument(
        "--ranks: on --device cpu ranks are those that ronderun has started; leave it out");
  }
  options.rules.on_device = true;
  RONDE_RETURN_IF_ERROR(ParseThreadRanks(raw, options));
  RONDE_RETURN_IF_ERROR(RefuseHostFlags(options));
  RONDE_RETURN_IF_ERROR(CheckCollective(options));
  if (options.device == DeviceChoice::kSimulated && !options.peers.empty()) {
    return Status::InvalidArgument("--peers: 'nccl' needs a GPU; use --device cuda");
  }
  if (options.device == DeviceChoice::kCuda && !BuiltWithCuda()) {
    return Status::InvalidArgument(
        "--device cuda: this build has no CUDA support; install a CUDA toolkit, configure and "
        "build again, or use --device simulated");
  }
  if (options.peers.empty() || BuiltWithNccl()) return Status::Ok();
  return Status::InvalidArgument(
      "--peers: 'nccl' is not in this build; install nccl.h, configure and build again");
}

}  // namespace ronde::bench
