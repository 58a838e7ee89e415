#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "collectives/allreduce/common.h"
#include "collectives/device/algorithm.h"
#include "collectives/device/kernels/device_kernels.h"

namespace ronde {
namespace {

/// Allreduce of the ranks of one host by kernels that load and store each other's memory: directly
/// where ranks are threads of one process, else over CUDA IPC mappings.
///
///     up to one_shot_bytes   every rank reads all inputs and writes its own output
///     above                  rank r reduces shard r of all inputs and writes it to all outputs
///
/// Cost:   one shot: alpha + n(p-1)(beta + gamma); two: 1.5 alpha + n(p-1)/p (2 beta + gamma)
///         (n bytes, p ranks; alpha is a launch and one barrier)
/// Buffer: `input` (may be `output`) to `output`, of any kind. In mapped memory, at the same places
///         on all ranks, nothing is copied, but for one shot in place; else what peers must reach
///         goes through the halves of the channel's staging, in pieces of their size.
/// Order:  a binary tree over the ranks (kTree) for every element, 16-bit types in float32.
/// Errors: of the kernels: kTimeout naming the rank that is missing, kAborted.
/// Source: one-shot and two-shot allreduce as in MSCCL++, TensorRT-LLM and vLLM.
class CudaIpc final : public DeviceAllreduceAlgorithm {
 public:
  std::string_view name() const override { return "cuda_ipc"; }

  bool Supports(DeviceContext& context, const AllreduceArguments& /*arguments*/) const override {
    return context.group().communicator().single_host() && context.facts().peers_reach_each_other &&
           context.size() <= kMaxPeers;
  }
  std::string_view Needs() const override {
    return "all ranks on one host, at most 16, whose devices reach each other's memory (CUDA IPC, "
           "peer access)";
  }
  double Cost(DeviceContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = context.costs().peer;
    const double ranks = context.size();
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    if (SizeBytes(arguments) <= OneShotLimit(context)) {
      return link.alpha_us + bytes * (ranks - 1) * (link.beta_us + link.gamma_us);
    }
    const double copies = Mapped(arguments) ? 0 : 4 * bytes * link.gamma_us;
    return 1.5 * link.alpha_us + bytes * (ranks - 1) / ranks * (2 * link.beta_us + link.gamma_us) +
           copies;
  }
  bool MeetsFirst() const override { return true; }
  Status Run(DeviceContext& context, DeviceChannel& channel,
             const AllreduceArguments& arguments) const override;

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kTree; }
  static std::size_t OneShotLimit(DeviceContext& context) {
    return static_cast<std::size_t>(context.costs().one_shot_bytes);
  }
  static bool Mapped(const AllreduceArguments& arguments) {
    return arguments.input_place.registered() && arguments.output_place.registered();
  }
};

// One side of a call, from one piece to the next: where it lies here, and for peers.
struct Side {
  std::byte* data = nullptr;
  MemoryPlace place;

  [[nodiscard]] Side After(std::size_t offset) const {
    Side later = {data + offset, place};
    later.place.offset += static_cast<std::int64_t>(offset);
    return later;
  }
};

// Of the same size: not one in the other.
bool Apart(const MemoryPlace& left, const MemoryPlace& right, std::size_t size_bytes) {
  return left.block != right.block ||
         std::abs(left.offset - right.offset) >= static_cast<std::int64_t>(size_bytes);
}

// Whether one shot may read the input where it is: its output must not lie where peers still read.
bool ReadableInPlace(const MemoryPlace& input, const MemoryPlace& output, std::size_t size_bytes) {
  return input.registered() && Apart(input, output, size_bytes);
}

// One call, or a piece of it that fits into a staging half.
struct Piece {
  DeviceContext& context;
  DeviceChannel& channel;
  const AllreduceArguments& arguments;
  Side input;
  Side output;
  std::size_t size_bytes;

  Status Copy(std::byte* target, const std::byte* source) {
    return context.device().Copy(target, source, size_bytes, channel.stream().native);
  }
  Result<PeerReduction> Call(const MemoryPlace& place, int blocks) {
    PeerReduction call;
    call.dtype = arguments.dtype;
    call.op = arguments.op;
    call.scaling = ScalingFor(arguments, channel.size());
    call.count = static_cast<std::int64_t>(size_bytes / SizeOf(arguments.dtype));
    call.sync = channel.sync();
    call.blocks = context.PeerBlocks(blocks);
    std::array<std::byte*, kMaxPeers> parts = {};
    const auto ranks = static_cast<std::size_t>(channel.size());
    RONDE_RETURN_IF_ERROR(context.Peers(place, std::span(parts).first(ranks)));
    std::copy_n(parts.begin(), ranks, call.inputs);
    return call;
  }

