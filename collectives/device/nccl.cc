#include <algorithm>

#include "collectives/allreduce/common.h"
#include "collectives/device/algorithm.h"
#include "collectives/device/kernels/device_kernels.h"
#include "collectives/device/nccl/nccl_companion.h"
#include "collectives/device/nccl/nccl_reduction.h"

namespace ronde {
namespace {

/// NCCL's own allreduce, on a communicator that the context makes at the first call and keeps.
/// Cost:   NCCL's; modelled as its ring: alpha + 2n(p-1)/p beta (n bytes, p ranks), and a launch
///         over the output where a factor is left that NCCL cannot apply (16-bit averages over
///         3, 5, 6, ... ranks; scaled min, max and product)
/// Buffer: `input` (may be `output`) to `output`, `count` elements, in any memory of the device.
/// Order:  NCCL's, which depends on sizes and offsets; the same bits on all ranks. 16-bit types
///         round where NCCL's algorithm does; min and max may drop NaN.
/// Errors: kInvalidArgument; those of NcclCommunicator. What goes wrong on the device is the
///         companion's fault.
/// Source: NCCL 2.14 or newer.
class Nccl final : public DeviceAllreduceAlgorithm {
 public:
  std::string_view name() const override { return "nccl"; }

  bool Supports(DeviceContext& context, const AllreduceArguments& arguments) const override {
    return Reduces(arguments.op) && (context.size() == 1 || NcclServes(context));
  }
  std::string_view Needs() const override {
    return "NCCL (libnccl.so.2, 2.14 or newer, the same on all ranks), a CUDA device for each "
           "rank, and an operator that works element by element";
  }
  double Cost(DeviceContext& context, const AllreduceArguments& arguments) const override {
    const LinkCost& link = context.costs().nccl;
    const auto bytes = static_cast<double>(SizeBytes(arguments));
    const double ranks = context.size();
    const double call = link.alpha_us + 2 * bytes * (ranks - 1) / ranks * link.beta_us;
    const double after = PlanFor(arguments, context.size()).scale_after;
    return after == 1 ? call : call + link.alpha_us / 2 + bytes * context.costs().peer.gamma_us;
  }
  Status Run(DeviceContext& context, DeviceChannel& channel,
             const AllreduceArguments& arguments) const override {
    if (context.size() == 1) return RunAlone(context, channel, arguments);
    RONDE_ASSIGN_OR_RETURN(const NcclCall call, NcclCallFor(context, channel));
    return NcclAllreduce(call, arguments);
  }

 private:
  ReductionOrder DeclaredOrder() const override { return ReductionOrder::kOffsetDependent; }

  static NcclReduction PlanFor(const AllreduceArguments& arguments, int ranks) {
    return PlanNcclReduction(arguments.dtype, arguments.op, arguments.prescale, arguments.postscale,
                             ranks);
  }

  static Status RunAlone(DeviceContext& context, DeviceChannel& channel,
                         const AllreduceArguments& arguments) {
    RONDE_RETURN_IF_ERROR(CheckArguments(arguments));
    const double factor = arguments.prescale * arguments.postscale;
    if (arguments.count == 0 || (factor == 1 && arguments.input == arguments.output)) {
      return Status::Ok();
    }
    if (factor == 1) {
      return context.device().Copy(arguments.output, arguments.input, SizeBytes(arguments),
                                   channel.stream().native);
    }
    return context.kernels().Scale(channel.stream(), arguments.dtype, arguments.input,
                                   arguments.output, arguments.count, factor);
  }
};

}  // namespace

const DeviceAllreduceAlgorithm& NcclDeviceAllreduce() {
  static const Nccl algorithm;
  return algorithm;
}

}  // namespace ronde
