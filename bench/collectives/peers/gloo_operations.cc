#include "bench/collectives/peers/gloo_operations.h"

#include <cstring>

#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/allreduce_halving_doubling.h>
#include <gloo/allreduce_ring_chunked.h>
#include <gloo/alltoall.h>
#include <gloo/broadcast.h>
#include <gloo/context.h>
#include <gloo/math.h>
#include <gloo/reduce_scatter.h>
#include <gloo/transport/unbound_buffer.h>
#include <gloo/types.h>

#include "bench/collectives/runner.h"

namespace ronde::bench {
namespace {

using ContextPointer = std::shared_ptr<gloo::Context>;
using Operations = std::vector<GlooOperation>;

template <typename T>
gloo::AllreduceOptions::Func ReduceFunction(ReduceOp op) {
  using Function = void (*)(void*, const void*, const void*, std::size_t);
  switch (op) {
    case ReduceOp::kProduct:
      return static_cast<Function>(&gloo::product<T>);
    case ReduceOp::kMin:
      return static_cast<Function>(&gloo::min<T>);
    case ReduceOp::kMax:
      return static_cast<Function>(&gloo::max<T>);
    default:
      return static_cast<Function>(&gloo::sum<T>);
  }
}

template <typename T>
const gloo::ReductionFunction<T>* ReductionObject(ReduceOp op) {
  switch (op) {
    case ReduceOp::kProduct:
      return gloo::ReductionFunction<T>::product;
    case ReduceOp::kMin:
      return gloo::ReductionFunction<T>::min;
    case ReduceOp::kMax:
      return gloo::ReductionFunction<T>::max;
    default:
      return gloo::ReductionFunction<T>::sum;
  }
}

template <typename T>
T* As(const void* data) {
  return static_cast<T*>(const_cast<void*>(data));  // gloo's inputs are not const
}

template <typename T>
GlooOperation NewAllreduce(const ContextPointer& context, const CollectiveCall& call,
                           gloo::AllreduceOptions::Algorithm algorithm, const char* name) {
  auto options = std::make_shared<gloo::AllreduceOptions>(context);
  const auto count = static_cast<std::size_t>(call.layout.count);
  options->setAlgorithm(algorithm);
  if (!call.in_place) options->setInput(As<T>(call.input), count);
  options->setOutput(As<T>(call.output), count);
  options->setReduceFunction(ReduceFunction<T>(call.op));
  return {name, [options] { gloo::allreduce(*options); }};
}

// The older classes work in place on one buffer, which they are bound to.
template <typename Algorithm, typename T>
GlooOperation OldAllreduce(const ContextPointer& context, const CollectiveCall& call,
                           const char* name) {
  auto algorithm =
      std::make_shared<Algorithm>(context, std::vector<T*>{As<T>(call.output)},
                                  static_cast<int>(call.layout.count), ReductionObject<T>(call.op));
  return {name, [algorithm, call] {
            if (!call.in_place) std::memcpy(call.output, call.input, call.InputBytes());
            algorithm->run();
          }};
}

template <typename T>
Operations Allreduces(const ContextPointer& context, const CollectiveCall& call) {
  using Algorithm = gloo::AllreduceOptions::Algorithm;
  Operations operations;
  operations.push_back(NewAllreduce<T>(context, call, Algorithm::RING, "ring"));
  operations.push_back(NewAllreduce<T>(context, call, Algorithm::BCUBE, "bcube"));
  if (call.layout.count <= INT32_MAX) {
    operations.push_back(
        OldAllreduce<gloo::AllreduceRingChunked<T>, T>(context, call, "ring_chunked"));
    operations.push_back(
        OldAllreduce<gloo::AllreduceHalvingDoubling<T>, T>(context, call, "halving_doubling"));
  }
  return operations;
}

// Gloo's only reduce-scatter overwrites its input and leaves the result at its start. Out of place
// it therefore works on a copy; in place the block is moved to where the caller has it.
template <typename T>
Operations Reducescatters(const ContextPointer& context, const CollectiveCall& call) {
  auto copy = std::make_shared<std::vector<std::byte>>(call.in_place ? 0 : call.InputBytes());
  T* const work = call.in_place ? As<T>(call.input) : reinterpret_cast<T*>(copy->data());
  const std::vector<int> counts(static_cast<std::size_t>(context->size),
                                static_cast<int>(call.layout.count));
  auto algorithm = std::make_shared<gloo::ReduceScatterHalvingDoubling<T>>(
      context, std::vector<T*>{work}, static_cast<int>(call.layout.input_count), counts,
      ReductionObject<T>(call.op));
  return {{"halving_doubling", [algorithm, copy, work, call] {
             if (!call.in_place)
               std::memcpy(static_cast<void*>(work), call.input, call.InputBytes());
             algorithm->run();
             if (work != call.output) std::memcpy(call.output, work, call.OutputBytes());
           }}};
}

Operations Allgathers(const ContextPointer& context, const CollectiveCall& call) {
  auto options = std::make_shared<gloo::AllgatherOptions>(context);
  if (!call.in_place) options->setInput(As<std::uint8_t>(call.input), call.InputBytes());
  options->setOutput(As<std::uint8_t>(call.output), call.OutputBytes());
  return {{"ring", [options] { gloo::allgather(*options); }}};
}

Operations Broadcasts(const ContextPointer& context, const CollectiveCall& call) {
  auto options = std::make_shared<gloo::BroadcastOptions>(context);
  options->setOutput(As<std::uint8_t>(call.output), call.OutputBytes());
  options->setRoot(call.root);
  const int rank = context->rank;
  return {{"tree", [options, call, rank] {
             CopyBroadcastRoot(call, rank);
             gloo::broadcast(*options);
           }}};
}

Operations Alltoalls(const ContextPointer& context, const CollectiveCall& call) {
  auto options = std::make_shared<gloo::AlltoallOptions>(context);
  options->setInput(As<std::uint8_t>(call.input), call.InputBytes());
  options->setOutput(As<std::uint8_t>(call.output), call.OutputBytes());
  return {{"pairwise", [options] { gloo::alltoall(*options); }}};
}

Operations SendReceives(const ContextPointer& context, const CollectiveCall& call) {
  constexpr std::uint64_t kSlot = 1 << 20;  // of no collective
  std::shared_ptr<gloo::transport::UnboundBuffer> input =
      context->createUnboundBuffer(As<void>(call.input), call.InputBytes());
  std::shared_ptr<gloo::transport::UnboundBuffer> output =
      context->createUnboundBuffer(call.output, call.OutputBytes());
  const int next = (context->rank + 1) % context->size;
  const int previous = (context->rank + context->size - 1) % context->size;
  return {{"send_receive", [input, output, next, previous] {
             input->send(next, kSlot);
             output->recv(previous, kSlot);
             input->waitSend();
             output->waitRecv();
           }}};
}

template <typename T>
Operations Reductions(const ContextPointer& context, const CollectiveCall& call) {
  return call.collective == Collective::kAllreduce ? Allreduces<T>(context, call)
                                                   : Reducescatters<T>(context, call);
}

Operations TypedReductions(const ContextPointer& context, const CollectiveCall& call) {
  switch (call.dtype) {
    case DataType::kFloat16:
      return Reductions<gloo::float16>(context, call);
    case DataType::kFloat32:
      return Reductions<float>(context, call);
    case DataType::kFloat64:
      return Reductions<double>(context, call);
    case DataType::kInt32:
      return Reductions<std::int32_t>(context, call);
    case DataType::kInt64:
      return Reductions<std::int64_t>(context, call);
    case DataType::kUInt8:
      return Reductions<std::uint8_t>(context, call);
    default:
      return {};
  }
}

}  // namespace

bool GlooSupports(const CollectiveCall& call) {
  if (!Reduces(call.collective)) return true;
  const bool has_op = call.op == ReduceOp::kSum || call.op == ReduceOp::kProduct ||
                      call.op == ReduceOp::kMin || call.op == ReduceOp::kMax;
  return has_op && call.dtype != DataType::kBFloat16 &&
         (call.collective == Collective::kAllreduce || call.layout.input_count <= INT32_MAX);
}

std::vector<GlooOperation> GlooOperationsFor(const std::shared_ptr<gloo::Context>& context,
                                             const CollectiveCall& call) {
  switch (call.collective) {
    case Collective::kAllreduce:
    case Collective::kReducescatter:
      return TypedReductions(context, call);
    case Collective::kAllgather:
      return Allgathers(context, call);
    case Collective::kBroadcast:
      return Broadcasts(context, call);
    case Collective::kAlltoall:
      return Alltoalls(context, call);
    case Collective::kSendrecv:
      return SendReceives(context, call);
  }
  return {};
}

}  // namespace ronde::bench
