#include "tensor_fusion/device/device_allreduce.h"

#include <algorithm>
#include <utility>

#include "collectives/device/algorithm.h"
#include "tensor_fusion/operation_arguments.h"

namespace ronde {
namespace {

std::int64_t CountOf(std::size_t size_bytes, DataType dtype) {
  return static_cast<std::int64_t>(size_bytes / SizeOf(dtype));
}

bool LiesInMappedMemory(const AllreduceArguments& arguments) {
  return arguments.input_place.registered() && arguments.output_place.registered();
}

// Whole cache lines, so that every type's elements fit.
std::size_t HalfBytes(const DeviceLane& lane) {
  return lane.channel.staging_bytes() / kPackAlignmentBytes * kPackAlignmentBytes;
}

// Other parts have been reduced already: there is no way back.
Status NoAlgorithmForPart() {
  return Status::Internal("no algorithm reduces a part of what one was found for as a whole");
}

// `size_bytes` of a tensor, from `begin` on.
PackedTensor SliceOf(const PackedTensor& tensor, std::size_t begin, std::size_t size_bytes) {
  return {static_cast<const std::byte*>(tensor.input) + begin,
          static_cast<std::byte*>(tensor.output) + begin, size_bytes, 0};
}

}  // namespace

DeviceAllreduce::Passage DeviceAllreduce::PassageFor(const DeviceLane& lane, DataType tensor_dtype,
                                                     AllreduceArguments& arguments) {
  Passage passage;
  passage.in.tensor_dtype = passage.out.tensor_dtype = tensor_dtype;
  passage.in.packed_dtype = passage.out.packed_dtype = arguments.dtype;
  const bool folds = arguments.dtype == DataType::kFloat32 || arguments.dtype == DataType::kFloat64;
  if (!folds) return passage;
  passage.in.scale = std::exchange(arguments.prescale, 1);
  passage.out.scale = std::exchange(arguments.postscale, 1);
  if (arguments.op == ReduceOp::kAverage) {
    arguments.op = ReduceOp::kSum;
    passage.out.scale /= lane.context.size();
  }
  return passage;
}

Result<bool> DeviceAllreduce::RunTensors(const DeviceLane& lane, const Request& request,
                                         std::span<const PackedTensor> tensors,
                                         std::size_t piece_bytes) {
  if (!IsElementwise(request.op) || lane.context.size() == 1) {
    return RunOneByOne(lane, request, tensors);
  }
  AllreduceArguments arguments = ArgumentsFor(request);
  const Passage passage = PassageFor(lane, request.dtype, arguments);
  arguments.count = CountOf(PackedSizeOf(tensors), request.dtype);
  if (arguments.count == 0) return true;
  RONDE_ASSIGN_OR_RETURN(const DeviceAllreduceAlgorithm* const algorithm, Choose(lane, arguments));
  if (algorithm == nullptr) return false;
  const std::size_t limit_bytes = std::min(piece_bytes, lane.channel.staging_bytes());
  while (!tensors.empty()) {
    const std::size_t count = FitTogether(tensors, limit_bytes);
    const std::span<const PackedTensor> piece = tensors.first(count);
    if (count == 1) {
      RONDE_ASSIGN_OR_RETURN(const bool has_run, RunOneByOne(lane, request, piece));
      if (!has_run) return NoAlgorithmForPart();
    } else {
      RONDE_RETURN_IF_ERROR(RunPiece(lane, arguments, piece, passage));
    }
    tensors = tensors.subspan(count);
  }
  return true;
}

Result<bool> DeviceAllreduce::RunOneByOne(const DeviceLane& lane, const Request& request,
                                          std::span<const PackedTensor> tensors) {
  AllreduceArguments arguments = ArgumentsFor(request);
  bool is_first = true;
  for (const PackedTensor& tensor : tensors) {
    if (tensor.size_bytes == 0) continue;
    arguments.input = tensor.input;
    arguments.output = tensor.output;
    arguments.count = CountOf(tensor.size_bytes, request.dtype);
    RONDE_ASSIGN_OR_RETURN(const bool has_run, RunAlone(lane, arguments));
    if (!has_run && is_first) return false;
    if (!has_run) return NoAlgorithmForPart();
    is_first = false;
  }
  return true;
}

Result<bool> DeviceAllreduce::RunAlone(const DeviceLane& lane,
                                       const AllreduceArguments& arguments) {
  if (arguments.count == 0) return true;  // on all ranks: the count is agreed
  if (lane.context.size() == 1) {
    RONDE_RETURN_IF_ERROR(Scale(lane, arguments));
    return true;
  }
  RONDE_ASSIGN_OR_RETURN(const DeviceAllreduceAlgorithm* const algorithm, Choose(lane, arguments));
  if (algorithm == nullptr) return false;
  const bool packs =
      !LiesInMappedMemory(arguments) && algorithm->WantsMapped(lane.context, arguments);
  if (!packs) {
    RONDE_RETURN_IF_ERROR(Run(lane, *algorithm, arguments));
    return true;
  }
  AllreduceArguments packed = arguments;
  const Passage passage = PassageFor(lane, arguments.dtype, packed);
  const std::size_t size_bytes =
      static_cast<std::size_t>(arguments.count) * SizeOf(arguments.dtype);
  RONDE_RETURN_IF_ERROR(
      RunInPieces(lane, packed, {arguments.input, arguments.output, size_bytes, 0}, passage));
  return true;
}

Result<bool> DeviceAllreduce::AverageWidened(const DeviceLane& lane, const Request& request,
                                             void* parameters) {
  const std::int64_t count = ElementCount(request.shape);
  if (count == 0 || lane.context.size() == 1) return true;
  AllreduceArguments arguments;
  arguments.count = count;
  arguments.dtype = DataType::kFloat32;
  arguments.op = ReduceOp::kAverage;
  const Passage passage = PassageFor(lane, request.dtype, arguments);
  RONDE_ASSIGN_OR_RETURN(const DeviceAllreduceAlgorithm* const algorithm, Choose(lane, arguments));
  if (algorithm == nullptr) return false;
  const std::size_t size_bytes = static_cast<std::size_t>(count) * SizeOf(request.dtype);
  RONDE_RETURN_IF_ERROR(
      RunInPieces(lane, arguments, {parameters, parameters, size_bytes, 0}, passage));
  return true;
}

Result<const DeviceAllreduceAlgorithm*> DeviceAllreduce::Choose(
    const DeviceLane& lane, const AllreduceArguments& arguments) const {
  RONDE_ASSIGN_OR_RETURN(const DeviceSelector::Decision decision,
                         selector_.Decide(lane.context, arguments));
  return decision.algorithm;
}

Status DeviceAllreduce::RunPiece(const DeviceLane& lane, AllreduceArguments arguments,
                                 std::span<const PackedTensor> tensors, const Passage& passage) {
  std::size_t packed_bytes = PackedSizeOf(tensors);
  const std::size_t tensor_size = SizeOf(passage.in.tensor_dtype);
  if (tensor_size != SizeOf(arguments.dtype)) {  // a single one, see AverageWidened
    packed_bytes = PackedSize(packed_bytes / tensor_size * SizeOf(arguments.dtype));
  }
  RONDE_ASSIGN_OR_RETURN(const StagingHalf half, lane.channel.NextHalf(/*meets_first=*/true));
  arguments.input = half.input;
  arguments.output = half.output;
  arguments.input_place = half.input_place;
  arguments.output_place = half.output_place;
  arguments.count = CountOf(packed_bytes, arguments.dtype);
  RONDE_ASSIGN_OR_RETURN(const DeviceAllreduceAlgorithm* const algorithm, Choose(lane, arguments));
  if (algorithm == nullptr) return NoAlgorithmForPart();
  {
    const BatchNotes::Phase phase = notes_.Time("PACK");
    RONDE_RETURN_IF_ERROR(kernels_->Pack(lane.channel.stream(), tensors, half.input, passage.in));
    bytes_packed_ += packed_bytes;
  }
  RONDE_RETURN_IF_ERROR(Run(lane, *algorithm, arguments));
  const BatchNotes::Phase phase = notes_.Time("UNPACK");
  return kernels_->Unpack(lane.channel.stream(), tensors, half.output, passage.out);
}

Status DeviceAllreduce::RunInPieces(const DeviceLane& lane, const AllreduceArguments& arguments,
                                    const PackedTensor& tensor, const Passage& passage) {
  const std::size_t tensor_size = SizeOf(passage.in.tensor_dtype);
  const std::size_t packed_size = SizeOf(arguments.dtype);
  const std::size_t piece_bytes = HalfBytes(lane) / packed_size * tensor_size;
  for (std::size_t begin = 0; begin < tensor.size_bytes; begin += piece_bytes) {
    const PackedTensor slice =
        SliceOf(tensor, begin, std::min(piece_bytes, tensor.size_bytes - begin));
    RONDE_RETURN_IF_ERROR(RunPiece(lane, arguments, {&slice, 1}, passage));
  }
  return Status::Ok();
}

Status DeviceAllreduce::Scale(const DeviceLane& lane, const AllreduceArguments& arguments) {
  const std::size_t size_bytes =
      static_cast<std::size_t>(arguments.count) * SizeOf(arguments.dtype);
  const StreamView stream = lane.channel.stream();
  const double scale = arguments.prescale * arguments.postscale;
  if (scale == 1) {
    if (arguments.input == arguments.output) return Status::Ok();
    return stream.device->Copy(arguments.output, arguments.input, size_bytes, stream.native);
  }
  const PackedTensor tensor = {arguments.input, arguments.output, size_bytes, 0};
  const std::size_t half_bytes = HalfBytes(lane);
  PackFormat scaled = {arguments.dtype, arguments.dtype, scale};
  PackFormat as_is = {arguments.dtype, arguments.dtype, 1};
  for (std::size_t begin = 0; begin < size_bytes; begin += half_bytes) {
    const PackedTensor slice = SliceOf(tensor, begin, std::min(half_bytes, size_bytes - begin));
    RONDE_ASSIGN_OR_RETURN(const StagingHalf half, lane.channel.NextHalf(/*meets_first=*/true));
    RONDE_RETURN_IF_ERROR(kernels_->Pack(stream, {&slice, 1}, half.input, scaled));
    RONDE_RETURN_IF_ERROR(kernels_->Unpack(stream, {&slice, 1}, half.input, as_is));
  }
  return Status::Ok();
}

Status DeviceAllreduce::Run(const DeviceLane& lane, const DeviceAllreduceAlgorithm& algorithm,
                            const AllreduceArguments& arguments) {
  algorithm_ = algorithm.name();
  // Peers may still read the half that it writes to.
  if (!algorithm.MeetsFirst()) RONDE_RETURN_IF_ERROR(lane.channel.Settle());
  const BatchNotes::Phase phase = notes_.Time(algorithm_);
  return algorithm.Run(lane.context, lane.channel, arguments);
}

}  // namespace ronde
