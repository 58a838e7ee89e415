#include "bench/collectives/buffers.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "bench/collectives/bench_device.h"
#include "bench/collectives/data_pattern.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

using Buffer = std::shared_ptr<std::byte>;

// 0xff.. is no value of a pattern in any type: NaN, -1 or 255.
constexpr int kUntouched = 0xff;

Result<Buffer> AllocateBuffer(CollectiveRunner& runner, std::size_t size_bytes, bool registered) {
  if (registered) return runner.AllocateRegistered(size_bytes);
  if (runner.device() != nullptr) return runner.device()->Allocate(size_bytes);
  // Ordinary malloc'd memory, as a user of any of these libraries has it.
  Buffer buffer(static_cast<std::byte*>(std::malloc(size_bytes)),
                [](std::byte* memory) { std::free(memory); });
  if (buffer != nullptr) return buffer;
  return Status::Unavailable(
      StrCat("no memory for two buffers of ", size_bytes, " bytes; choose a smaller -e"));
}

}  // namespace

Status CallBuffers::Allocate(CollectiveRunner& runner, const CollectiveCall& call,
                             bool registered) {
  const std::size_t bytes = std::max(call.InputBytes(), call.OutputBytes());
  input_.reset();
  output_.reset();
  RONDE_ASSIGN_OR_RETURN(input_, AllocateBuffer(runner, bytes, registered));
  RONDE_ASSIGN_OR_RETURN(output_, AllocateBuffer(runner, bytes, registered));
  device_ = runner.device();
  if (device_ == nullptr) {
    std::memset(input_.get(), kUntouched, bytes);
    std::memset(output_.get(), kUntouched, bytes);
    return Status::Ok();
  }
  mirror_.assign(bytes, std::byte{kUntouched});
  RONDE_RETURN_IF_ERROR(device_->Copy(input_.get(), mirror_.data(), bytes));
  return device_->Copy(output_.get(), mirror_.data(), bytes);
}

CollectiveCall CallBuffers::Call(const CollectiveRunner& runner, const CollectiveCall& like,
                                 int rank, bool in_place) const {
  CollectiveCall call = like;
  call.in_place = in_place;
  call.input = in_place ? output_.get() : input_.get();
  call.output = output_.get();
  const std::int64_t own_block = rank * call.BlockBytes();
  if (in_place && call.collective == Collective::kAllgather) {
    call.input = output_.get() + own_block;
  } else if (in_place && call.collective == Collective::kReducescatter) {
    call.output = output_.get() + own_block;
  }
  call.input_place = runner.Find(call.input, call.InputBytes());
  call.output_place = runner.Find(call.output, call.OutputBytes());
  return call;
}

Status CallBuffers::Fill(const CollectiveCall& call, int rank) {
  const bool output_is_own = !call.in_place || call.collective == Collective::kAllgather;
  void* const input = const_cast<void*>(call.input);
  if (device_ == nullptr) {
    if (output_is_own) std::memset(call.output, kUntouched, call.OutputBytes());
    FillInput(call, input, rank);
    return Status::Ok();
  }
  if (output_is_own) {
    std::memset(mirror_.data(), kUntouched, call.OutputBytes());
    RONDE_RETURN_IF_ERROR(device_->Copy(call.output, mirror_.data(), call.OutputBytes()));
  }
  FillInput(call, mirror_.data(), rank);
  return device_->Copy(input, mirror_.data(), call.InputBytes());
}

Result<const void*> CallBuffers::ResultOf(const CollectiveCall& call, const void* output) {
  if (device_ == nullptr || !device_->device().Owns(output)) return output;
  RONDE_RETURN_IF_ERROR(device_->Copy(mirror_.data(), output, call.OutputBytes()));
  return static_cast<const void*>(mirror_.data());
}

}  // namespace ronde::bench
