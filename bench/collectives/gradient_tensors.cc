#include "bench/collectives/gradient_tensors.h"

#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#include "bench/collectives/data_pattern.h"
#include "core/base/strcat.h"
#include "tensor_fusion/pack.h"

namespace ronde::bench {
namespace {

// Zeros, and so touched: no timed step meets a page fault.
Result<std::shared_ptr<std::byte>> AllocateZeros(std::size_t size_bytes) {
  // What frameworks align tensors to.
  auto* const memory =
      static_cast<std::byte*>(std::aligned_alloc(kPackAlignmentBytes, PackedSize(size_bytes)));
  if (memory == nullptr) {
    return Status::Unavailable(StrCat("no memory for gradients of ", size_bytes, " bytes"));
  }
  std::memset(memory, 0, PackedSize(size_bytes));
  return std::shared_ptr<std::byte>(memory, [](std::byte* data) { std::free(data); });
}

}  // namespace

std::int64_t GradientSet::TotalCount() const {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

std::size_t GradientSet::PackedBytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) bytes += PackedSize(SizeBytes(i));
  return bytes;
}

CollectiveCall GradientSet::CallFor(std::int64_t count) const {
  CollectiveCall call;
  const auto bytes = count * static_cast<std::int64_t>(SizeOf(dtype));
  call.layout = {.count = count, .input_count = count, .output_count = count, .size_bytes = bytes};
  call.dtype = dtype;
  call.op = op;
  call.in_place = true;
  return call;
}

Result<GradientTensors> GradientTensors::Separate(const GradientSet& set) {
  GradientTensors tensors(set, /*packed=*/false);
  for (std::size_t i = 0; i < set.counts.size(); ++i) {
    RONDE_ASSIGN_OR_RETURN(auto memory, AllocateZeros(set.SizeBytes(i)));
    tensors.tensors_.push_back(memory.get());
    tensors.memory_.push_back(std::move(memory));
  }
  return tensors;
}

Result<GradientTensors> GradientTensors::Packed(const GradientSet& set) {
  RONDE_ASSIGN_OR_RETURN(auto memory, AllocateZeros(set.PackedBytes()));
  return PackedIn(set, std::move(memory));
}

GradientTensors GradientTensors::PackedIn(const GradientSet& set,
                                          std::shared_ptr<std::byte> memory) {
  GradientTensors tensors(set, /*packed=*/true);
  std::byte* next = memory.get();
  for (std::size_t i = 0; i < set.counts.size(); ++i) {
    tensors.tensors_.push_back(next);
    next += PackedSize(set.SizeBytes(i));
  }
  tensors.memory_.push_back(std::move(memory));
  return tensors;
}

std::size_t GradientTensors::padding_bytes(std::size_t tensor) const {
  const std::size_t size_bytes = set_->SizeBytes(tensor);
  return packed_ ? PackedSize(size_bytes) - size_bytes : 0;
}

void GradientTensors::Fill(int rank) const {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    FillInput(set_->CallFor(set_->counts[i]), tensors_[i], rank);
  }
}

std::int64_t GradientTensors::CountWrong(ReduceOp op, int rank, int ranks) const {
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    CollectiveCall call = set_->CallFor(set_->counts[i]);
    call.op = op;
    wrong += bench::CountWrong(call, tensors_[i], rank, ranks);
  }
  return wrong;
}

}  // namespace ronde::bench
