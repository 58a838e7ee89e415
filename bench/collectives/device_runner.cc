#include "bench/collectives/device_runner.h"

#include "bench/collectives/device_movement.h"
#include "collectives/device/algorithm.h"
#include "core/base/strcat.h"

namespace ronde::bench {

Result<std::unique_ptr<DeviceRunner>> DeviceRunner::Create(DirectRunner& direct,
                                                           BenchDevice& device,
                                                           const Config& config) {
  RONDE_ASSIGN_OR_RETURN(DeviceSelector selector,
                         DeviceSelector::Create(config, direct.context().tuning()));
  DeviceContext::Options options;
  options.channels = 1;
  RONDE_ASSIGN_OR_RETURN(auto context,
                         DeviceContext::Create(direct.context(), &device.device(), options));
  return std::unique_ptr<DeviceRunner>(
      new DeviceRunner(direct, device, std::move(selector), std::move(context)));
}

bool DeviceRunner::Supports(const CollectiveCall& call) const {
  return call.collective == Collective::kAllreduce || CanMoveOnDevice(*context_, call);
}

Status DeviceRunner::Run(const CollectiveCall& call) {
  if (call.collective != Collective::kAllreduce) return MoveOnDevice(*context_, channel(), call);
  const AllreduceArguments arguments = AllreduceArgumentsOf(call);
  RONDE_ASSIGN_OR_RETURN(const DeviceAllreduceAlgorithm* const algorithm, Choose(arguments));
  return RunWith(*algorithm, arguments);
}

Status DeviceRunner::Finish() {
  RONDE_RETURN_IF_ERROR(device_.Finish(channel().stream()));
  return context_->TakeFault(channel());
}

Result<const DeviceAllreduceAlgorithm*> DeviceRunner::Choose(const AllreduceArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const DeviceSelector::Decision decision,
                         selector_.Decide(*context_, arguments));
  if (decision.algorithm != nullptr) return decision.algorithm;
  return Status::Unavailable(
      StrCat("allreduce of ", Name(arguments.dtype), ", ", Name(arguments.op),
             ": no algorithm of this build runs it on these devices; use --path engine, which "
             "stages it through host memory"));
}

Status DeviceRunner::RunWith(const DeviceAllreduceAlgorithm& algorithm,
                             const AllreduceArguments& arguments) {
  const bool mapped = arguments.input_place.registered() && arguments.output_place.registered();
  if (!mapped && algorithm.WantsMapped(*context_, arguments)) {
    const std::size_t bytes = static_cast<std::size_t>(arguments.count) * SizeOf(arguments.dtype);
    return AllreduceStaged(algorithm, arguments, bytes);
  }
  return algorithm.Run(*context_, channel(), arguments);
}

Status DeviceRunner::AllreduceStaged(const DeviceAllreduceAlgorithm& algorithm,
                                     AllreduceArguments arguments, std::size_t size_bytes) {
  RONDE_ASSIGN_OR_RETURN(const StagingHalf half, channel().NextHalf(algorithm.MeetsFirst()));
  if (half.size_bytes < size_bytes) {
    return Status::Unavailable(StrCat("an allreduce of ", size_bytes, " bytes does not fit into ",
                                      half.size_bytes, " of staging; use --buffers registered"));
  }
  void* const stream = channel().stream().native;
  void* const output = arguments.output;
  RONDE_RETURN_IF_ERROR(device_.device().Copy(half.input, arguments.input, size_bytes, stream));
  arguments.input = half.input;
  arguments.input_place = half.input_place;
  arguments.output = half.output;
  arguments.output_place = half.output_place;
  RONDE_RETURN_IF_ERROR(algorithm.Run(*context_, channel(), arguments));
  return device_.device().Copy(output, half.output, size_bytes, stream);
}

std::string DeviceRunner::AlgorithmFor(const CollectiveCall& call) {
  if (call.collective != Collective::kAllreduce) return "nccl";
  const auto algorithm = Choose(AllreduceArgumentsOf(call));
  return algorithm.ok() ? std::string(algorithm.value()->name()) : "none";
}

}  // namespace ronde::bench