  Status OneShot();
  Status TwoShot();
};

Status Piece::OneShot() {
  Side source = input;
  if (!ReadableInPlace(input.place, output.place, size_bytes)) {
    RONDE_ASSIGN_OR_RETURN(const StagingHalf half, channel.NextHalf(/*meets_first=*/true));
    RONDE_RETURN_IF_ERROR(Copy(half.input, input.data));
    source = {half.input, half.input_place};
  }
  RONDE_ASSIGN_OR_RETURN(
      PeerReduction call,
      Call(source.place, BlocksForOneShot(static_cast<std::int64_t>(size_bytes))));
  call.outputs[channel.rank()] = output.data;
  // What the user writes into memory of his own, he may write when this has ended here. A staging
  // half is safe until the one after the next: a barrier comes before that.
  const bool staging = channel.IsStaging(source.place);
  call.closing_barrier = !staging;
  RONDE_RETURN_IF_ERROR(context.kernels().OneShot(channel.stream(), call));
  channel.AfterBarrier(staging ? source.place : MemoryPlace());
  return Status::Ok();
}

Status Piece::TwoShot() {
  Side source = input;
  Side target = output;
  if (!input.place.registered() || !output.place.registered()) {
    RONDE_ASSIGN_OR_RETURN(const StagingHalf half, channel.NextHalf(/*meets_first=*/true));
    if (!input.place.registered()) {
      RONDE_RETURN_IF_ERROR(Copy(half.input, input.data));
      source = {half.input, half.input_place};
    }
    if (!output.place.registered()) target = {half.output, half.output_place};
  }
  RONDE_ASSIGN_OR_RETURN(
      PeerReduction call,
      Call(source.place, BlocksForTwoShot(static_cast<std::int64_t>(size_bytes), channel.size())));
  std::array<std::byte*, kMaxPeers> parts = {};
  const auto ranks = static_cast<std::size_t>(channel.size());
  RONDE_RETURN_IF_ERROR(context.Peers(target.place, std::span(parts).first(ranks)));
  std::copy_n(parts.begin(), ranks, call.outputs);
  RONDE_RETURN_IF_ERROR(context.kernels().TwoShot(channel.stream(), call));
  channel.AfterBarrier();
  return target.data == output.data ? Status::Ok() : Copy(output.data, target.data);
}

Status ReduceAloneOnDevice(DeviceContext& context, DeviceChannel& channel,
                           const AllreduceArguments& arguments) {
  const Scaling scaling = ScalingFor(arguments, 1);
  const bool scales = scaling.prescale != 1 || scaling.postscale != 1;
  if (!scales) {
    if (arguments.input == arguments.output) return Status::Ok();
    return context.device().Copy(arguments.output, arguments.input, SizeBytes(arguments),
                                 channel.stream().native);
  }
  InputReduction call;
  call.dtype = arguments.dtype;
  call.op = arguments.op;
  call.scaling = scaling;
  call.count = arguments.count;
  call.inputs[0] = arguments.input;
  call.input_count = 1;
  call.output = arguments.output;
  return context.kernels().ReduceInputs(channel.stream(), call);
}

Status CudaIpc::Run(DeviceContext& context, DeviceChannel& channel,
                    const AllreduceArguments& arguments) const {
  RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
  if (arguments.count == 0) return Status::Ok();
  if (context.size() == 1) return ReduceAloneOnDevice(context, channel, arguments);
  const auto* const data = static_cast<const std::byte*>(arguments.input);
  const Side input = {const_cast<std::byte*>(data), arguments.input_place};
  const Side output = {static_cast<std::byte*>(arguments.output), arguments.output_place};
  const std::size_t total = SizeBytes(arguments);
  const bool one_shot = total <= OneShotLimit(context);
  const bool whole =
      one_shot ? ReadableInPlace(input.place, output.place, total) : Mapped(arguments);
  const std::size_t most = whole ? total : channel.staging_bytes();
  for (std::size_t begin = 0; begin < total; begin += most) {
    Piece piece = {context,
                   channel,
                   arguments,
                   input.After(begin),
                   output.After(begin),
                   std::min(most, total - begin)};
    RONDE_RETURN_IF_ERROR(one_shot ? piece.OneShot() : piece.TwoShot());
  }
  // Read by peers, and written to them.
  const std::size_t peers = static_cast<std::size_t>(context.size()) - 1;
  context.group().AddSharedBytes(one_shot ? total * peers : 2 * total * peers / (peers + 1));
  return Status::Ok();
}

}  // namespace

const DeviceAllreduceAlgorithm& CudaIpcDeviceAllreduce() {
  static const CudaIpc algorithm;
  return algorithm;
}

}  // namespace ronde
