#include "tests/conformance/movement_conformance.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string>

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reduce_kernels.h"
#include "collectives/reducescatter/reducescatter.h"
#include "tests/conformance/allreduce_values.h"
#include "tests/conformance/conformance_check.h"

namespace ronde {
namespace {

constexpr std::size_t kGuardBytes = 64;
constexpr std::byte kGuard{0xa5};

using Buffer = std::vector<std::byte>;

// What `rank` puts into block `block`.
Buffer BlockOf(const MovementCase& test, int rank, int block, std::int64_t count) {
  return MakeInput(test.dtype, count, test.seed * 64 + static_cast<std::uint64_t>(block), rank);
}

void Append(Buffer& to, const Buffer& block) { to.insert(to.end(), block.begin(), block.end()); }

std::byte* Prepare(std::byte* buffer, std::size_t size_bytes, std::size_t skew) {
  std::byte* const data = buffer + kGuardBytes + skew;
  std::fill_n(data - kGuardBytes, kGuardBytes + size_bytes + kGuardBytes, kGuard);
  return data;
}

bool Holds(const std::byte* data, const Buffer& expected) {
  return std::equal(expected.begin(), expected.end(), data) &&
         MovementMemory::GuardsHold(data, expected.size());
}

std::string Describe(CollectiveContext& context, const MovementCase& test,
                     const MemoryPlace& place) {
  return StrCat(context.size(), " ranks, rank ", context.rank(), ", blocks from ",
                test.counts.front(), " to ", test.counts.back(), " ", Name(test.dtype), " ",
                Name(test.op), ", root ", test.root, test.in_place ? ", in place" : "",
                place.registered() ? ", registered" : "", ", skew ", test.skew);
}

// The bound is on the rounding of p operations in another order.
bool IsNear(CollectiveContext& context, const MovementCase& test,
            const std::vector<const void*>& operands, const Buffer& expected,
            const std::byte* got) {
  const auto ranks = static_cast<double>(context.size());
  for (std::int64_t i = 0; i < test.counts[static_cast<std::size_t>(context.rank())]; ++i) {
    double magnitude = 0;
    for (const void* const operand : operands) {
      magnitude += std::abs(test.prescale * FloatAt(test.dtype, operand, i));
    }
    const double wanted = FloatAt(test.dtype, expected.data(), i);
    const double size =
        test.op == ReduceOp::kProduct ? std::abs(wanted) : magnitude * std::abs(test.postscale);
    const double bound = 2 * (2 * ranks + 2) * UnitRoundoff(test.dtype) * size +
                         (test.dtype == DataType::kFloat16 ? 0x1p-24 * ranks : 0);
    if (!(std::abs(FloatAt(test.dtype, got, i) - wanted) <= bound)) return false;
  }
  return true;
}

}  // namespace

Result<MovementMemory> MovementMemory::Create(CollectiveContext& context, std::size_t size_bytes,
                                              bool registered) {
  const std::size_t room = size_bytes + 4 * kGuardBytes;
  MovementMemory memory;
  for (auto* buffer : {&memory.input_, &memory.output_}) {
    if (registered) {
      Transport& local = context.communicator().local().transport();
      RONDE_ASSIGN_OR_RETURN(*buffer,
                             context.registered().Allocate(local, room, context.NewDeadline()));
    } else {
      *buffer = std::shared_ptr<std::byte>(
          static_cast<std::byte*>(std::aligned_alloc(kGuardBytes, (room + 63) / 64 * 64)),
          [](std::byte* data) { std::free(data); });
    }
  }
  return memory;
}

std::byte* MovementMemory::Input(std::size_t size_bytes, std::size_t skew) const {
  return Prepare(input_.get(), size_bytes, skew);
}

std::byte* MovementMemory::Output(std::size_t size_bytes, std::size_t skew) const {
  return Prepare(output_.get(), size_bytes, skew);
}

bool MovementMemory::GuardsHold(const std::byte* data, std::size_t size_bytes) {
  const auto is_guard = [](std::byte byte) { return byte == kGuard; };
  return std::all_of(data - kGuardBytes, data, is_guard) &&
         std::all_of(data + size_bytes, data + size_bytes + kGuardBytes, is_guard);
}

Status CheckAllgather(CollectiveContext& context, const MovementMemory& memory,
                      const MovementCase& test) {
  Buffer expected;
  std::size_t own_begin = 0;
  for (int rank = 0; rank < context.size(); ++rank) {
    if (rank == context.rank()) own_begin = expected.size();
    Append(expected, BlockOf(test, rank, rank, test.counts[static_cast<std::size_t>(rank)]));
  }
  const Buffer own = BlockOf(test, context.rank(), context.rank(),
                             test.counts[static_cast<std::size_t>(context.rank())]);
  std::byte* const output = memory.Output(expected.size(), test.skew);
  std::byte* const input = test.in_place ? output + own_begin : memory.Input(own.size(), test.skew);
  std::copy(own.begin(), own.end(), input);
  const AllgatherArguments arguments = {
      .input = input,
      .output = output,
      .rank_bytes = test.counts,
      .output_place = context.registered().Find(output, expected.size())};
  const std::string what = StrCat(AllgatherAlgorithm(context, arguments), " allgather, ",
                                  Describe(context, test, arguments.output_place));
  RONDE_RETURN_IF_ERROR(Allgather(context, arguments));
  CONFORM(Holds(output, expected), what);
  CONFORM(test.in_place || Holds(input, own), what);
  return Status::Ok();
}

Status CheckBroadcast(CollectiveContext& context, const MovementMemory& memory,
                      const MovementCase& test) {
  const Buffer expected = BlockOf(test, test.root, 0, test.counts.front());
  const Buffer own = BlockOf(test, context.rank(), 0, test.counts.front());
  std::byte* const data = memory.Output(own.size(), test.skew);
  std::copy(own.begin(), own.end(), data);
  const BroadcastArguments arguments = {.data = data,
                                        .size_bytes = own.size(),
                                        .root = test.root,
                                        .place = context.registered().Find(data, own.size())};
  const std::string what = StrCat(BroadcastAlgorithm(context, arguments), " broadcast, ",
                                  Describe(context, test, arguments.place));
  RONDE_RETURN_IF_ERROR(Broadcast(context, arguments));
  CONFORM(Holds(data, expected), what);
  return Status::Ok();
}

Status CheckReducescatter(CollectiveContext& context, const MovementMemory& memory,
                          const MovementCase& test) {
  Buffer input_data;
  std::size_t own_begin = 0;
  for (int block = 0; block < context.size(); ++block) {
    if (block == context.rank()) own_begin = input_data.size();
    Append(input_data,
           BlockOf(test, context.rank(), block, test.counts[static_cast<std::size_t>(block)]));
  }
  const std::int64_t count = test.counts[static_cast<std::size_t>(context.rank())];
  std::vector<Buffer> parts;
  std::vector<const void*> operands;
  for (int rank = 0; rank < context.size(); ++rank) {
    parts.push_back(BlockOf(test, rank, context.rank(), count));
    operands.push_back(parts.back().data());
  }
  Buffer expected(static_cast<std::size_t>(count) * SizeOf(test.dtype));
  if (count > 0) {
    Reduce(test.op, test.dtype, operands, expected.data(), count,
           ScalingFor(test.op, test.dtype, test.prescale, test.postscale, context.size()));
  }

  std::byte* const input = memory.Input(input_data.size(), test.skew);
  std::copy(input_data.begin(), input_data.end(), input);
  std::byte* const output =
      test.in_place ? input + own_begin : memory.Output(expected.size(), test.skew);
  const ReducescatterArguments arguments = {
      .input = input,
      .output = output,
      .rank_counts = test.counts,
      .dtype = test.dtype,
      .op = test.op,
      .prescale = test.prescale,
      .postscale = test.postscale,
      .input_place = context.registered().Find(input, input_data.size())};
  const std::string_view form = ReducescatterAlgorithm(context, arguments);
  const std::string what =
      StrCat(form, " reducescatter, ", Describe(context, test, arguments.input_place));
  RONDE_RETURN_IF_ERROR(Reducescatter(context, arguments));
  const bool one_tree = form != "ring" && form != "hierarchical";
  const bool exact = one_tree || !IsFloatingPoint(test.dtype);
  CONFORM(exact ? std::equal(expected.begin(), expected.end(), output)
                : IsNear(context, test, operands, expected, output),
          what);
  if (test.in_place) {
    std::copy_n(output, expected.size(), input_data.data() + own_begin);
  } else {
    CONFORM(MovementMemory::GuardsHold(output, expected.size()), what);
  }
  CONFORM(Holds(input, input_data), what);
  return Status::Ok();
}

Status CheckAlltoall(CollectiveContext& context, const MovementMemory& memory,
                     const MovementCase& test) {
  const int ranks = context.size();
  std::vector<std::int64_t> block_bytes;
  for (int from = 0; from < ranks; ++from) {
    for (const std::int64_t count : test.counts) block_bytes.push_back(count + from % 2);
  }
  Buffer input_data;
  Buffer expected;
  for (int peer = 0; peer < ranks; ++peer) {
    const auto sent = static_cast<std::size_t>(context.rank() * ranks + peer);
    const auto received = static_cast<std::size_t>(peer * ranks + context.rank());
    Append(input_data, BlockOf(test, context.rank(), peer, block_bytes[sent]));
    Append(expected, BlockOf(test, peer, context.rank(), block_bytes[received]));
  }
  std::byte* const input = memory.Input(input_data.size(), test.skew);
  std::copy(input_data.begin(), input_data.end(), input);
  std::byte* const output = memory.Output(expected.size(), test.skew);
  const AlltoallArguments arguments = {
      .input = input,
      .output = output,
      .block_bytes = block_bytes,
      .input_place = context.registered().Find(input, input_data.size())};
  const std::string what = StrCat(AlltoallAlgorithm(context, arguments), " alltoall, ",
                                  Describe(context, test, arguments.input_place));
  RONDE_RETURN_IF_ERROR(Alltoall(context, arguments));
  CONFORM(Holds(output, expected), what);
  CONFORM(Holds(input, input_data), what);
  return Status::Ok();
}

}  // namespace ronde
